//! `/v1/verifications`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::view::Verification;
use super::{Api, error};
use crate::admission::{Closed, Wanted};
use crate::clock::rfc3339;
use crate::config::Scope;
use crate::http::{Body, Caller, IdempotencyKey, InPath, InQuery, Kind, Problem, check_text, check_texts, object};
use crate::model::{AskedBy, Channel, Locale, RecordId, RecordKind, Status};
use crate::store::View;
use crate::template::About;
use crate::verification::{Repeatable, ResendRequest, StartAnswer, StartRequest, Verdict};

/// The channel that a caller asks for.
#[derive(Deserialize, ToSchema, Clone, Copy, Default)]
#[serde(rename_all = "snake_case")]
pub enum AskedChannel {
    /// A text.
    Sms,
    /// A call.
    Voice,
    /// Whichever suits the number.
    #[default]
    Auto,
}

/// The program that the person logs in with.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// The end user's address, as the application's back end sees it.
    #[schema(value_type = Option<String>, example = "203.0.113.7")]
    pub ip: Option<std::net::IpAddr>,
    /// A random secret of 128 bits or more that the application keeps on the device.
    pub device: Option<String>,
    #[schema(ignore)]
    platform: Option<Value>,
    #[schema(ignore)]
    release: Option<Value>,
}

/// A new verification.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// The number, in E.164 or, with a default region, in national format.
    #[schema(example = "+819012345678")]
    to: String,
    /// The application's id of this one login attempt: a start with the subject
    /// of an open verification joins it.
    subject: Option<String>,
    channel: Option<AskedChannel>,
    /// BCP 47, for example `en` or `pt-BR`.
    locale: Option<String>,
    #[serde(default, deserialize_with = "object")]
    client: Option<Client>,
    asked_by: Option<AskedBy>,
    /// Digits of the code, 6 to 10.
    code_length: Option<u8>,
    /// Life of the code, 60 to 3600 seconds.
    ttl_seconds: Option<u64>,
    /// The caller's own notes: an object of at most 1,024 bytes.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
    #[schema(ignore)]
    enrolled: Option<Value>,
    #[schema(ignore)]
    custom_code: Option<Value>,
    #[schema(ignore)]
    app_hash: Option<Value>,
    #[schema(ignore)]
    web_otp_domain: Option<Value>,
}

/// One more delivery.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resend {
    channel: Channel,
    #[serde(default, deserialize_with = "object")]
    client: Option<Client>,
    asked_by: Option<AskedBy>,
}

/// A code to check.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What the person typed.
    #[schema(example = "482917")]
    code: String,
    #[serde(default, deserialize_with = "object")]
    client: Option<Client>,
}

/// Why a check left the verification pending.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Not the code.
    WrongCode,
    /// A code that a newer one replaced; not counted.
    Superseded,
}

/// The answer to a check.
#[derive(Serialize, ToSchema)]
pub struct Checked {
    id: String,
    /// `approved`, once; or still `pending`.
    status: Status,
    to_masked: String,
    /// Why it is still pending.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    /// Wrong codes that are still allowed.
    attempts_left: u32,
    /// RFC 3339.
    expires_at: String,
}

/// Troubleshooting for the person.
#[derive(Serialize, ToSchema)]
pub struct Help {
    /// The language of the text.
    #[schema(value_type = String)]
    locale: Locale,
    /// The number's country.
    country: String,
    /// Whether some steps are for that country.
    country_specific: bool,
    title: String,
    intro: String,
    steps: Vec<Step>,
    closing: String,
}

/// One thing to do.
#[derive(Serialize, ToSchema)]
pub struct Step {
    id: String,
    about: About,
    text: String,
}

/// The language of the help text.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct HelpQuery {
    /// BCP 47; without it the verification's own.
    locale: Option<String>,
}

fn supported(fields: &[(&str, &Option<Value>)]) -> Result<(), Problem> {
    match fields.iter().find(|(_, value)| value.as_ref().is_some_and(|value| !value.is_null())) {
        None => Ok(()),
        Some((field, _)) => Err(Problem::new(Kind::NotSupportedYet, format!("leave {field} out")).with("field", field)),
    }
}

/// A language tag in a field.
pub fn locale(text: Option<&str>) -> Result<Option<Locale>, Problem> {
    let wrong = || Problem::field("locale", "must be a language tag such as en or pt-BR");
    text.map(|text| Locale::new(text).ok_or_else(wrong)).transpose()
}

/// Checks what can be checked of a client.
pub fn client(client: Option<&Client>) -> Result<Option<std::net::IpAddr>, Problem> {
    let Some(client) = client else { return Ok(None) };
    supported(&[("client.platform", &client.platform), ("client.release", &client.release)])?;
    if let Some(device) = &client.device {
        check_text("client.device", device, 256, false)?;
    }
    Ok(client.ip)
}

fn verification_id(text: &str) -> Result<RecordId, Problem> {
    text.parse().ok().filter(|id: &RecordId| id.kind() == RecordKind::Verification).ok_or_else(error::not_found)
}

