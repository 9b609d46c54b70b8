//! `X-Plivo-Signature-V3`: HMAC-SHA256 over URL, fields and a nonce.
//! <https://www.plivo.com/docs/voice/concepts/signature-validation>

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use super::{Forged, Incoming};

pub fn check(token: &str, incoming: &Incoming<'_>) -> Result<(), Forged> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, token.as_bytes());
    // There may be several, parted by commas: of the account and of its parent.
    let signs = |header: &str, signed: &str| {
        let given = incoming.header(header).unwrap_or_default().split(',');
        given
            .filter_map(|one| STANDARD.decode(one.trim()).ok())
            .any(|one| hmac::verify(&key, signed.as_bytes(), &one).is_ok())
    };
    let is_right = match (incoming.header("x-plivo-signature-v3-nonce"), incoming.header("x-plivo-signature-v2-nonce"))
    {
        (Some(nonce), _) => base(incoming).is_some_and(|base| {
            let signed = format!("{base}.{nonce}");
            signs("x-plivo-signature-v3", &signed) || signs("x-plivo-signature-ma-v3", &signed)
        }),
        // The older scheme, which Plivo documents for SMS. It covers the address alone, so
        // it counts where our own signed reference stands there, and nowhere else.
        (None, Some(nonce)) if is_about_sms(incoming.url) => {
            let signed = format!("{}{nonce}", bare(incoming.url));
            signs("x-plivo-signature-v2", &signed) || signs("x-plivo-signature-ma-v2", &signed)
        }
        (None, _) => false,
    };
    if is_right { Ok(()) } else { Err(Forged::Signature) }
}

/// Whether it is the address of an SMS: `…/webhooks/CARRIER/sms/REFERENCE`.
fn is_about_sms(url: &str) -> bool {
    let mut segments = bare(url).rsplit('/').skip(1);
    segments.next() == Some("sms") && segments.nth(1) == Some("webhooks")
}

fn bare(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// What is signed beside the nonce. Of a GET all fields stand in the query.
fn base(incoming: &Incoming<'_>) -> Option<String> {
    let url = reqwest::Url::parse(incoming.url).ok()?;
    let bare = bare(incoming.url);
    let mut query: Vec<_> = url.query_pairs().into_owned().collect();
    query.sort();
    let query: Vec<String> = query.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let query = query.join("&");
    let is_get = incoming.method == "GET";
    let mut fields = if is_get { Vec::new() } else { incoming.form() };
    if !is_get && fields.is_empty() && !incoming.body.is_empty() {
        return None;
    }
    fields.sort();
    let fields: String = fields.into_iter().map(|(name, value)| name + &value).collect();
    Some(match (query.is_empty(), fields.is_empty()) {
        (true, true) => bare.to_owned(),
        (true, false) => format!("{bare}?{fields}"),
        (false, true) => format!("{bare}?{query}"),
        (false, false) => format!("{bare}?{query}.{fields}"),
    })
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    fn holds(method: &str, url: &str, fields: &[(&str, &str)], signature: &str) -> bool {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let (url, body) = match method {
            "GET" => (format!("{url}{}{body}", if url.contains('?') { "&" } else { "?" }), String::new()),
            _ => (url.to_owned(), body),
        };
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
        headers.insert("x-plivo-signature-v3", format!("AAAA, {signature}").parse().unwrap());
        headers.insert("x-plivo-signature-v3-nonce", "31627761595286130198".parse().unwrap());
        let incoming = Incoming { method, url: &url, headers: &headers, body: body.as_bytes(), now: 0 };
        check("Y2Q2ZDgxZmY5YWRiOTI5YmQ1Njg0MTAxZWIyOTc4", &incoming).is_ok()
    }

    #[test]
    fn the_older_scheme_covers_the_address_of_an_sms() {
        let sign = |url: &str| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, b"my_auth_token");
            STANDARD.encode(hmac::sign(&key, format!("{url}12345").as_bytes()))
        };
        // The vector of Plivo's own library (plivo-go, utils_test.go).
        assert_eq!(sign("https://answer.url"), "ehV3IKhLysWBxC1sy8INm0qGoQYdYsHwuoKjsX7FsXc=");
        let check = |signed: &str, url: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-plivo-signature-v2", sign(signed).parse().unwrap());
            headers.insert("x-plivo-signature-v2-nonce", "12345".parse().unwrap());
            check("my_auth_token", &Incoming { method: "POST", url, headers: &headers, body: b"a=b", now: 0 })
        };
        let sms = "https://otp.example.com/webhooks/plivo/sms/abc";
        assert_eq!(check(sms, &format!("{sms}?a=b")), Ok(()));
        assert_eq!(check(sms, "https://otp.example.com/webhooks/plivo/sms/abd"), Err(Forged::Signature));
        for other in
            ["https://otp.example.com/webhooks/plivo/voice/abc", "https://otp.example.com/webhooks/plivo/inbound/abc"]
        {
            assert_eq!(check(other, other), Err(Forged::Signature), "{other}");
        }
    }

    /// The vectors of Plivo's own library (plivo-go, utils_test.go).
    #[test]
    fn the_published_vectors_hold() {
        let id = "3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36";
        let fields = [
            ("Direction", "outbound"),
            ("From", "19792014278"),
            ("ALegUUID", id),
            ("ALegRequestUUID", id),
            ("CallUUID", id),
            ("RequestUUID", id),
            ("CallStatus", "in-progress"),
            ("BillRate", "0.002"),
            ("ParentAuthID", "MANWVLYTK4ZWU1YTY4QA"),
            ("To", "sip:PlivoSignature382029104058171078704104@phone-qa.voice.plivodev.com"),
            ("SIP-H-To", "<sip:PlivoSignature382029104058171078704104@52.9.11.55;transport=udp>;tag=1"),
            ("SessionStart", "2020-04-08 11:34:33.238707"),
            ("Event", "StartApp"),
        ];
        let page = "https://plivobin.non-prod.plivops.com/api/v1/validate_signature03.xml";
        let with_query = format!("{page}/?a=b&c=d");
        assert!(holds("POST", &with_query, &fields, "k7Pusd4OxCIjR5IfA9iedDNu/h/gbdYqdzG/MiYtd1c="));
        assert!(holds("GET", &with_query, &fields, "UBq8jAtd32wR8EK9VgxbBn4n5rpI/l1H9iN4WfSEHFQ="));
        assert!(holds("POST", page, &fields, "iAjE5QqI37mbkYe4w3jTMudqEzbDufdqi7sYwTu64e0="));
        assert!(holds("GET", page, &fields, "i/MQsaQSAd6fiKhOh2qeeeLHZ9faldADSb3/7+Akfbc="));
        assert!(!holds("POST", page, &fields[1..], "iAjE5QqI37mbkYe4w3jTMudqEzbDufdqi7sYwTu64e0="));
        assert!(!holds("POST", page, &fields, ""));
    }
}
