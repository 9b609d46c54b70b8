//! `X-Twilio-Signature`: HMAC-SHA1 over the URL and the sorted fields of the form.
//! <https://www.twilio.com/docs/usage/security#validating-requests>

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use super::{Forged, Incoming, sha256};

pub fn check(token: &str, incoming: &Incoming<'_>) -> Result<(), Forged> {
    let given = incoming.header("x-twilio-signature").and_then(|text| STANDARD.decode(text).ok());
    let given = given.ok_or(Forged::Signature)?;
    let url = reqwest::Url::parse(incoming.url).map_err(|_| Forged::Signature)?;
    let body_hash = url.query_pairs().find(|(name, _)| name == "bodySHA256").map(|(_, hash)| hash.into_owned());
    let fields: BTreeSet<(String, String)> = match &body_hash {
        // The form is not covered then, so it must not count.
        Some(_) => BTreeSet::new(),
        None => incoming.form().into_iter().collect(),
    };
    if let Some(hash) = body_hash {
        // Not secret: the signature covers the hash.
        if !sha256(incoming.body).eq_ignore_ascii_case(&hash) {
            return Err(Forged::Signature);
        }
    } else if fields.is_empty() && !incoming.body.is_empty() {
        // A body that nothing signs.
        return Err(Forged::Signature);
    }
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    let is_right = spellings(incoming.url, &url).into_iter().any(|spelled| {
        let signed = fields.iter().fold(spelled, |text, (name, value)| text + name + value);
        hmac::verify(&key, signed.as_bytes(), &given).is_ok()
    });
    if is_right { Ok(()) } else { Err(Forged::Signature) }
}

/// The URL as it is, and with the port named or left out: Twilio does either.
fn spellings(text: &str, url: &reqwest::Url) -> Vec<String> {
    let Some((scheme, rest)) = text.split_once("://") else { return vec![text.to_owned()] };
    let (host, tail) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let user = host.rfind('@').map_or(0, |at| at + 1);
    let bare = host[user..].rfind(':').map_or(host, |at| &host[..user + at]);
    let port = url.port_or_known_default().unwrap_or(443);
    vec![text.to_owned(), format!("{scheme}://{bare}:{port}{tail}"), format!("{scheme}://{bare}{tail}")]
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    fn holds(url: &str, kind: &str, body: &str, signature: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", kind.parse().unwrap());
        headers.insert("x-twilio-signature", signature.parse().unwrap());
        check("12345", &Incoming { method: "POST", url, headers: &headers, body: body.as_bytes(), now: 0 }).is_ok()
    }

    const FORM: &str = "application/x-www-form-urlencoded";
    const P: &str = "CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309&To=%2B18005551212&Caller=%2B14158675309";
    const U: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";

    /// The vectors of Twilio's own libraries (twilio-python, tests/unit/test_request_validator.py).
    #[test]
    fn the_published_vectors_hold() {
        assert!(holds(U, FORM, P, "RSOYDt4T1cUTdK1PDd93/VVr8B8="));
        assert!(holds("https://mycompany.com:1234/myapp.php?foo=1&bar=2", FORM, P, "RSOYDt4T1cUTdK1PDd93/VVr8B8="));
        assert!(holds(U, FORM, P, "kvajT1Ptam85bY51eRf/AJRuM3w="));
        assert!(holds("http://mycompany.com/myapp.php?foo=1&bar=2", FORM, P, "0ZXoZLH/DfblKGATFgpif+LLRf4="));
        assert!(holds("http://mycompany.com:1234/myapp.php?foo=1&bar=2", FORM, P, "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="));
        let repeated = "Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234";
        assert!(holds(U, FORM, repeated, "IK+Dwps556ElfBT0I3Rgjkr1wJU="));
        let hash = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
        let (url, body) = (format!("{U}&bodySHA256={hash}"), r#"{"property": "value", "boolean": true}"#);
        assert!(holds(&url, "application/json", body, "a9nBmqA0ju/hNViExpshrM61xv4="));
        assert!(holds(
            "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2",
            FORM,
            P,
            "CukzLTc1tT5dXEDIHm/tKBanW10="
        ));
    }

    #[test]
    fn what_is_changed_is_refused() {
        let good = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
        assert!(!holds(U, FORM, &P.replace("1234&From", "1235&From"), good));
        assert!(!holds(&U.replace("foo=1", "foo=2"), FORM, P, good));
        assert!(!holds(U, FORM, &format!("{P}&More=1"), good));
        assert!(!holds(U, "application/json", P, good));
        for bad in ["", "x", "RSOYDt4T1cUTdK1PDd93/VVr8B9=", "RSOYDt4T1cUTdK1PDd93"] {
            assert!(!holds(U, FORM, P, bad), "{bad}");
        }
        let hash = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
        let url = format!("{U}&bodySHA256={hash}");
        assert!(!holds(&url, "application/json", r#"{"property": "other"}"#, "a9nBmqA0ju/hNViExpshrM61xv4="));
    }
}
