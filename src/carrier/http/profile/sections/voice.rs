//! How an upstream makes a call.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::fill::{Pattern, Shape};
use super::super::place::{Condition, ErrorPlace, Place};
use super::{AnswerSpec, Body, ReceiptSpec, Request};
use crate::voice::{Dialect, Speaker};

/// How a call is made.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voice {
    /// How its documents are written; absent: the request holds the whole text.
    #[serde(deserialize_with = "dialect")]
    pub document: Option<Dialect>,
    /// What `{machine_detection}` is when that is switched on.
    pub machine_detection: Option<String>,
    /// Whether it can wait for a key before it says the code.
    #[serde(default = "yes")]
    pub gate: bool,
    /// Languages that its own voice speaks.
    #[serde(default)]
    pub speaks: BTreeMap<String, Speaker>,
    /// The request.
    pub request: Request,
    /// Its answer.
    #[serde(default)]
    pub answer: AnswerSpec,
    /// Ends a call.
    pub cancel: Option<Request>,
    /// Tells a call's state.
    pub ask: Option<AskSpec>,
    /// What arrives at `{callback}`.
    pub receipt: Option<ReceiptSpec>,
    /// Requests that fetch the next document.
    pub input: Option<InputSpec>,
}

fn dialect<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<Dialect>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "document is twiml, texml, ncco, plivo_xml or none")]
    enum Written {
        None(None),
        Some(Dialect),
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum None {
        None,
    }
    match Written::deserialize(d)? {
        Written::None(None::None) => Ok(Option::None),
        Written::Some(dialect) => Ok(Some(dialect)),
    }
}

fn yes() -> bool {
    true
}

/// A request that tells a call's state.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskSpec {
    /// HTTP method.
    #[serde(default = "get")]
    pub method: String,
    /// After the base URL.
    pub path: Pattern,
    /// Fields of the query.
    #[serde(default)]
    pub query: BTreeMap<String, Shape>,
    /// The status; its meanings are the receipt's.
    pub status: Place,
    /// Where an error code stands.
    #[serde(default)]
    pub errors: Vec<ErrorPlace>,
    /// HTTP statuses that mean: no such call.
    #[serde(default)]
    pub never_seen: Vec<u16>,
}

fn get() -> String {
    "GET".into()
}

impl AskSpec {
    /// The request.
    pub fn request(&self) -> Request {
        let (method, path, query) = (self.method.clone(), self.path.clone(), self.query.clone());
        Request { method, path, query, headers: BTreeMap::new(), form: None, json: None }
    }
}

/// How a request for the next document is read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputSpec {
    /// How it is written.
    pub body: Body,
    /// A pressed key.
    pub digits: Place,
    /// What tells that a machine answered.
    pub machine: Option<Condition>,
    /// The carrier's own id of the call.
    pub id: Option<Place>,
}
