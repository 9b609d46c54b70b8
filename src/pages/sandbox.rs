//! The sandbox phone: its page, its list, its live calls, its outcomes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRef, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::carrier::Phase;
use crate::carrier::sandbox::{Action, By, CallError, CallOutcome, Item, Outcome, Phones, Say, known};
use crate::clock::rfc3339;
use crate::config::Scope;
use crate::http::{ApiKeys, Body, Caller, InPath, InQuery, Kind, Problem, RawBody, check_text, ranged};
use crate::model::{Channel, Locale, Part};
use crate::voice::{self, Prompts};

#[derive(Clone)]
struct Sandbox {
    phones: Arc<Phones>,
    prompts: Arc<Prompts>,
    carriers: Arc<Vec<String>>,
    keys: ApiKeys,
}

impl FromRef<Sandbox> for ApiKeys {
    fn from_ref(sandbox: &Sandbox) -> Self {
        sandbox.keys.clone()
    }
}

/// Most items that the page shows.
const PAGE_ITEMS: usize = 1_000;
/// Longest wait of the page for news, in seconds.
const LONGEST_WAIT: u64 = 25;

pub fn router(phones: Arc<Phones>, prompts: Arc<Prompts>, carriers: Vec<String>, keys: ApiKeys) -> Router {
    Router::new()
        .route("/sandbox", get(page))
        .route("/sandbox/{file}", get(asset))
        .route("/sandbox/messages", get(messages))
        .route("/sandbox/phones", get(phones_now))
        .route("/sandbox/audio/{id}", get(audio))
        .route("/sandbox/audio/{id}/say/{n}", get(audio_of_say))
        .route("/sandbox/calls/{id}/{action}", post(act))
        .route("/sandbox/outcomes", get(outcomes).put(set_outcome).delete(clear_outcomes))
        .with_state(Sandbox { phones, prompts, carriers: Arc::new(carriers), keys })
}

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      media-src 'self' blob:; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

async fn page() -> Response {
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, POLICY)];
    (headers, include_str!("assets/sandbox.html")).into_response()
}

async fn asset(InPath(file): InPath<String>) -> Result<Response, Problem> {
    let (kind, body) = match file.as_str() {
        "sandbox.css" => ("text/css; charset=utf-8", include_str!("assets/sandbox.css")),
        "sandbox.js" => ("text/javascript; charset=utf-8", include_str!("assets/sandbox.js")),
        _ => return Err(crate::http::fallback().await),
    };
    Ok(([(header::CONTENT_TYPE, kind)], body).into_response())
}

/// One entry of the list: the outside interface's shape.
#[derive(Serialize)]
struct Entry {
    id: String,
    to: String,
    channel: Channel,
    body: String,
    spoken: Option<String>,
    audio_url: Option<String>,
    at: String,
}

fn entry(item: &Item) -> Entry {
    let is_call = item.channel == Channel::Voice;
    Entry {
        id: item.id.clone(),
        to: item.to.clone(),
        channel: item.channel,
        body: item.body.clone(),
        spoken: is_call.then(|| item.body.clone()),
        audio_url: is_call.then(|| format!("/sandbox/audio/{}", item.id)),
        at: rfc3339(item.at),
    }
}

#[derive(Deserialize)]
struct ListQuery {
    limit: Option<String>,
    to: Option<String>,
}

async fn messages(
    State(sandbox): State<Sandbox>,
    caller: Caller,
    InQuery(query): InQuery<ListQuery>,
) -> Result<Json<Vec<Entry>>, Problem> {
    caller.may(Scope::Support)?;
    let limit = match query.limit.as_deref() {
        None | Some("") => 1_000,
        Some(text) => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(Problem::field("limit", "must be a whole number, 1 to 10000"));
            }
            // What is too large to be read is too large anyway.
            text.parse().unwrap_or(if text == digits { i64::MAX } else { i64::MIN }).clamp(1, 10_000) as usize
        }
    };
    let to = query.to.as_deref().filter(|to| !to.is_empty()).map(with_plus);
    Ok(Json(sandbox.phones.items(limit, to.as_deref()).iter().map(|item| entry(item)).collect()))
}

