//! `/healthz`: the process lives. `/readyz`: it can take requests. `/metrics`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::store::Store;
use crate::telemetry::Metrics;

pub fn router(store: Store, metrics: Arc<Metrics>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready).with_state(store))
        .route("/metrics", get(show).with_state(metrics))
}

async fn ready(State(store): State<Store>) -> Response {
    match store.facts.ping().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => {
            tracing::warn!(%error, "Not ready.");
            (StatusCode::SERVICE_UNAVAILABLE, "not ready: the store cannot be written\n").into_response()
        }
    }
}

async fn show(State(metrics): State<Arc<Metrics>>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], metrics.encode()).into_response()
}
