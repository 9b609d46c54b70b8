//! `/v1/messages`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::verifications::{AskedChannel, Client, client, locale};
use super::view::Message;
use super::{Api, error};
use crate::config::Scope;
use crate::http::{Body, Caller, IdempotencyKey, InPath, Problem, check_text, object};
use crate::message::{LONGEST_TEXT, MessageRequest};
use crate::model::{RecordId, RecordKind};
use crate::verification::Repeatable;

/// A text of another system, with its own code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// The number, in E.164 or, with a default region, in national format.
    #[schema(example = "+819012345678")]
    to: String,
    /// The words, at most 1,530 characters.
    #[serde(alias = "body")]
    #[schema(example = "123456 is your Example code.")]
    text: String,
    /// The digits that a call speaks; without it the only run of 4 to 10 figures in the text.
    code: Option<String>,
    channel: Option<AskedChannel>,
    /// The language of a call, BCP 47.
    locale: Option<String>,
    #[serde(default, deserialize_with = "object")]
    client: Option<Client>,
    /// Not submitted later than this, 60 to 3600 seconds.
    ttl_seconds: Option<u64>,
}

/// Send a message
///
/// Delivers somebody else's text and code; there is nothing to check.
#[utoipa::path(post, operation_id = "sendMessage", path = "/v1/messages", tag = "messages", request_body = Send,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters, kept for an hour")),
    responses(
        (status = 202, description = "Accepted, on disk and on its way", body = Message),
        (status = "4XX", description = "A problem document", content_type = "application/problem+json"),
        (status = 503, description = "The store is away; try again with the same Idempotency-Key", content_type = "application/problem+json")))]
pub async fn send(
    State(api): State<Api>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    Body { value: body, bytes }: Body<Send>,
) -> Result<(StatusCode, Json<Message>), Problem> {
    caller.may(Scope::Deliver)?;
    check_text("text", &body.text, LONGEST_TEXT, true)?;
    let to = api.read_number(&caller, &body.to)?;
    let request = MessageRequest {
        to: &to,
        text: &body.text,
        code: body.code.as_deref(),
        wanted: body.channel.unwrap_or_default().into(),
        locale: locale(body.locale.as_deref())?,
        address: client(body.client.as_ref())?,
        ttl_seconds: body.ttl_seconds,
        repeatable: key.as_deref().map(|key| Repeatable { key, body: &bytes }),
    };
    let now = api.messages.clock.now();
    let view = api.messages.send(caller.tenant(), request).await.map_err(|e| error::send(e, now))?;
    Ok((StatusCode::ACCEPTED, Json(Message::of(&view))))
}

/// Read a message
#[utoipa::path(get, operation_id = "getMessage", path = "/v1/messages/{id}", tag = "messages",
    params(("id" = String, Path, description = "`msg_…`")),
    responses(
        (status = 200, description = "As it is now", body = Message),
        (status = "4XX", description = "A problem document", content_type = "application/problem+json")))]
pub async fn get(State(api): State<Api>, caller: Caller, InPath(id): InPath<String>) -> Result<Json<Message>, Problem> {
    caller.may(Scope::Deliver)?;
    let id = id.parse().ok().filter(|id: &RecordId| id.kind() == RecordKind::Message).ok_or_else(error::not_found)?;
    let view = api.messages.get(id, caller.tenant()).await.map_err(|e| Problem::store(&e))?;
    view.map(|view| Json(Message::of(&view))).ok_or_else(error::not_found)
}