impl Api {
    /// The caller's verification as it is now, or 404.
    async fn verification(&self, caller: &Caller, id: &str) -> Result<View, Problem> {
        let view = self.verifications.get(verification_id(id)?, caller.tenant()).await;
        view.map_err(|error| Problem::store(&error))?.ok_or_else(error::not_found)
    }
}

impl From<AskedChannel> for Wanted {
    fn from(asked: AskedChannel) -> Self {
        match asked {
            AskedChannel::Auto => Wanted::Auto,
            AskedChannel::Sms => Wanted::First(Channel::Sms),
            AskedChannel::Voice => Wanted::First(Channel::Voice),
        }
    }
}

/// Start a verification
///
/// Makes a code and sends it. With an `Idempotency-Key` a repeat gets the same answer and costs nothing.
#[utoipa::path(post, operation_id = "startVerification", path = "/v1/verifications", tag = "verifications", request_body = Start,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters, kept for an hour")),
    responses(
        (status = 201, description = "Accepted, on disk and on its way", body = Verification),
        (status = 200, description = "Joined the open verification with the same subject", body = Verification),
        (status = "4XX", description = "A problem document", content_type = "application/problem+json"),
        (status = 503, description = "The store is away; try again with the same Idempotency-Key", content_type = "application/problem+json")))]
pub async fn start(
    State(api): State<Api>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    Body { value: body, bytes }: Body<Start>,
) -> Result<Response, Problem> {
    caller.may(Scope::Verify)?;
    let fields = [
        ("enrolled", &body.enrolled),
        ("custom_code", &body.custom_code),
        ("app_hash", &body.app_hash),
        ("web_otp_domain", &body.web_otp_domain),
    ];
    supported(&fields)?;
    if let Some(subject) = &body.subject {
        check_text("subject", subject, 200, false)?;
    }
    let metadata = match &body.metadata {
        None | Some(Value::Null) => None,
        Some(value @ Value::Object(_)) => {
            check_texts("metadata", value, 1_024)?;
            let text = value.to_string();
            if text.len() > 1_024 {
                return Err(Problem::field("metadata", "must have at most 1,024 bytes"));
            }
            Some(text)
        }
        Some(_) => return Err(Problem::field("metadata", "must be an object")),
    };
    let room = &api.verifications;
    let to = api.read_number(&caller, &body.to)?;
    let request = StartRequest {
        to: &to,
        subject: body.subject.as_deref(),
        wanted: body.channel.unwrap_or_default().into(),
        locale: locale(body.locale.as_deref())?,
        address: client(body.client.as_ref())?,
        asked_by: body.asked_by.unwrap_or_default(),
        code_length: body.code_length,
        ttl_seconds: body.ttl_seconds,
        metadata,
        repeatable: key.as_deref().map(|key| Repeatable { key, body: &bytes }),
    };
    let limits = room.limits(caller.tenant());
    let answer = room.start(caller.tenant(), request).await.map_err(|e| error::send(e, room.clock.now()))?;
    Ok(match answer {
        StartAnswer::Created(view, closed) => {
            (StatusCode::CREATED, Json(Verification::of(&view, room, &limits, &closed))).into_response()
        }
        StartAnswer::Joined(view) => {
            let closed = room.admission.closed(&view.record.to, caller.tenant()).await;
            Json(Verification::of(&view, room, &limits, &closed).joined(None, view.now)).into_response()
        }
        StartAnswer::Waiting(view, refusal) => {
            let closed = room.admission.closed(&view.record.to, caller.tenant()).await;
            Json(Verification::of(&view, room, &limits, &closed).joined(Some(refusal.until), view.now)).into_response()
        }
    })
}

/// Send again
///
/// The "Didn't receive a code?" action. The same code, over the channel that the person chose.
#[utoipa::path(post, operation_id = "sendAgain", path = "/v1/verifications/{id}/deliveries", tag = "verifications", request_body = Resend,
    params(("id" = String, Path, description = "`ver_…`"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters, kept for an hour")),
    responses(
        (status = 202, description = "Accepted, on disk and on its way", body = Verification),
        (status = "4XX", description = "A problem document", content_type = "application/problem+json"),
        (status = 503, description = "The store is away; try again with the same Idempotency-Key", content_type = "application/problem+json")))]
pub async fn resend(
    State(api): State<Api>,
    caller: Caller,
    InPath(id): InPath<String>,
    IdempotencyKey(key): IdempotencyKey,
    Body { value: body, bytes }: Body<Resend>,
) -> Result<(StatusCode, Json<Verification>), Problem> {
    caller.may(Scope::Verify)?;
    let room = &api.verifications;
    let request = ResendRequest {
        id: verification_id(&id)?,
        channel: body.channel,
        address: client(body.client.as_ref())?,
        asked_by: body.asked_by.unwrap_or_default(),
        repeatable: key.as_deref().map(|key| Repeatable { key, body: &bytes }),
    };
    let view = room.resend(caller.tenant(), request).await.map_err(|e| error::send(e, room.clock.now()))?;
    let closed = room.admission.closed(&view.record.to, caller.tenant()).await;
    Ok((StatusCode::ACCEPTED, Json(Verification::of(&view, room, &room.limits(caller.tenant()), &closed))))
}

