//! Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`.
//! <https://www.standardwebhooks.com>

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use super::{Forged, Incoming, seconds};
use crate::model::Ms;

/// The key bytes of `whsec_…`.
pub fn secret(text: &str) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(text.trim().strip_prefix("whsec_")?).ok()?;
    (24..=64).contains(&bytes.len()).then_some(bytes)
}

/// When it was signed.
pub fn check(key: &str, incoming: &Incoming<'_>) -> Result<Ms, Forged> {
    let read = || {
        let (id, at) = (incoming.header("webhook-id")?, incoming.header("webhook-timestamp")?);
        let signed = [id.as_bytes(), b".", at.as_bytes(), b".", incoming.body].concat();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret(key)?);
        let mut given = incoming.header("webhook-signature")?.split(' ').filter_map(|one| one.strip_prefix("v1,"));
        given.find(|one| STANDARD.decode(one).is_ok_and(|one| hmac::verify(&key, &signed, &one).is_ok()))?;
        seconds(at)
    };
    read().ok_or(Forged::Signature)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    /// The vector of the reference libraries.
    #[test]
    fn the_published_vector_holds() {
        let mut headers = HeaderMap::new();
        headers.insert("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek".parse().unwrap());
        headers.insert("webhook-timestamp", "1614265330".parse().unwrap());
        let signature = "v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        headers.insert("webhook-signature", signature.parse().unwrap());
        let incoming = |body| Incoming { method: "POST", url: "", headers: &headers, body, now: 0 };
        let key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        assert_eq!(check(key, &incoming(br#"{"test": 2432232314}"#)), Ok(1_614_265_330_000));
        assert_eq!(check(key, &incoming(br#"{"test": 2432232315}"#)), Err(Forged::Signature));
        assert_eq!(check("whsec_AAAA", &incoming(br#"{"test": 2432232314}"#)), Err(Forged::Signature));
    }
}
