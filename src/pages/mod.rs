//! What people and machines look at: the sandbox phone, the readable docs, what
//! each problem means, health and metrics. Owns pages and their assets; the
//! interface for programs is `api`.

mod docs;
mod health;
mod sandbox;

use std::sync::Arc;

use axum::Router;
use utoipa::openapi::OpenApi;

use crate::carrier::sandbox::Phones;
use crate::http::ApiKeys;
use crate::store::Store;
use crate::telemetry::Metrics;
use crate::voice::Prompts;

/// What the pages show.
pub struct Pages {
    /// The sandbox phone, if it is switched on.
    pub phones: Option<Arc<Phones>>,
    /// Snippets, to compose its audio.
    pub prompts: Arc<Prompts>,
    /// The carriers' names, for its outcomes.
    pub carriers: Vec<String>,
    /// The keys.
    pub keys: ApiKeys,
    /// For `/readyz`.
    pub store: Store,
    /// For `/metrics`.
    pub metrics: Arc<Metrics>,
    /// For `/openapi.json` and `/docs`.
    pub document: OpenApi,
}

/// All pages.
pub fn router(pages: Pages) -> Router {
    let Pages { phones, prompts, carriers, keys, store, metrics, document } = pages;
    let router = health::router(store, metrics).merge(docs::router(document));
    match phones {
        Some(phones) => router.merge(sandbox::router(phones, prompts, carriers, keys)),
        None => router,
    }
}
