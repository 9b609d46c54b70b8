//! The native interface `/v1`: JSON in, JSON out. Owns the shapes, their checks
//! and the mapping of refusals to problems; decides nothing else. The OpenAPI
//! document is generated from the handlers here.

mod attempts;
mod carriers;
mod error;
mod messages;
mod numbers;
mod verifications;
mod view;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use axum::{Extension, Router};
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::config::ServerOptions;
use crate::delivery::Deliveries;
use crate::http::{ApiKeys, BodyLimit, detached, time_limit};
use crate::message::Messages;
use crate::number::Numbers;
use crate::verification::Verifications;

/// What the handlers work with.
#[derive(Clone)]
pub struct Api {
    /// Verifications.
    pub verifications: Arc<Verifications>,
    /// Messages.
    pub messages: Arc<Messages>,
    /// Reads numbers.
    pub numbers: Arc<Numbers>,
    /// How carriers do, and the log of attempts.
    pub deliveries: Arc<Deliveries>,
    /// The keys.
    pub keys: ApiKeys,
}

impl FromRef<Api> for ApiKeys {
    fn from_ref(api: &Api) -> Self {
        api.keys.clone()
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "otp-gateway",
        description = "Gets one-time login codes to phones by SMS and by voice. Errors are RFC 9457 problem documents; \
                       their `type` ends in a stable word, listed under /problems/.",
    ),
    modifiers(&Bearer),
    security(("api_key" = []))
)]
struct Document;

struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.add_security_scheme("api_key", scheme);
    }
}

fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(verifications::start))
        .routes(routes!(verifications::resend))
        .routes(routes!(verifications::check))
        .routes(routes!(verifications::get, verifications::cancel))
        .routes(routes!(verifications::help))
        .routes(routes!(messages::send))
        .routes(routes!(messages::get))
        .routes(routes!(numbers::lookup))
        .routes(routes!(carriers::status))
        .routes(routes!(attempts::list))
}

/// The router and its document.
pub fn router(api: Api, options: &ServerOptions) -> (Router, utoipa::openapi::OpenApi) {
    let (router, document) = routes().split_for_parts();
    let limit = Duration::from_secs(options.request_timeout_seconds);
    let router = router
        .layer(Extension(BodyLimit(options.body_limit_bytes)))
        .layer(axum::middleware::from_fn(detached))
        .layer(axum::middleware::from_fn_with_state(limit, time_limit))
        .with_state(api);
    (router, document)
}

/// The OpenAPI document alone.
pub fn document() -> utoipa::openapi::OpenApi {
    routes().split_for_parts().1
}