/// Check a code
///
/// Of racing right checks exactly one says `approved`. With an `Idempotency-Key` a repeat after a lost answer gets
/// the same answer and counts once.
#[utoipa::path(post, operation_id = "checkCode", path = "/v1/verifications/{id}/check", tag = "verifications", request_body = Check,
    params(("id" = String, Path, description = "`ver_…`"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters, kept for an hour")),
    responses(
        (status = 200, description = "Approved, or still pending and why", body = Checked),
        (status = 409, description = "It has ended: already_approved, expired, canceled or max_attempts_reached",
            content_type = "application/problem+json"),
        (status = "4XX", description = "A problem document", content_type = "application/problem+json"),
        (status = 503, description = "The store is away; try again with the same Idempotency-Key", content_type = "application/problem+json")))]
pub async fn check(
    State(api): State<Api>,
    caller: Caller,
    InPath(id): InPath<String>,
    IdempotencyKey(key): IdempotencyKey,
    Body { value: body, bytes }: Body<Check>,
) -> Result<Json<Checked>, Problem> {
    caller.may(Scope::Verify)?;
    client(body.client.as_ref())?;
    let repeatable = key.as_deref().map(|key| Repeatable { key, body: &bytes });
    let id = verification_id(&id)?;
    let verdict = api.verifications.check(caller.tenant(), id, &body.code, repeatable).await.map_err(error::check)?;
    let (view, reason) = match verdict {
        Verdict::Approved(view) => (view, None),
        Verdict::Wrong(view) => (view, Some(Reason::WrongCode)),
        Verdict::Superseded(view) => (view, Some(Reason::Superseded)),
    };
    Ok(Json(Checked {
        id: view.record.id.to_string(),
        status: view.record.status,
        to_masked: view.record.to.masked.clone(),
        reason,
        attempts_left: view.record.max_wrong.saturating_sub(view.record.wrong),
        expires_at: rfc3339(view.record.expires),
    }))
}

/// Read a verification
///
/// Shows progress. It is never proof that somebody signed in: only the answer to a check is.
#[utoipa::path(get, operation_id = "getVerification", path = "/v1/verifications/{id}", tag = "verifications",
    params(("id" = String, Path, description = "`ver_…`")),
    responses(
        (status = 200, description = "As it is now", body = Verification),
        (status = "4XX", description = "A problem document", content_type = "application/problem+json")))]
pub async fn get(
    State(api): State<Api>,
    caller: Caller,
    InPath(id): InPath<String>,
) -> Result<Json<Verification>, Problem> {
    caller.may(Scope::Verify)?;
    let room = &api.verifications;
    let view = api.verification(&caller, &id).await?;
    let closed = room.admission.closed(&view.record.to, caller.tenant()).await;
    Ok(Json(Verification::of(&view, room, &room.limits(caller.tenant()), &closed)))
}

/// Cancel a verification
///
/// Its code is worth nothing any more, and a call that rings is hung up.
#[utoipa::path(delete, operation_id = "cancelVerification", path = "/v1/verifications/{id}", tag = "verifications",
    params(("id" = String, Path, description = "`ver_…`")),
    responses(
        (status = 200, description = "Canceled, now or before", body = Verification),
        (status = "4XX", description = "A problem document", content_type = "application/problem+json")))]
pub async fn cancel(
    State(api): State<Api>,
    caller: Caller,
    InPath(id): InPath<String>,
) -> Result<Json<Verification>, Problem> {
    caller.may(Scope::Verify)?;
    let room = &api.verifications;
    let view =
        room.cancel(caller.tenant(), verification_id(&id)?).await.map_err(|e| error::send(e, room.clock.now()))?;
    Ok(Json(Verification::of(&view, room, &room.limits(caller.tenant()), &Closed::default())))
}

/// Troubleshooting
///
/// What the person can do whose code did not arrive, for the number's country.
#[utoipa::path(get, operation_id = "getHelp", path = "/v1/verifications/{id}/help", tag = "verifications",
    params(("id" = String, Path, description = "`ver_…`"), HelpQuery),
    responses(
        (status = 200, description = "Steps, the most likely first", body = Help),
        (status = "4XX", description = "A problem document", content_type = "application/problem+json")))]
pub async fn help(
    State(api): State<Api>,
    caller: Caller,
    InPath(id): InPath<String>,
    InQuery(query): InQuery<HelpQuery>,
) -> Result<Json<Help>, Problem> {
    caller.may(Scope::Verify)?;
    let room = &api.verifications;
    let view = api.verification(&caller, &id).await?;
    let help = room.help(&view, locale(query.locale.as_deref())?.as_ref());
    let steps = help.steps.into_iter().map(|step| Step { id: step.id, about: step.about, text: step.text });
    Ok(Json(Help {
        locale: help.locale,
        country: view.record.to.country.to_string(),
        country_specific: help.country_specific,
        title: help.title,
        intro: help.intro,
        steps: steps.collect(),
        closing: help.closing,
    }))
}
