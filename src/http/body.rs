//! Request bodies: JSON of a known shape, of bounded size, without characters
//! that hide something. A refusal names the field and never repeats its value.

use std::marker::PhantomData;
use std::sync::atomic::Ordering;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;
use futures_util::StreamExt;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::layers::Arrived;
use super::{Kind, Problem};

/// A JSON body, and its bytes for the idempotency fingerprint.
pub struct Body<T> {
    /// The value.
    pub value: T,
    /// The bytes that it was read from.
    pub bytes: Bytes,
}

/// The largest body, in bytes; a layer sets it.
#[derive(Clone, Copy)]
pub struct BodyLimit(pub usize);

/// What is read beyond the limit and thrown away: a client that is cut off while
/// it still writes would not see the answer.
const DRAINED: usize = 32 << 20;

async fn read(request: Request) -> Result<Bytes, Problem> {
    let arrived = request.extensions().get::<Arrived>().cloned();
    let BodyLimit(most) = request.extensions().get().copied().unwrap_or(BodyLimit(64 << 10));
    let mut chunks = request.into_body().into_data_stream();
    let (mut body, mut length) = (Vec::new(), 0usize);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Problem::new(Kind::MalformedJson, "the body did not arrive whole"))?;
        length += chunk.len();
        if length <= most {
            body.extend_from_slice(&chunk);
        } else if length > DRAINED {
            break;
        }
    }
    if let Some(Arrived(arrived)) = arrived {
        arrived.store(true, Ordering::Release);
    }
    match length {
        length if length <= most => Ok(body.into()),
        _ => Err(Problem::new(Kind::PayloadTooLarge, format!("send at most {most} bytes"))),
    }
}

/// A body of bounded size as it came, which may be empty.
pub struct RawBody(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        read(request).await.map(RawBody)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_json(request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok())) {
            return Err(Problem::new(Kind::UnsupportedMediaType, "send the header Content-Type: application/json"));
        }
        let bytes = read(request).await?;
        if std::str::from_utf8(&bytes).is_err() {
            return Err(Problem::new(Kind::MalformedJson, "the body is not UTF-8"));
        }
        // serde would read a list as the fields in their order.
        if bytes.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
            serde_json::from_slice::<Value>(&bytes).map_err(|error| malformed(&error))?;
            return Err(Problem::field("body", "must be a JSON object"));
        }
        let mut json = serde_json::Deserializer::from_slice(&bytes);
        let value = serde_path_to_error::deserialize(&mut json).map_err(|error| refused(&error, &bytes))?;
        json.end().map_err(|error| malformed(&error))?;
        Ok(Body { value, bytes })
    }
}

/// Reads a field that is an object of its own: a list is not one.
pub fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<Option<T>, D::Error> {
    d.deserialize_option(ObjectOnly(PhantomData))
}

struct ObjectOnly<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectOnly<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_none<E>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, d: D) -> Result<Option<T>, D::Error> {
        d.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }
}

fn is_json(content_type: Option<&str>) -> bool {
    let kind = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

fn malformed(error: &serde_json::Error) -> Problem {
    let detail = format!("not JSON at line {}, column {}", error.line(), error.column());
    Problem::new(Kind::MalformedJson, detail)
}

fn refused(error: &serde_path_to_error::Error<serde_json::Error>, bytes: &[u8]) -> Problem {
    let inner = error.inner();
    // A number where a word is expected counts as bad syntax to serde_json, though the JSON is fine.
    let is_data = inner.classify() == serde_json::error::Category::Data;
    if !is_data && serde_json::from_slice::<Value>(bytes).is_err() {
        return malformed(inner);
    }
    let text = inner.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    // "invalid type: string \"…\", expected …" repeats the value: only what is expected is told.
    let detail = match text.rfind("expected ") {
        Some(at) if !text.starts_with("unknown field") => text[at..].to_owned(),
        _ if text.starts_with("unknown field")
            || text.starts_with("missing field")
            || text.starts_with("duplicate") =>
        {
            text.chars().take(400).collect()
        }
        _ => "the value cannot be used".to_owned(),
    };
    Problem::field(&error.path().to_string().chars().take(100).collect::<String>(), detail)
}

/// Refuses a text field that is too long or holds control or text-direction
/// characters, which make it look like something else. `lines`: line breaks are
/// allowed.
pub fn check_text(field: &str, text: &str, most: usize, lines: bool) -> Result<(), Problem> {
    let length = text.chars().count();
    if length == 0 || length > most {
        return Err(Problem::field(field, format!("must have 1 to {most} characters")));
    }
    let hides = |c: char| {
        (c.is_control() && !(lines && matches!(c, '\n' | '\r')))
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    if text.chars().any(hides) {
        return Err(Problem::field(field, "must not hold control or text-direction characters"));
    }
    Ok(())
}

/// The same for every text and name inside a JSON value.
pub fn check_texts(field: &str, value: &Value, most: usize) -> Result<(), Problem> {
    let check = |text: &str| if text.is_empty() { Ok(()) } else { check_text(field, text, most, false) };
    match value {
        Value::String(text) => check(text),
        Value::Array(items) => items.iter().try_for_each(|item| check_texts(field, item, most)),
        Value::Object(members) => members.iter().try_for_each(|(name, item)| {
            check(name)?;
            check_texts(field, item, most)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// The `Idempotency-Key` header: 1 to 255 visible ASCII characters, if sent.
pub struct IdempotencyKey(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get("idempotency-key") else { return Ok(IdempotencyKey(None)) };
        match value.to_str() {
            Ok(key) if (1..=255).contains(&key.len()) => Ok(IdempotencyKey(Some(key.to_owned()))),
            _ => Err(Problem::field("Idempotency-Key", "must have 1 to 255 visible ASCII characters")),
        }
    }
}