/// An unescaped `+` in a query arrives as a space.
fn with_plus(to: &str) -> String {
    format!("+{}", to.trim().trim_start_matches('+'))
}

#[derive(Deserialize)]
struct WaitQuery {
    after: Option<u64>,
    wait_seconds: Option<u64>,
}

async fn phones_now(
    State(sandbox): State<Sandbox>,
    caller: Caller,
    InQuery(query): InQuery<WaitQuery>,
) -> Result<Json<Value>, Problem> {
    caller.may(Scope::Support)?;
    let mut revision = sandbox.phones.revision();
    let wait = Duration::from_secs(query.wait_seconds.unwrap_or(0).min(LONGEST_WAIT));
    if let Some(after) = query.after {
        // Unchanged after the wait is an answer too.
        let _ = tokio::time::timeout(wait, revision.wait_for(|now| *now != after)).await;
    }
    let now = *revision.borrow();
    let mut phones: BTreeMap<String, Vec<Arc<Item>>> = BTreeMap::new();
    for item in sandbox.phones.items(PAGE_ITEMS, None) {
        phones.entry(item.to.clone()).or_default().push(item);
    }
    let mut phones: Vec<_> = phones.into_iter().collect();
    phones.sort_by_key(|(_, items)| std::cmp::Reverse(items.last().map(|item| item.at)));
    let phones: Vec<Value> = phones
        .into_iter()
        .map(|(to, items)| json!({ "to": to, "items": items.iter().map(|item| sandbox.shown(item)).collect::<Vec<_>>() }))
        .collect();
    Ok(Json(json!({ "revision": now, "phones": phones })))
}

impl Sandbox {
    fn shown(&self, item: &Item) -> Value {
        let mut shown = serde_json::to_value(entry(item)).unwrap_or_default();
        shown["carrier"] = item.carrier.clone().into();
        shown["sender"] = "SANDBOX".into();
        shown["call"] = match (item.channel, self.phones.call(&item.id)) {
            (Channel::Sms, _) => Value::Null,
            (Channel::Voice, Some(call)) => json!({
                "state": if call.phase == Phase::Ringing { "ringing" } else { "answered" },
                "outcome": null,
                "rings_until": rfc3339(call.rings_until),
                "awaits_key": call.say.as_ref().is_some_and(|say| say.awaits_key),
            }),
            (Channel::Voice, None) => json!({
                "state": "ended",
                // A call that a restart cut off has no outcome of its own.
                "outcome": self.phones.ended(&item.id).unwrap_or(CallOutcome::NoAnswer),
                "rings_until": rfc3339(item.at),
                "awaits_key": false,
            }),
        };
        shown
    }

    fn item(&self, id: &str) -> Result<Arc<Item>, Problem> {
        self.phones.item(id).ok_or_else(|| Problem::new(Kind::NotFound, "no such item on the sandbox phone"))
    }

    fn wav(&self, locale: Option<&Locale>, parts: &[Part], headers: &HeaderMap) -> Result<Response, Problem> {
        let english = Locale::english();
        let audio = voice::compose(&self.prompts, locale.unwrap_or(&english), parts.iter());
        let audio = audio.map_err(|error| Problem::no_recording(&error))?;
        Ok(ranged(voice::wav(&audio), headers))
    }
}

async fn audio(
    State(sandbox): State<Sandbox>,
    caller: Caller,
    InPath(id): InPath<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.may(Scope::Support)?;
    let item = sandbox.item(&id)?;
    let parts = item.parts.as_deref().ok_or_else(|| Problem::new(Kind::NotFound, "an SMS has no audio"))?;
    sandbox.wav(item.locale.as_ref(), parts, &headers)
}

