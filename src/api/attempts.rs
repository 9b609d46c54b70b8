//! `/v1/support/attempts`: the log of attempts.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use crate::clock::rfc3339;
use crate::config::Scope;
use crate::http::{Body, Caller, Problem, check_text};
use crate::model::{AttemptState, Cause, Channel, Money};
use crate::store::AttemptLog;

/// Whose attempts.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The number, in E.164 or, with a default region, in national format.
    #[schema(example = "+819012345678")]
    to: String,
    /// At most so many, 1 to 1,000; 50 by default.
    limit: Option<usize>,
}

/// Attempts, newest first.
#[derive(Serialize, ToSchema)]
pub struct Attempts {
    /// Country code and last two digits.
    to_masked: String,
    attempts: Vec<Logged>,
}

/// One attempt, with everything that is known of it.
#[derive(Serialize, ToSchema)]
pub struct Logged {
    /// `att_…`; the verification's id is in it.
    id: String,
    channel: Channel,
    country: String,
    /// As it was known then: MCC-MNC, or a guess such as `IN/Airtel`.
    network: String,
    carrier: String,
    /// Whom the person saw.
    sender: Option<String>,
    /// Why this carrier was chosen.
    reason: String,
    state: AttemptState,
    /// Why it failed.
    cause: Option<Cause>,
    /// The carrier's own error code; `otp-gateway carriers errors` explains it.
    code: Option<String>,
    /// The carrier's own id.
    reference: Option<String>,
    price: Option<Money>,
    /// When the delivery was accepted, RFC 3339.
    accepted_at: String,
    /// When the carrier was asked, RFC 3339.
    started_at: String,
    /// When it answered, RFC 3339.
    submitted_at: Option<String>,
    /// When its final report came, RFC 3339.
    reported_at: Option<String>,
}

impl From<AttemptLog> for Logged {
    fn from(AttemptLog { submitted, reported }: AttemptLog) -> Self {
        let told = reported.as_ref();
        let network = told.and_then(|told| told.network.as_ref()).unwrap_or(&submitted.network);
        Logged {
            id: submitted.id.to_string(),
            channel: submitted.channel,
            country: submitted.country.to_string(),
            network: network.to_string(),
            state: told.map_or(submitted.state, |told| told.state),
            cause: told.map_or(submitted.cause, |told| told.cause),
            code: told.and_then(|told| told.code.clone()).or(submitted.code),
            price: told.and_then(|told| told.price).or(submitted.price),
            carrier: submitted.carrier,
            sender: submitted.sender,
            reason: submitted.reason,
            reference: submitted.reference.or(told.and_then(|told| told.reference.clone())),
            accepted_at: rfc3339(submitted.accepted),
            started_at: rfc3339(submitted.started),
            submitted_at: submitted.submitted.map(rfc3339),
            reported_at: told.map(|told| rfc3339(told.at)),
        }
    }
}

/// The attempts to reach a number
///
/// Of this key's tenant, newest first, for as long as `archive.keep_days` says.
#[utoipa::path(post, operation_id = "listAttempts", path = "/v1/support/attempts", tag = "support", request_body = Asked,
    responses(
        (status = 200, description = "The attempts, newest first", body = Attempts),
        (status = "4XX", description = "A problem document", content_type = "application/problem+json")))]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Body { value: asked, .. }: Body<Asked>,
) -> Result<Json<Attempts>, Problem> {
    caller.may(Scope::Support)?;
    check_text("to", &asked.to, 200, false)?;
    let limit = asked.limit.unwrap_or(50);
    if !(1..=1_000).contains(&limit) {
        return Err(Problem::field("limit", "must lie between 1 and 1000"));
    }
    let parsed = api.read_number(&caller, &asked.to)?;
    let attempts = api.deliveries.attempts(&parsed.e164, caller.tenant(), limit).await;
    let attempts = attempts.map_err(|error| Problem::store(&error))?;
    Ok(Json(Attempts { to_masked: parsed.e164.masked(), attempts: attempts.into_iter().map(Logged::from).collect() }))
}
