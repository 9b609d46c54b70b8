//! From a request as a profile describes it to bytes on the wire.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;

use super::client::Outgoing;
use super::profile::{Fillings, Request, SignIn};
use crate::model::{Ms, SECOND};

/// What stays as it is in a path: the unreserved characters (RFC 3986, 2.3).
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A way to sign in, with the operator's keys in it.
pub enum Signer {
    /// Nothing.
    None,
    /// The same header on every request.
    Header(HeaderName, HeaderValue),
    /// A fresh JWT for each request.
    Jwt(Box<Application>),
}

/// An application whose key signs JWTs (Vonage, "JWT authentication").
pub struct Application {
    id: String,
    key: jsonwebtoken::EncodingKey,
}

#[derive(Serialize)]
struct Claims<'a> {
    application_id: &'a str,
    iat: u64,
    exp: u64,
    jti: String,
}

/// How long a JWT is good for, in seconds.
const JWT_SECONDS: u64 = 900;

impl Signer {
    /// Reads the operator's keys. `Err` says which option is wrong.
    pub fn new(sign_in: &SignIn, options: &Fillings) -> Result<Self, String> {
        let secret = |text: String| {
            let mut value =
                HeaderValue::try_from(text).map_err(|_| "a key holds characters that no header may have")?;
            value.set_sensitive(true);
            Ok::<_, String>(value)
        };
        Ok(match sign_in {
            SignIn::None {} => Signer::None,
            SignIn::Basic { user, password } => {
                let pair = STANDARD.encode(format!("{}:{}", user.required(options)?, password.required(options)?));
                Signer::Header(AUTHORIZATION, secret(format!("Basic {pair}"))?)
            }
            SignIn::Header { name, value } => {
                let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "sign_in.name is no header's name")?;
                Signer::Header(name, secret(value.required(options)?)?)
            }
            SignIn::VonageJwt { application_id, private_key } => {
                let key = jsonwebtoken::EncodingKey::from_rsa_pem(private_key.required(options)?.as_bytes()).map_err(
                    |_| format!("option {} is no RSA private key in PEM", private_key.holes().collect::<String>()),
                )?;
                Signer::Jwt(Box::new(Application { id: application_id.required(options)?, key }))
            }
        })
    }

    fn header(&self, now: Ms) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Signer::None => None,
            Signer::Header(name, value) => Some((name.clone(), value.clone())),
            Signer::Jwt(application) => {
                let iat = now / SECOND;
                let jti = uuid(crate::seal::random());
                let claims = Claims { application_id: &application.id, iat, exp: iat + JWT_SECONDS, jti };
                let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
                let token = jsonwebtoken::encode(&header, &claims, &application.key).ok()?;
                let mut value = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
                value.set_sensitive(true);
                Some((AUTHORIZATION, value))
            }
        }
    }
}

/// A random UUID (RFC 9562, version 4).
fn uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    [&bytes[..4], &bytes[4..6], &bytes[6..8], &bytes[8..10], &bytes[10..]].map(hex).join("-")
}

/// The request to send. `Err`: a placeholder of its path has no value, or the URL is
/// none.
pub fn build(
    request: &Request,
    base_url: &str,
    signer: &Signer,
    fillings: &Fillings,
    now: Ms,
) -> Result<Outgoing, &'static str> {
    // A path that begins with a placeholder is a whole URL of the operator.
    let encode = |text: &str| match request.path.begins_with_hole() && base_url.is_empty() {
        true => text.to_owned(),
        false => utf8_percent_encode(text, IN_PATH).to_string(),
    };
    let path = request.path.fill_with(fillings, encode).ok_or("a placeholder of the path has no value")?;
    let mut url = reqwest::Url::parse(&format!("{}{path}", base_url.trim_end_matches('/')))
        .map_err(|_| "base_url and path make no URL")?;
    let pairs = |fields: &std::collections::BTreeMap<_, super::profile::Shape>| {
        fields.iter().flat_map(|(name, shape): (&String, _)| shape.fill_fields(name, fillings)).collect::<Vec<_>>()
    };
    let query = pairs(&request.query);
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    let mut headers = HeaderMap::new();
    headers.extend(signer.header(now));
    for (name, value) in &request.headers {
        let Some(value) = value.fill(fillings) else { continue };
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    let (kind, body) = match (&request.form, &request.json) {
        (Some(fields), _) => {
            let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs(fields)).finish();
            (Some("application/x-www-form-urlencoded"), form.into_bytes())
        }
        (None, Some(shape)) => {
            let json = shape.fill(fillings).unwrap_or(serde_json::Value::Null);
            (Some("application/json"), json.to_string().into_bytes())
        }
        (None, None) => (None, Vec::new()),
    };
    if let Some(kind) = kind {
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(kind));
    }
    let method = Method::from_bytes(request.method.as_bytes()).map_err(|_| "the method is none")?;
    Ok(Outgoing { method, url, headers, body })
}