async fn audio_of_say(
    State(sandbox): State<Sandbox>,
    caller: Caller,
    InPath((id, n)): InPath<(String, usize)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.may(Scope::Support)?;
    let item = sandbox.item(&id)?;
    let call = sandbox.phones.call(&id).ok_or_else(|| Problem::new(Kind::NotFound, "this call has ended"))?;
    let said = n.checked_sub(1).and_then(|i| call.said.get(i));
    let parts = said.ok_or_else(|| Problem::new(Kind::NotFound, "the call has not said that yet"))?;
    sandbox.wav(item.locale.as_ref(), parts, &headers)
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Act {
    by: Option<By>,
    key: Option<String>,
}

async fn act(
    State(sandbox): State<Sandbox>,
    caller: Caller,
    InPath((id, action)): InPath<(String, String)>,
    RawBody(body): RawBody,
) -> Result<Json<Value>, Problem> {
    caller.may(Scope::Support)?;
    // Declining and hanging up need no words.
    let body = if body.is_empty() { Ok(Act::default()) } else { serde_json::from_slice(&body) };
    let body: Act =
        body.map_err(|_| Problem::field("body", "may hold by (person or machine) and key, nothing else"))?;
    let action = match action.as_str() {
        "answer" => Action::Answer(body.by.unwrap_or(By::Person)),
        "decline" => Action::Decline,
        "hangup" => Action::HangUp,
        "key" => match body.key.as_deref().map(str::as_bytes) {
            Some([key]) if key.is_ascii_digit() || b"*#".contains(key) => Action::Key(char::from(*key)),
            _ => return Err(Problem::field("key", "must be one of 0 to 9, * and #")),
        },
        _ => return Err(crate::http::fallback().await),
    };
    sandbox.item(&id)?;
    match sandbox.phones.act(&id, action).await {
        Ok(say) => Ok(Json(json!({ "say": say.map(|say| said(&id, &say)) }))),
        Err(error @ (CallError::NotLive | CallError::NotNow)) => Err(Problem::new(Kind::NotLive, error.to_string())),
    }
}

fn said(id: &str, say: &Say) -> Value {
    json!({
        "text": say.text,
        "audio_url": format!("/sandbox/audio/{id}/say/{}", say.n),
        "awaits_key": say.awaits_key,
        "ends": !say.awaits_key,
    })
}

async fn outcomes(State(sandbox): State<Sandbox>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.may(Scope::Support)?;
    Ok(Json(json!({
        "outcomes": sandbox.phones.outcomes(),
        "known": { "sms": known(Channel::Sms), "voice": known(Channel::Voice) },
        "carriers": *sandbox.carriers,
    })))
}

async fn set_outcome(
    State(sandbox): State<Sandbox>,
    caller: Caller,
    Body { value: outcome, .. }: Body<Outcome>,
) -> Result<Json<Value>, Problem> {
    caller.may(Scope::Support)?;
    if let Some(to) = &outcome.to {
        check_text("to", to, 32, false)?;
    }
    if outcome.carrier.as_ref().is_some_and(|carrier| !sandbox.carriers.contains(carrier)) {
        return Err(Problem::field("carrier", format!("must be one of {}", sandbox.carriers.join(", "))));
    }
    if !known(outcome.channel).contains(&outcome.outcome) {
        return Err(Problem::field("outcome", "does not fit the channel; see GET /sandbox/outcomes"));
    }
    sandbox.phones.set_outcome(outcome.clone()).await.map_err(unwritten)?;
    Ok(Json(json!(outcome)))
}

#[derive(Deserialize)]
struct ClearQuery {
    to: Option<String>,
}

async fn clear_outcomes(
    State(sandbox): State<Sandbox>,
    caller: Caller,
    InQuery(query): InQuery<ClearQuery>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::Support)?;
    sandbox
        .phones
        .clear_outcomes(query.to.as_deref().filter(|to| !to.is_empty()).map(with_plus))
        .await
        .map_err(unwritten)?;
    Ok(StatusCode::NO_CONTENT)
}

fn unwritten(error: std::io::Error) -> Problem {
    tracing::error!(%error, "Sandbox list cannot be written.");
    Problem::new(Kind::StoreUnavailable, "the sandbox's list cannot be written; is the disk full?").retry_after(1)
}
