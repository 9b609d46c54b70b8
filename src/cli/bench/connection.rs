//! The load's HTTP client: a server under load, one keep-alive connection to it,
//! and a pool of such. Lighter than the client of the other commands, so that the
//! load costs the machine little; owns how a failed exchange is named.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::cli::Failure;

/// A request that is not answered in this time counts as `timeout`.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// What went wrong, in one word that errors are counted by.
pub type Kind = Cow<'static, str>;

/// A server under load.
pub struct Target {
    address: String,
    /// What stands before every path, without its last slash.
    prefix: String,
    headers: HeaderMap,
}

impl Target {
    /// The server at this URL, asked with this key.
    pub fn new(url: &str, api_key: &str) -> Result<Self, Failure> {
        let unusable =
            || Failure(format!("{url:?} cannot be used; the load speaks plain HTTP, give --url http://HOST:PORT"));
        let uri: Uri = url.parse().map_err(|_| unusable())?;
        let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http")).ok_or_else(unusable)?;
        let bearer = HeaderValue::from_str(&format!("Bearer {api_key}"));
        let mut bearer = bearer.map_err(|_| Failure("the API key holds characters that no key has".into()))?;
        bearer.set_sensitive(true);
        let headers = [
            (header::HOST, HeaderValue::from_str(authority.as_str()).map_err(|_| unusable())?),
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (header::AUTHORIZATION, bearer),
        ];
        Ok(Target {
            address: format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(80)),
            prefix: uri.path().trim_end_matches('/').to_owned(),
            headers: headers.into_iter().collect(),
        })
    }

    fn request(&self, method: Method, path: &str, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() =
            format!("{}{path}", self.prefix).parse().expect("a path that was read, and one of our own with a plain id");
        *request.headers_mut() = self.headers.clone();
        request
    }
}

/// An answer, read whole.
pub struct Answer {
    status: StatusCode,
    body: Bytes,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(rename = "type")]
    kind: String,
    limit: Option<String>,
}

impl Answer {
    /// The body of a success. Otherwise the word of the problem (`limit_country`
    /// names the limit too), or `status_502` where no problem document came.
    pub fn success(self) -> Result<Bytes, Kind> {
        if self.status.is_success() {
            return Ok(self.body);
        }
        let word = serde_json::from_slice::<Problem>(&self.body).ok().and_then(|problem| {
            let word = match problem.limit {
                Some(limit) => format!("limit_{limit}"),
                None => problem.kind.rsplit('/').next()?.to_owned(),
            };
            // It is printed: whoever answered must not write to the terminal.
            let is_word = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            (is_word && (1..=40).contains(&word.len())).then_some(word)
        });
        Err(word.unwrap_or_else(|| format!("status_{}", self.status.as_u16())).into())
    }
}

/// A body that is JSON.
pub fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Kind> {
    serde_json::from_slice(body).map_err(|_| "unreadable".into())
}

/// One connection. It opens with the first request, and again after a fault.
pub struct Connection {
    target: Arc<Target>,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Connection {
    pub fn new(target: Arc<Target>) -> Self {
        Connection { target, sender: None }
    }

    /// Sends one request and reads its answer.
    pub async fn exchange(&mut self, method: Method, path: &str, body: Bytes) -> Result<Answer, Kind> {
        let request = self.target.request(method, path, body);
        // Dropped half-way, an exchange takes its connection with it.
        tokio::time::timeout(ANSWER_WITHIN, self.send(request)).await.unwrap_or(Err("timeout".into()))
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, Kind> {
        let mut sender = match self.still_open().await {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        let response = match sender.try_send_request(request).await {
            Ok(response) => response,
            // The server closed the idle connection just now; a request that comes back was not sent.
            Err(mut error) => match error.take_message() {
                Some(request) => {
                    sender = self.connect().await?;
                    sender.send_request(request).await.map_err(|_| "cut")?
                }
                None => return Err("cut".into()),
            },
        };
        let status = response.status();
        let body = response.into_body().collect().await.map_err(|_| "cut")?.to_bytes();
        self.sender = Some(sender);
        Ok(Answer { status, body })
    }

    async fn still_open(&mut self) -> Option<SendRequest<Full<Bytes>>> {
        let mut sender = self.sender.take()?;
        sender.ready().await.ok()?;
        Some(sender)
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Kind> {
        let stream = TcpStream::connect(&*self.target.address).await.map_err(|_| "connect")?;
        // Small requests must not wait for an acknowledgement of the one before.
        stream.set_nodelay(true).map_err(|_| "connect")?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|_| "connect")?;
        // It ends when the sender is dropped; how it ended shows at the next request.
        tokio::spawn(connection);
        Ok(sender)
    }
}

/// Connections that many share; whoever finds none free waits for one.
pub struct Pool {
    target: Arc<Target>,
    free: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

impl Pool {
    pub fn new(target: Arc<Target>, connections: usize) -> Self {
        Pool { target, free: Semaphore::new(connections), idle: Mutex::default() }
    }

    /// Posts over whichever connection is free.
    pub async fn post(&self, path: &str, body: Bytes) -> Result<Answer, Kind> {
        let _permit = self.free.acquire().await.expect("the pool is never closed");
        let idle = self.idle.lock().expect("no panic while held").pop();
        let mut connection = idle.unwrap_or_else(|| Connection::new(self.target.clone()));
        let answer = connection.exchange(Method::POST, path, body).await;
        self.idle.lock().expect("no panic while held").push(connection);
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_is_spoken() {
        let target = Target::new("http://[::1]:8080/behind/", "demo-key").unwrap();
        assert_eq!((&*target.address, &*target.prefix), ("[::1]:8080", "/behind"));
        let target = Target::new("http://gateway.example", "demo-key").unwrap();
        assert_eq!((&*target.address, &*target.prefix), ("gateway.example:80", ""));
        for url in ["https://gateway.example", "gateway.example:8080", "/", ""] {
            assert!(Target::new(url, "demo-key").is_err(), "{url}");
        }
    }

    #[test]
    fn a_failure_is_one_word() {
        let kind = |status: u16, body: &'static str| {
            let status = StatusCode::from_u16(status).unwrap();
            Answer { status, body: Bytes::from_static(body.as_bytes()) }.success().unwrap_err()
        };
        assert_eq!(kind(429, r#"{"type":"/problems/limit","limit":"country"}"#), "limit_country");
        assert_eq!(kind(503, r#"{"type":"/problems/store_unavailable","status":503}"#), "store_unavailable");
        assert_eq!(kind(502, "<html>"), "status_502");
        assert_eq!(kind(500, r#"{"type":"/problems/\u001b[2J"}"#), "status_500");
    }
}
