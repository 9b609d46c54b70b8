//! The HTTP client for a running gateway. Errors become one line with a hint.

use std::time::Duration;

use serde_json::Value;

use super::{Failure, GatewayArgs};

/// A connection to a running gateway.
pub struct Client {
    http: reqwest::Client,
    url: String,
    key: String,
}

/// An answer: whether it was a success, and its JSON.
pub struct Reply {
    /// 2xx.
    pub ok: bool,
    /// The body.
    pub body: Value,
}

impl Client {
    pub fn new(args: &GatewayArgs) -> Result<Self, Failure> {
        let key = args.key()?.to_owned();
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(30))
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Client { http, url: args.url.trim_end_matches('/').to_owned(), key })
    }

    pub async fn get(&self, path: &str) -> Result<Reply, Failure> {
        self.reply(self.http.get(format!("{}{path}", self.url))).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Result<Reply, Failure> {
        // The same key on a repeat: a lost answer does not send twice.
        let request = self.http.post(format!("{}{path}", self.url)).json(body);
        self.reply(request.header("Idempotency-Key", format!("cli-{}", token()))).await
    }

    async fn reply(&self, request: reqwest::RequestBuilder) -> Result<Reply, Failure> {
        let response = request.bearer_auth(&self.key).send().await.map_err(|error| {
            let why = why(&error);
            Failure(format!("{} {why}; is the gateway running? (`otp-gateway demo`, or --url)", self.url))
        })?;
        let status = response.status();
        let body: Value = response.json().await.map_err(|_| {
            Failure(format!("{} answered {status} without JSON; is it an otp-gateway? (--url)", self.url))
        })?;
        Ok(Reply { ok: status.is_success(), body })
    }
}

/// Why nothing came back.
pub fn why(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() { "does not answer" } else { "cannot be reached" }
}

fn token() -> String {
    u128::from_be_bytes(crate::seal::token().0).to_string()
}

impl Reply {
    /// The body of a success, or the problem as one line.
    pub fn success(self) -> Result<Value, Failure> {
        if self.ok { Ok(self.body) } else { Err(self.problem()) }
    }

    fn problem(&self) -> Failure {
        let text = |name: &str| self.body[name].as_str().unwrap_or_default().to_owned();
        let word = text("type").rsplit('/').next().unwrap_or_default().to_owned();
        Failure(format!("{word}: {}; {}", text("title").to_lowercase(), text("detail")))
    }
}
