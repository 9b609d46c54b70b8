//! `carrier.toml` as types: what an upstream is like. `docs/carriers.md` explains
//! each section to those who write one.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::fill::{Pattern, Shape};
use super::place::{Condition, ErrorPlace, Place};
use crate::model::{Channel, LimitSpec};

mod incoming;
mod voice;

pub use incoming::*;
pub use voice::*;

/// A whole `carrier.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// Its name for people.
    pub title: String,
    /// The page that describes its API.
    #[serde(default)]
    pub docs: String,
    /// Scheme and host, before every path; empty if paths are whole URLs.
    pub base_url: String,
    /// Other base URLs by name.
    #[serde(default)]
    pub regions: BTreeMap<String, String>,
    /// What the operator must give.
    #[serde(default)]
    pub options: BTreeMap<String, OptionSpec>,
    /// How requests prove who sends them.
    pub sign_in: SignIn,
    /// Documented submits.
    #[serde(default)]
    pub throughput: Throughput,
    /// How an SMS is sent.
    pub sms: Option<Sms>,
    /// How a call is made.
    pub voice: Option<Voice>,
    /// How its reports prove who sends them.
    pub webhooks: Webhooks,
    /// Messages from phones.
    pub inbound: Option<Inbound>,
    /// A request that checks the credentials and sends nothing.
    pub probe: Option<Probe>,
}

impl Upstream {
    /// How the answer to a submit over a channel is read.
    pub fn answer(&self, channel: Channel) -> Option<&AnswerSpec> {
        match channel {
            Channel::Sms => self.sms.as_ref().map(|sms| &sms.answer),
            Channel::Voice => self.voice.as_ref().map(|voice| &voice.answer),
        }
    }

    /// How reports over a channel are read.
    pub fn receipt(&self, channel: Channel) -> Option<&ReceiptSpec> {
        match channel {
            Channel::Sms => self.sms.as_ref()?.receipt.as_ref(),
            Channel::Voice => self.voice.as_ref()?.receipt.as_ref(),
        }
    }
}

/// One option of the operator.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptionSpec {
    /// What it is, and where to find it.
    pub about: String,
    /// Never shown.
    #[serde(default)]
    pub secret: bool,
    /// May be left out.
    #[serde(default)]
    pub optional: bool,
    /// What counts if it is left out.
    pub default: Option<String>,
}

/// How requests prove who sends them.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum SignIn {
    /// Nothing beside the fields.
    None {},
    /// HTTP Basic (RFC 7617).
    Basic {
        /// User name.
        user: Pattern,
        /// Password.
        password: Pattern,
    },
    /// One header.
    Header {
        /// Its name.
        name: String,
        /// Its value.
        value: Pattern,
    },
    /// A JWT that an application's RSA key signs (RS256), as Vonage wants it.
    VonageJwt {
        /// The application.
        application_id: Pattern,
        /// Its key, PEM.
        private_key: Pattern,
    },
}

/// Documented submits, over all gateways.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Throughput {
    /// SMS.
    pub sms: Option<LimitSpec>,
    /// Calls.
    pub voice: Option<LimitSpec>,
    /// Where that stands.
    #[serde(default)]
    pub page: String,
}

/// One request.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// HTTP method.
    #[serde(default = "post")]
    pub method: String,
    /// After the base URL; or, where that is empty, the whole URL.
    #[serde(alias = "url")]
    pub path: Pattern,
    /// Fields of the query.
    #[serde(default)]
    pub query: BTreeMap<String, Shape>,
    /// Headers beside the sign-in.
    #[serde(default)]
    pub headers: BTreeMap<String, Pattern>,
    /// A form as body.
    pub form: Option<BTreeMap<String, Shape>>,
    /// JSON as body.
    pub json: Option<Shape>,
}

fn post() -> String {
    "POST".into()
}

impl Request {
    /// Every placeholder in it.
    pub fn holes(&self) -> impl Iterator<Item = &str> {
        let fields = self.query.values().chain(self.form.iter().flat_map(BTreeMap::values)).chain(&self.json);
        self.path.holes().chain(self.headers.values().flat_map(Pattern::holes)).chain(fields.flat_map(Shape::holes))
    }
}

/// How the answer to a submit is read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerSpec {
    /// HTTP statuses that may mean accepted; empty: every 2xx.
    #[serde(default)]
    pub status: Vec<u16>,
    /// What must hold in the body as well.
    #[serde(default)]
    pub accepted: Vec<Condition>,
    /// The carrier's own id.
    pub id: Option<Place>,
    /// Where an error code stands, tried in this order.
    #[serde(default)]
    pub errors: Vec<ErrorPlace>,
}

/// How an SMS is sent.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sms {
    /// Most characters.
    pub longest_text: Option<usize>,
    /// Seconds that may be asked for; absent: the API has no validity.
    pub validity: Option<Validity>,
    /// The request.
    pub request: Request,
    /// Its answer.
    #[serde(default)]
    pub answer: AnswerSpec,
    /// What arrives at `{callback}`.
    pub receipt: Option<ReceiptSpec>,
}

/// Seconds that a message may be asked to live.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validity {
    /// Least.
    pub least: u64,
    /// Most.
    pub most: u64,
}

/// A request that checks the credentials and sends nothing.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The request.
    pub request: Request,
    /// The balance.
    pub balance: Option<PricePlace>,
    /// Where an error code stands.
    #[serde(default)]
    pub errors: Vec<ErrorPlace>,
}
