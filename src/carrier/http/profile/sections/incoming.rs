//! What an upstream posts to us: reports, messages from phones, and how they prove who
//! sends them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::fill::Pattern;
use super::super::place::{Condition, ErrorPlace, Place};
use crate::model::Cause;

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// `application/x-www-form-urlencoded`.
    Form,
    /// JSON.
    Json,
    /// The URL's query.
    Query,
}

/// How a report is read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptSpec {
    /// How it is written.
    pub body: Body,
    /// A list of which each item is a report; absent: one.
    pub each: Option<Place>,
    /// What must hold for it to be a report; others are ignored.
    #[serde(default)]
    pub when: Vec<Condition>,
    /// The carrier's own id.
    pub id: Option<Place>,
    /// The status.
    pub status: Place,
    /// What the statuses mean.
    pub statuses: BTreeMap<String, Word>,
    /// Where an error code stands, tried in this order.
    #[serde(default)]
    pub errors: Vec<ErrorPlace>,
    /// What tells that a machine answered the call.
    pub machine: Option<Condition>,
    /// What it cost.
    pub price: Option<PricePlace>,
    /// The phone's network.
    pub network: Option<NetworkPlace>,
}

/// What a status means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Word {
    /// Nothing new.
    Wait,
    /// The phone rings.
    Ringing,
    /// Answered.
    Answered,
    /// It reached the phone.
    Delivered,
    /// The call is over; what was said decides.
    Ended,
    /// It failed, for this unless an error code says more.
    Failed(Cause),
}

impl TryFrom<String> for Word {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Ok(match text.as_str() {
            "wait" => Word::Wait,
            "ringing" => Word::Ringing,
            "answered" => Word::Answered,
            "delivered" => Word::Delivered,
            "ended" => Word::Ended,
            other => Word::Failed(other.parse().map_err(|()| {
                format!("{other:?} is no meaning; write wait, ringing, answered, delivered, ended or a cause")
            })?),
        })
    }
}

/// Where a price stands.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PricePlace {
    /// The decimal amount.
    pub amount: Place,
    /// Its currency, three letters.
    pub currency: Option<Place>,
    /// Or always this one.
    pub currency_is: Option<String>,
}

/// Where the phone's network stands.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkPlace {
    /// MCC and MNC in one.
    pub mcc_mnc: Option<Place>,
    /// MCC.
    pub mcc: Option<Place>,
    /// MNC.
    pub mnc: Option<Place>,
}

/// How reports prove who sends them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    /// The scheme.
    pub signature: Scheme,
    /// Its key.
    pub key: Option<Pattern>,
    /// Older ones are refused, in seconds.
    pub replay_seconds: Option<u64>,
}

/// Signature schemes, each a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// `X-Twilio-Signature`.
    Twilio,
    /// `Authorization: Bearer` with a JWT that holds the body's hash.
    VonageJwt,
    /// `telnyx-signature-ed25519`.
    TelnyxEd25519,
    /// `X-Plivo-Signature-V3`.
    PlivoV3,
    /// `webhook-signature` (Standard Webhooks).
    StandardWebhooks,
    /// None: the signed reference in the URL is the proof.
    Reference,
}

/// Messages from phones.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inbound {
    /// How it is written.
    pub body: Body,
    /// A list of which each item is a message; absent: one.
    pub each: Option<Place>,
    /// What must hold for it to be a message.
    #[serde(default)]
    pub when: Vec<Condition>,
    /// The person's number.
    pub from: Place,
    /// The sender that it was sent to.
    pub to: Place,
    /// The text.
    pub text: Place,
    /// What is answered; absent: 200 and nothing.
    pub answer: Option<InboundAnswer>,
}

/// What an inbound message is answered.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InboundAnswer {
    /// Content type.
    #[serde(rename = "type")]
    pub content_type: String,
    /// Body.
    pub body: String,
}
