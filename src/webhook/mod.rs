//! The doors for carriers: receipts, documents and audio of calls, messages from
//! phones. Owns who may come in (signature, signed reference, size, time); what comes
//! in is read by `carrier::http`, and what it changes is decided in `delivery` and
//! `admission`.
//!
//! ```text
//! /webhooks/{carrier}/sms/{reference}            reports about an SMS
//! /webhooks/{carrier}/voice/{reference}          reports about a call
//! /webhooks/{carrier}/call/{reference}/{phase}   the next document of a call
//! /webhooks/{carrier}/audio/{reference}/{file}   its audio
//! /webhooks/{carrier}/inbound/{key}              messages from phones
//! ```
//! In place of a reference a report may come to the carrier's own key, for carriers
//! whose reports go to one address for all; it names its attempt by the carrier's id.

mod calls;
mod inbound;
mod reports;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Extension, FromRequest, Request};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use axum::routing::{get, post};

use crate::admission::OptOuts;
use crate::carrier::CarrierEvents;
use crate::carrier::http::{HttpCarrier, Incoming};
use crate::clock::Clock;
use crate::config::ServerOptions;
use crate::http::{BodyLimit, Kind, Problem, RawBody, detached, time_limit};
use crate::telemetry::Metrics;
use crate::voice::Prompts;

/// What the doors work with.
#[derive(Clone)]
pub struct Webhooks {
    /// The carriers by name.
    pub carriers: Arc<BTreeMap<String, Arc<HttpCarrier>>>,
    /// Who hears the reports.
    pub events: Arc<dyn CarrierEvents>,
    /// Who keeps what people do not want.
    pub opt_outs: Arc<OptOuts>,
    /// Recordings.
    pub prompts: Arc<Prompts>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The clock.
    pub clock: Clock,
}

/// The largest body of a carrier, in bytes: a hundred reports fit.
const LARGEST_BODY: usize = 256 << 10;

/// The doors.
pub fn router(webhooks: Webhooks, options: &ServerOptions) -> Router {
    let limit = Duration::from_secs(options.request_timeout_seconds);
    Router::new()
        .route("/webhooks/{carrier}/{channel}/{reference}", post(reports::reports).get(reports::reports))
        .route("/webhooks/{carrier}/call/{reference}/{phase}", post(calls::document).get(calls::document))
        .route("/webhooks/{carrier}/audio/{reference}/{file}", get(calls::audio))
        .route("/webhooks/{carrier}/inbound/{key}", post(inbound::mail).get(inbound::mail))
        .layer(Extension(BodyLimit(LARGEST_BODY)))
        .layer(axum::middleware::from_fn(detached))
        .layer(axum::middleware::from_fn_with_state(limit, time_limit))
        .with_state(webhooks)
}

/// A request of a carrier, before anybody believes it.
struct Came {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for Came {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (method, uri, headers) = (request.method().clone(), request.uri().clone(), request.headers().clone());
        let RawBody(body) = RawBody::from_request(request, state).await?;
        Ok(Came { method, uri, headers, body })
    }
}

impl Came {
    fn query(&self) -> &str {
        self.uri.query().unwrap_or_default()
    }
}

impl Webhooks {
    fn carrier(&self, name: &str) -> Result<&Arc<HttpCarrier>, Problem> {
        self.carriers.get(name).ok_or_else(|| Problem::new(Kind::NotFound, "no carrier of that name is configured"))
    }

    /// Believes a request whose signature is right.
    fn genuine(&self, name: &str, carrier: &HttpCarrier, came: &Came) -> Result<(), Problem> {
        let path = came.uri.path_and_query().map_or("/", |path| path.as_str());
        let url = carrier.links().public(path);
        let incoming = Incoming {
            method: came.method.as_str(),
            url: &url,
            headers: &came.headers,
            body: &came.body,
            now: self.clock.now(),
        };
        carrier.verify(&incoming).map_err(|forged| {
            tracing::warn!(carrier = name, %forged, "A webhook was refused; is server.public_url what the carrier calls?");
            self.forged(name)
        })
    }

    fn forged(&self, name: &str) -> Problem {
        self.metrics.webhook(name, "forged");
        Problem::new(Kind::ForgedWebhook, "the signature or the address is not one that this gateway and carrier share")
    }

    fn unreadable(&self, name: &str) -> Problem {
        self.metrics.webhook(name, "unreadable");
        Problem::new(Kind::MalformedJson, "the body is not what the carrier's profile says")
    }

    /// The store could not take it: the carrier must come again.
    fn again(&self) -> Problem {
        Problem::new(Kind::StoreUnavailable, "send it again").retry_after(1)
    }
}

/// Nothing to say.
fn noted() -> Response {
    Response::default()
}
