//! `/healthz`: the process lives. `/readyz`: it can take requests. `/metrics`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::store::Store;
use crate::telemetry::Metrics;

/// How long an answer of the store's is given again: anybody may ask, and each look
/// writes to the store.
const GIVEN_AGAIN: Duration = Duration::from_secs(1);

struct Readiness {
    store: Store,
    /// When the store was asked last, and what it said.
    last: tokio::sync::Mutex<Option<(Instant, bool)>>,
}

pub fn router(store: Store, metrics: Arc<Metrics>) -> Router {
    let readiness = Arc::new(Readiness { store, last: tokio::sync::Mutex::default() });
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready).with_state(readiness))
        .route("/metrics", get(show).with_state(metrics))
}

async fn ready(State(readiness): State<Arc<Readiness>>) -> Response {
    let mut last = readiness.last.lock().await;
    let known = last.filter(|(asked, _)| asked.elapsed() < GIVEN_AGAIN).map(|(_, is_ready)| is_ready);
    let is_ready = match known {
        Some(is_ready) => is_ready,
        None => {
            let answer = readiness.store.facts.ping().await;
            if let Err(error) = &answer {
                tracing::warn!(%error, "Not ready.");
            }
            *last = Some((Instant::now(), answer.is_ok()));
            answer.is_ok()
        }
    };
    match is_ready {
        true => "ready\n".into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, "not ready: the store cannot be written\n").into_response(),
    }
}

async fn show(State(metrics): State<Arc<Metrics>>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], metrics.encode()).into_response()
}
