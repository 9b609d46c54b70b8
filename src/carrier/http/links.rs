//! The addresses that carriers call us at. Each carries our own signed reference to
//! its attempt, so any gateway finds it without a look-up, and nobody can guess one.
//! None carries a code or a number.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

use crate::model::{AttemptId, Channel};
use crate::seal::Keys;

/// What an address is for; a reference for one is worth nothing for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Reports about an SMS.
    Sms,
    /// Reports about a call.
    Voice,
    /// Documents of a call.
    Call,
    /// Audio of a call.
    Audio,
}

impl Purpose {
    /// The word in the address.
    pub fn as_str(self) -> &'static str {
        match self {
            Purpose::Sms => "sms",
            Purpose::Voice => "voice",
            Purpose::Call => "call",
            Purpose::Audio => "audio",
        }
    }
}

impl From<Channel> for Purpose {
    /// Reports over a channel.
    fn from(channel: Channel) -> Self {
        match channel {
            Channel::Sms => Purpose::Sms,
            Channel::Voice => Purpose::Voice,
        }
    }
}

/// Makes and opens the addresses of one carrier.
#[derive(Clone)]
pub struct Links {
    /// Scheme and host of the gateway; empty: carriers cannot reach it.
    origin: String,
    carrier: String,
    keys: Arc<Keys>,
}

impl Links {
    /// Addresses of `carrier` under the gateway's public URL, which may be empty.
    pub fn new(public_url: &str, carrier: &str, keys: Arc<Keys>) -> Self {
        Links { origin: public_url.trim_end_matches('/').to_owned(), carrier: carrier.to_owned(), keys }
    }

    fn under(&self, rest: std::fmt::Arguments<'_>) -> Option<String> {
        (!self.origin.is_empty()).then(|| format!("{}/webhooks/{}/{rest}", self.origin, self.carrier))
    }

    fn context(&self, purpose: Purpose) -> String {
        format!("{}/{}", purpose.as_str(), self.carrier)
    }

    /// The address for an attempt; `None`: carriers cannot reach this gateway.
    pub fn to(&self, purpose: Purpose, attempt: AttemptId) -> Option<String> {
        let reference = self.keys.reference(&self.context(purpose), attempt);
        self.under(format_args!("{}/{reference}", purpose.as_str()))
    }

    /// The attempt of a reference that this gateway signed for this carrier and purpose.
    pub fn open(&self, purpose: Purpose, reference: &str) -> Option<AttemptId> {
        self.keys.open_reference(&self.context(purpose), reference)
    }

    /// The carrier's own key, in place of a reference: for what it posts to one address
    /// that somebody pasted into its console. It outlives rotations of the master key.
    pub fn key(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.keys.digest("webhook key", &[self.carrier.as_bytes()]).0)
    }

    /// Whether a text is that key.
    pub fn is_key(&self, text: &str) -> bool {
        text.as_bytes().ct_eq(self.key().as_bytes()).into()
    }

    /// The address for messages from phones.
    pub fn inbound(&self) -> Option<String> {
        self.under(format_args!("inbound/{}", self.key()))
    }

    /// The address for reports that name their attempt by the carrier's own id.
    pub fn by_its_id(&self, purpose: Purpose) -> Option<String> {
        self.under(format_args!("{}/{}", purpose.as_str(), self.key()))
    }

    /// The public address of what came in at this path and query.
    pub fn public(&self, path_and_query: &str) -> String {
        format!("{}{path_and_query}", self.origin)
    }
}
