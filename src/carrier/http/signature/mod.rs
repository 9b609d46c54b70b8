//! Whether a webhook comes from who it says: each scheme is a function over the raw
//! body, our own public URL (never the Host header) and the headers. Comparisons take
//! the same time whatever differs.

mod jwt;
mod plivo;
mod standard;
mod telnyx;
mod twilio;

use reqwest::header::HeaderMap;
use ring::digest;

use super::profile::{Fillings, Scheme, Webhooks};
use crate::model::{Ms, SECOND, Secret};

/// What came in.
#[derive(Clone, Copy)]
pub struct Incoming<'a> {
    /// HTTP method.
    pub method: &'a str,
    /// The public URL that the carrier called, with its query.
    pub url: &'a str,
    /// Headers.
    pub headers: &'a HeaderMap,
    /// The raw body.
    pub body: &'a [u8],
    /// Now.
    pub now: Ms,
}

impl Incoming<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The fields of a form; none for another kind of body.
    fn form(&self) -> Vec<(String, String)> {
        let kind = self.header("content-type").unwrap_or_default();
        match kind.starts_with("application/x-www-form-urlencoded") {
            true => url::form_urlencoded::parse(self.body).into_owned().collect(),
            false => Vec::new(),
        }
    }
}

/// Why a webhook is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// The signature is missing or wrong.
    #[error("the signature is missing or wrong")]
    Signature,
    /// The signature is right, and too old or from the future.
    #[error("the time stamp is outside of the window")]
    Stale,
}

/// Checks one carrier's webhooks.
pub struct Verifier {
    scheme: Scheme,
    key: Secret<String>,
    window_ms: Ms,
}

/// The window of schemes with a time stamp when the profile names none, in seconds.
const WINDOW_SECONDS: u64 = 300;

impl Verifier {
    /// With the operator's key in it. `Err` says which option is missing or wrong.
    pub fn new(webhooks: &Webhooks, options: &Fillings) -> Result<Self, String> {
        let key = match &webhooks.key {
            None => String::new(),
            Some(pattern) => pattern.required(options)?,
        };
        if webhooks.signature == Scheme::TelnyxEd25519 {
            telnyx::public_key(&key).ok_or("the public key is not 32 bytes in base64")?;
        }
        if webhooks.signature == Scheme::StandardWebhooks {
            standard::secret(&key).ok_or("the secret is not whsec_ and base64")?;
        }
        let window_ms = webhooks.replay_seconds.unwrap_or(WINDOW_SECONDS) * SECOND;
        Ok(Verifier { scheme: webhooks.signature, key: Secret::new(key), window_ms })
    }

    /// Whether the signature is the scheme's own, not only our reference in the URL.
    pub fn signs(&self) -> bool {
        self.scheme != Scheme::Reference
    }

    /// Whether it is genuine.
    pub fn check(&self, incoming: &Incoming<'_>) -> Result<(), Forged> {
        let key = self.key.reveal();
        // No carrier sends one, and not every scheme would cover it.
        if incoming.method == "GET" && !incoming.body.is_empty() {
            return Err(Forged::Signature);
        }
        match self.scheme {
            Scheme::Reference => Ok(()),
            Scheme::Twilio => twilio::check(key, incoming),
            Scheme::PlivoV3 => plivo::check(key, incoming),
            Scheme::VonageJwt => jwt::check(key, incoming).and_then(|at| self.in_window(at, incoming)),
            Scheme::TelnyxEd25519 => telnyx::check(key, incoming).and_then(|at| self.in_window(at, incoming)),
            Scheme::StandardWebhooks => standard::check(key, incoming).and_then(|at| self.in_window(at, incoming)),
        }
    }

    fn in_window(&self, at: Ms, incoming: &Incoming<'_>) -> Result<(), Forged> {
        if incoming.now.abs_diff(at) <= self.window_ms { Ok(()) } else { Err(Forged::Stale) }
    }
}

/// The hash of a body, in hexadecimal figures.
fn sha256(body: &[u8]) -> String {
    digest::digest(&digest::SHA256, body).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Unix seconds as they stand in a header.
fn seconds(text: &str) -> Option<Ms> {
    text.trim().parse::<u64>().ok()?.checked_mul(SECOND)
}
