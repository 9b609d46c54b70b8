//! Around every request: an id, a log line, a metric, a time limit, headers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::task::AbortHandle;
use tracing::Instrument;

use super::{Kind, Problem};
use crate::telemetry::Metrics;

/// Gives the request an id, counts and logs it. The log holds the route's
/// pattern: a path or query may hold what must not be logged.
pub async fn observe(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = request_id();
    // Anybody may send any word as a method: only known ones become a label.
    let is_known =
        matches!(*request.method(), Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::DELETE);
    let endpoint = match request.extensions().get::<MatchedPath>() {
        Some(path) if is_known => format!("{} {}", request.method(), path.as_str()),
        _ => "unknown".to_owned(),
    };
    let span = tracing::info_span!("request", id = %id);
    let mut response = next.run(request).instrument(span.clone()).await;
    let (status, took) = (response.status().as_u16(), begun.elapsed());
    metrics.request(&endpoint, status, took.as_secs_f64());
    span.in_scope(|| {
        let took_ms = took.as_secs_f64() * 1e3;
        if status >= 500 {
            tracing::error!(endpoint, status, took_ms, "Request failed.");
        } else {
            tracing::debug!(endpoint, status, took_ms, "Request ended.");
        }
    });
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert("x-request-id", id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn request_id() -> String {
    let bytes: [u8; 8] = crate::seal::random();
    format!("req_{:016x}", u64::from_be_bytes(bytes))
}

/// Whether a request's body has arrived whole; set by whoever reads it.
#[derive(Clone, Default)]
pub struct Arrived(pub Arc<AtomicBool>);

/// Ends a request's task when nobody waits for it any more, unless it has arrived.
struct Waiting {
    task: AbortHandle,
    arrived: Arrived,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.arrived.0.load(Ordering::Acquire) {
            self.task.abort();
        }
    }
}

/// Lets a request that has arrived run to its end, also when its client goes away:
/// what was stored is run, and what was taken is given back.
pub async fn detached(mut request: Request, next: Next) -> Response {
    let arrived = Arrived::default();
    request.extensions_mut().insert(arrived.clone());
    let task = tokio::spawn(next.run(request).in_current_span());
    let _waiting = Waiting { task: task.abort_handle(), arrived };
    match task.await {
        Ok(response) => response,
        Err(error) => {
            tracing::error!(%error, "A request ended in a fault.");
            Problem::new(Kind::Internal, "this is a fault of the gateway; its log has the request id").into_response()
        }
    }
}

/// Ends a request that takes too long to arrive or to answer.
pub async fn time_limit(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = format!("a request must arrive and be answered within {} s", limit.as_secs());
            let mut response = Problem::new(Kind::RequestTimeout, detail).into_response();
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            response
        }
    }
}
