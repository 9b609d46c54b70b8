//! Vonage's signed webhooks: a JWT (HS256) that holds the hash of the body.
//! <https://developer.vonage.com/en/getting-started/concepts/webhooks#decoding-signed-webhooks>

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::{Forged, Incoming, sha256};
use crate::model::{Ms, SECOND};

#[derive(Deserialize)]
struct Claims {
    iat: u64,
    payload_hash: Option<String>,
}

/// When it was signed.
pub fn check(secret: &str, incoming: &Incoming<'_>) -> Result<Ms, Forged> {
    let token = incoming.header("authorization").and_then(|text| text.strip_prefix("Bearer "));
    let mut validation = Validation::new(Algorithm::HS256);
    // The window over `iat` is ours; not every token has `exp`.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let key = DecodingKey::from_secret(secret.as_bytes());
    let claims = jsonwebtoken::decode::<Claims>(token.ok_or(Forged::Signature)?, &key, &validation);
    let claims = claims.map_err(|_| Forged::Signature)?.claims;
    let hash = sha256(incoming.body);
    let covers = claims.payload_hash.is_some_and(|given| given.as_bytes().ct_eq(hash.as_bytes()).into());
    // Without the hash a token of one report would vouch for any other.
    if !covers {
        return Err(Forged::Signature);
    }
    claims.iat.checked_mul(SECOND).ok_or(Forged::Stale)
}
