//! Errors as RFC 9457 problem documents. Every kind is listed here once, with
//! its status; no other file knows a status code of an error.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::model::{LimitName, Status};
use crate::store::StoreError;

macro_rules! kinds {
    ($($name:ident $text:literal $status:literal $title:literal;)*) => {
        /// A kind of problem; its word ends the problem's `type`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the titles say it")]
        pub enum Kind { $($name,)* }

        impl Kind {
            /// Every kind, for the documentation.
            pub const ALL: &'static [Kind] = &[$(Kind::$name,)*];

            /// The stable word.
            pub fn as_str(self) -> &'static str {
                match self { $(Kind::$name => $text,)* }
            }

            /// The HTTP status.
            pub fn status(self) -> u16 {
                match self { $(Kind::$name => $status,)* }
            }

            /// A short sentence that is the same each time.
            pub fn title(self) -> &'static str {
                match self { $(Kind::$name => $title,)* }
            }
        }
    };
}

kinds! {
    MalformedJson "malformed_json" 400 "The body is not JSON that can be read";
    Unauthorized "unauthorized" 401 "The API key is missing or wrong";
    MissingScope "missing_scope" 403 "The API key may not do this";
    ForgedWebhook "forged_webhook" 403 "This does not come from the carrier";
    NotFound "not_found" 404 "There is no such thing here";
    MethodNotAllowed "method_not_allowed" 405 "This address does not take that method";
    RequestTimeout "request_timeout" 408 "The request took too long to arrive";
    AlreadyApproved "already_approved" 409 "The code was already used";
    Expired "expired" 409 "The code has expired";
    Canceled "canceled" 409 "The verification was canceled";
    MaxAttemptsReached "max_attempts_reached" 409 "Too many wrong codes";
    NotLive "not_live" 409 "The call is not in a state for this";
    PayloadTooLarge "payload_too_large" 413 "The body is too large";
    UnsupportedMediaType "unsupported_media_type" 415 "The body must be application/json";
    InvalidField "invalid_field" 422 "A field has a value that cannot be used";
    InvalidNumber "invalid_number" 422 "The phone number cannot be used";
    NumberType "number_type" 422 "This kind of number is not contacted";
    CountryNotAllowed "country_not_allowed" 422 "This country is not served";
    OptedOut "opted_out" 422 "The person does not want messages over this channel";
    NoRoute "no_route" 422 "No carrier can deliver this";
    NotSupportedYet "not_supported_yet" 422 "This field is not supported yet";
    IdempotencyMismatch "idempotency_mismatch" 422 "The idempotency key was used with another body";
    Limit "limit" 429 "A limit was reached";
    Internal "internal" 500 "The gateway has a fault";
    StoreUnavailable "store_unavailable" 503 "The gateway cannot store this now";
}

/// One problem.
#[derive(Debug, Clone)]
pub struct Problem {
    kind: Kind,
    detail: String,
    more: Map<String, Value>,
    retry_after_seconds: Option<u64>,
}

impl Problem {
    /// A problem with a sentence that says what to do.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Problem { kind, detail: detail.into(), more: Map::new(), retry_after_seconds: None }
    }

    /// A field that cannot be used, and what it may be.
    pub fn field(field: &str, detail: impl Into<String>) -> Self {
        Problem::new(Kind::InvalidField, detail).with("field", field)
    }

    /// A limit, and when to come back.
    pub fn limit(limit: LimitName, retry_after_seconds: u64) -> Self {
        let detail = format!("limit {} was reached; try again in {retry_after_seconds} s", limit.as_str());
        Problem::new(Kind::Limit, detail).with("limit", limit).retry_after(retry_after_seconds)
    }

    /// A verification that has ended.
    pub fn ended(status: Status) -> Self {
        match status {
            Status::Approved => Problem::new(Kind::AlreadyApproved, "a code works once; start a new verification"),
            Status::Canceled => Problem::new(Kind::Canceled, "start a new verification"),
            Status::MaxAttemptsReached => Problem::new(Kind::MaxAttemptsReached, "start a new verification"),
            Status::Expired | Status::Pending => Problem::new(Kind::Expired, "start a new verification"),
        }
    }

    /// The store cannot do it now.
    pub fn store(error: &StoreError) -> Self {
        tracing::error!(%error, "Store failed.");
        // An answer that was lost may have done its work: then a repeat with the same
        // key finds it.
        let detail = match error {
            StoreError::Away(_) => {
                "the store did not answer, nothing may have happened; try again with the same Idempotency-Key"
            }
            _ => "nothing was sent or changed; try again",
        };
        Problem::new(Kind::StoreUnavailable, detail).retry_after(1)
    }

    /// Audio cannot be put together.
    pub fn no_recording(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "Audio cannot be composed.");
        Problem::new(Kind::Internal, "a recording is missing; see `otp-gateway templates lint`")
    }

    /// One more member.
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        self.more.insert(name.into(), serde_json::to_value(value).unwrap_or(Value::Null));
        self
    }

    /// When to come back, in the header and in the body.
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds);
        self.with("retry_after_seconds", seconds)
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = Map::new();
        body.insert("type".into(), format!("/problems/{}", self.kind.as_str()).into());
        body.insert("title".into(), self.kind.title().into());
        body.insert("status".into(), self.kind.status().into());
        body.insert("detail".into(), self.detail.into());
        body.extend(self.more);
        let status = StatusCode::from_u16(self.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Value::Object(body).to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.kind == Kind::Unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// The answer to an address that does not exist.
pub async fn fallback() -> Problem {
    Problem::new(Kind::NotFound, "see /docs for the addresses that exist")
}

/// The answer to a method that an address does not take.
pub async fn method_not_allowed() -> Problem {
    Problem::new(Kind::MethodNotAllowed, "see the Allow header, and /docs")
}
