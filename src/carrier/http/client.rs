//! The one HTTP client of all carriers: connections are kept, redirects are not
//! followed, certificates are always checked, answers have a largest size.

use std::path::Path;
use std::time::Duration;

use reqwest::{Method, header::HeaderMap};
use serde_json::Value as Json;

use crate::config::CarrierHttpOptions;

/// A request that is ready to go. It holds a code: it never prints.
pub struct Outgoing {
    /// Method.
    pub method: Method,
    /// Whole URL. May hold a number or key: it is never logged.
    pub url: reqwest::Url,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The body, if it is JSON.
    pub json: Option<Json>,
}

/// Why nothing came back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No connection, so the carrier has nothing.
    #[error("no connection: {0}")]
    NotSent(String),
    /// It was sent, and what became of it nobody knows.
    #[error("no answer: {0}")]
    NoAnswer(String),
}

/// The client. Cloning shares its connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    largest: usize,
}

impl Client {
    /// A client with these options. `Err` says what is wrong with them.
    pub fn new(options: &CarrierHttpOptions) -> Result<Self, String> {
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("otp-gateway/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(options.connect_timeout_seconds))
            .timeout(Duration::from_secs(options.timeout_seconds))
            .pool_idle_timeout(Duration::from_secs(30))
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .use_rustls_tls();
        if !options.ca_file.as_os_str().is_empty() {
            for certificate in authorities(&options.ca_file)? {
                http = http.add_root_certificate(certificate);
            }
        }
        let http = http.build().map_err(|error| format!("the HTTP client cannot be made: {error}"))?;
        Ok(Client { http, largest: options.answer_limit_bytes })
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&self, outgoing: Outgoing) -> Result<Reply, Fault> {
        let request = self.http.request(outgoing.method, outgoing.url).headers(outgoing.headers).body(outgoing.body);
        let mut response = request.send().await.map_err(|error| match error.is_connect() || error.is_builder() {
            true => Fault::NotSent(told(&error)),
            false => Fault::NoAnswer(told(&error)),
        })?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| Fault::NoAnswer(told(&error)))? {
            if body.len() + chunk.len() > self.largest {
                return Err(Fault::NoAnswer(format!("the answer is larger than {} bytes", self.largest)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status, headers, json: serde_json::from_slice(&body).ok() })
    }
}

fn authorities(path: &Path) -> Result<Vec<reqwest::Certificate>, String> {
    let pem = std::fs::read(path).map_err(|error| format!("{}: cannot be read: {error}", path.display()))?;
    reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| format!("{}: is no PEM file: {error}", path.display()))
}

/// An error without its URL, which may hold a number, with what is behind it.
fn told(error: &reqwest::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    match error.is_timeout() {
        true => "it took too long".into(),
        false => deepest.to_string(),
    }
}
