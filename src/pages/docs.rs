//! The OpenAPI document, a page that reads it, and what each problem means. All
//! files are compiled in: no network is needed.

use axum::Router;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::http::{InPath, Kind, Problem, fallback};

pub fn router(document: OpenApi) -> Router {
    // The page's own default would ask a validator on the internet about the document.
    let config = Config::default().validator_url("none").try_it_out_enabled(true).persist_authorization(false);
    Router::new()
        .route("/problems/{name}", get(problem))
        .route("/", get(home))
        .merge(SwaggerUi::new("/docs").url("/openapi.json", document).config(config))
}

async fn home() -> Html<&'static str> {
    Html(include_str!("assets/home.html"))
}

async fn problem(InPath(name): InPath<String>) -> Result<Response, Problem> {
    let Some(kind) = Kind::ALL.iter().find(|kind| kind.as_str() == name) else { return Err(fallback().await) };
    let text = format!("{}\n\n{}. HTTP status {}.\n", kind.as_str(), kind.title(), kind.status());
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}
