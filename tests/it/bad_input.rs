//! What cannot be used is refused with a clear problem that does not repeat it, and
//! the gateway goes on.

use reqwest::Method;
use serde_json::{Value, json};

use crate::gateway::{Gateway, tells};

const STARTS: &str = "/v1/verifications";

fn gateway() -> Gateway {
    Gateway::setup().argument("--relaxed-limits").option("OTP_SERVER__BODY_LIMIT_BYTES", "300000").start()
}

impl Gateway {
    /// Sends what must be refused, with this status and kind; none of `untold` may come back.
    async fn refuses(&self, request: reqwest::RequestBuilder, status: u16, kind: &str, untold: &[&str]) -> Value {
        let answer = self.send(request).await;
        assert_eq!((answer.status, answer.problem()), (status, kind), "{}", answer.body);
        for text in untold.iter().filter(|text| text.len() > 3) {
            assert!(!tells(&answer.body.to_string(), text), "{} repeats {text}", answer.body);
        }
        answer.body
    }

    /// A JSON body that must be refused for one field.
    async fn refuses_field(&self, path: &str, body: Value, kind: &str, field: &str, untold: &[&str]) {
        let problem = self.refuses(self.request(Method::POST, path).json(&body), 422, kind, untold).await;
        assert_eq!(problem["field"], field, "{body}: {problem}");
    }

    async fn still_serves(&self) {
        self.start(&self.number()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_number_or_is_never_contacted() {
    let gateway = gateway();
    let long = "9".repeat(300);
    for to in [
        "",
        "  ",
        "letters",
        "me@example.com",
        &long,
        "+8190123456789012345",
        "+819",
        "+999123456",
        "09012345678",
        "+12025550123 x42",
        "+8190\u{0}12345678",
        "+8190\n12345678",
        "\u{202e}+819012345678",
        "+8190\u{7}12345678",
        "🙂",
    ] {
        gateway.refuses_field(STARTS, json!({ "to": to }), "invalid_number", "to", &[to, to.trim_matches('+')]).await;
        let lookup = gateway.post("/v1/numbers/lookup", json!({ "to": to })).await;
        assert_eq!(lookup.status, 422, "{to:?}");
    }
    for to in ["+19005551234", "+881612345678", "+449098790123", "+4918012345678"] {
        for channel in ["auto", "sms", "voice"] {
            let request = gateway.request(Method::POST, STARTS).json(&json!({ "to": to, "channel": channel }));
            gateway.refuses(request, 422, "number_type", &[&to[1..]]).await;
        }
    }
    gateway.still_serves().await;
}

#[allow(clippy::type_complexity, reason = "a table")]
#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_cannot_be_read() {
    let gateway = gateway();
    let to = gateway.number();
    let good = json!({ "to": to }).to_string();
    let deep = format!("{{\"to\":\"{to}\",\"metadata\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let json_type = Some("application/json");
    let bodies: [(&str, Option<&str>, Vec<u8>, u16, &str); 14] = [
        ("no content type", None, good.clone().into(), 415, "unsupported_media_type"),
        ("text", Some("text/plain"), good.clone().into(), 415, "unsupported_media_type"),
        ("a form", Some("application/x-www-form-urlencoded"), "to=1".into(), 415, "unsupported_media_type"),
        ("10 MB", json_type, vec![b' '; 10 << 20], 413, "payload_too_large"),
        ("empty", json_type, Vec::new(), 400, "malformed_json"),
        ("not JSON", json_type, "to=1".into(), 400, "malformed_json"),
        ("cut off", json_type, good[..good.len() - 2].into(), 400, "malformed_json"),
        ("more after it", json_type, format!("{good} {good}").into(), 400, "malformed_json"),
        ("not UTF-8", json_type, b"{\"to\":\"\xff\xfe\"}".to_vec(), 400, "malformed_json"),
        ("half a surrogate pair", json_type, "{\"to\":\"\\ud800\"}".into(), 400, "malformed_json"),
        ("nested too deep", json_type, deep.clone().into(), 400, "malformed_json"),
        ("nested and never closed", json_type, deep.trim_end_matches([']', '}']).into(), 400, "malformed_json"),
        ("a field twice", json_type, format!("{{\"to\":\"{to}\",\"to\":\"{to}\"}}").into(), 422, "invalid_field"),
        ("a text", json_type, json!(to).to_string().into(), 422, "invalid_field"),
    ];
    for (what, kind, body, status, problem) in bodies {
        let request = gateway.request(Method::POST, STARTS).body(body);
        let request = kind.into_iter().fold(request, |request, kind| request.header("Content-Type", kind));
        let refused = gateway.refuses(request, status, problem, &[&to[1..]]).await;
        assert!(refused["detail"].as_str().unwrap().len() < 400, "{what}");
    }
    // An array is no object, even one with a value for each field.
    let id = gateway.start(&to).await;
    let check = format!("{STARTS}/{id}/check");
    for body in ["[]", "[\"123456\"]", "[\"123456\", null]", &"[".repeat(100_000)] {
        let request = gateway.request(Method::POST, &check).header("Content-Type", "application/json");
        let answer = gateway.send(request.body(body.to_owned())).await;
        assert!([400, 422].contains(&answer.status), "{:.30}: {}", body, answer.body);
        assert!(["malformed_json", "invalid_field"].contains(&answer.problem()), "{:.30}", body);
    }
    assert_eq!(gateway.verification(&id).await["attempts_left"], 5);
    gateway.still_serves().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_of_the_wrong_kind_or_size() {
    let gateway = gateway();
    let to = gateway.number();
    let start = |field: &str, value: Value| {
        let mut body = json!({ "to": to });
        match field.split_once('.') {
            Some((outer, inner)) => body[outer][inner] = value,
            None => body[field] = value,
        }
        body
    };
    let untold = [&to[1..], "kaputt", "70817081"];
    let texts = ["to", "subject", "channel", "locale", "client.ip", "client.device", "asked_by"];
    for field in texts {
        for value in [json!(70817081), json!(true), json!(["kaputt"]), json!({ "kaputt": 1 })] {
            gateway.refuses_field(STARTS, start(field, value), "invalid_field", field, &untold).await;
        }
    }
    for field in ["code_length", "ttl_seconds"] {
        for value in
            [json!("70817081"), json!("6"), json!(-1), json!(6.5), json!(1e300), json!(u64::MAX), json!([6]), json!({})]
        {
            gateway.refuses_field(STARTS, start(field, value), "invalid_field", field, &untold).await;
        }
    }
    for (field, values) in [("code_length", [3, 5, 11, 255, 256]), ("ttl_seconds", [0, 1, 59, 3601, 1_000_000])] {
        for value in values {
            gateway.refuses_field(STARTS, start(field, json!(value)), "invalid_field", field, &untold).await;
        }
    }
    let large = json!({ "kaputt": "x".repeat(2048) });
    for (field, value) in [
        ("metadata", json!("kaputt")),
        ("metadata", json!(["kaputt"])),
        ("metadata", json!(70817081)),
        ("metadata", large),
        ("client", json!("kaputt")),
        ("subject", json!("")),
        ("subject", json!("kaputt".repeat(50))),
        ("client.ip", json!("kaputt")),
        ("client.device", json!("kaputt".repeat(50))),
        ("locale", json!("kaputt_kaputt_kaputt")),
        ("channel", json!("fax-kaputt")),
        ("channel", json!(format!("expected {}", &to[1..]))),
        ("code_length", json!(format!("expected {} at line 1", &to[1..]))),
        ("asked_by", json!("kaputt")),
    ] {
        gateway.refuses_field(STARTS, start(field, value), "invalid_field", field, &untold).await;
    }
    for field in ["enrolled", "custom_code", "app_hash", "web_otp_domain", "client.platform", "client.release"] {
        gateway.refuses_field(STARTS, start(field, json!("kaputt")), "not_supported_yet", field, &untold).await;
    }
    gateway.refuses(gateway.request(Method::POST, STARTS).json(&json!({})), 422, "invalid_field", &[]).await;
    let unknown = json!({ "to": to, "colour": "kaputt" });
    gateway.refuses(gateway.request(Method::POST, STARTS).json(&unknown), 422, "invalid_field", &untold).await;
    gateway.start(&to).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn characters_that_hide_something() {
    let gateway = gateway();
    let to = gateway.number();
    let id = gateway.start(&to).await;
    let (check, other) = (format!("{STARTS}/{id}/check"), gateway.number());
    for c in ["\u{0}", "\u{202e}", "\n", "\u{7}", "\u{feff}"] {
        let bad = format!("kap{c}utt");
        for (path, field, body) in [
            (STARTS, "subject", json!({ "to": other, "subject": bad })),
            (STARTS, "locale", json!({ "to": other, "locale": format!("en{c}") })),
            (STARTS, "client.device", json!({ "to": other, "client": { "device": bad } })),
            (STARTS, "metadata", json!({ "to": other, "metadata": { (&*bad): 1 } })),
            (STARTS, "metadata", json!({ "to": other, "metadata": { "a": [{ "b": bad }] } })),
            (&check, "code", json!({ "code": format!("123{c}456") })),
            ("/v1/messages", "code", json!({ "to": other, "text": "Hello", "code": format!("123{c}456") })),
            ("/v1/messages", "locale", json!({ "to": other, "text": "Hello", "locale": format!("en{c}") })),
            ("/v1/messages", "text", json!({ "to": other, "text": bad })),
        ] {
            if field != "text" || c != "\n" {
                gateway.refuses_field(path, body, "invalid_field", field, &[&bad, &other[1..]]).await;
            }
        }
    }
    for key in ["", &"k".repeat(256)] {
        let answer = gateway.post_with_key(STARTS, key, &json!({ "to": other })).await;
        assert_eq!((answer.problem(), answer.body["field"].as_str()), ("invalid_field", Some("Idempotency-Key")));
    }
    assert_eq!(gateway.verification(&id).await["attempts_left"], 5, "what is no code is not counted");
    gateway.start(&other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_addresses_and_methods_that_do_not_exist() {
    let gateway = gateway();
    let (to, none) = (gateway.number(), "00000000000000000000000000");
    let id = gateway.start(&to).await;
    let long = "0".repeat(5_000);
    for id in [
        "garbage",
        "ver_",
        "ver_short",
        &format!("msg_{none}"),
        &format!("msg_{}", &id[4..]),
        &format!("ver_{none}"),
        &format!("ver_{long}"),
        &id.to_uppercase(),
        &format!("{id}0"),
        &to,
        "ver_é",
        "%00",
        "%ff%fe",
        "ver_%E2%80%AE",
        "..%2f..%2fetc%2fpasswd",
        "'%20OR%201=1",
        "🙂",
    ] {
        let own = format!("{STARTS}/{id}");
        for (method, path, body) in [
            (Method::GET, own.clone(), Value::Null),
            (Method::DELETE, own.clone(), Value::Null),
            (Method::GET, format!("{own}/help"), Value::Null),
            (Method::POST, format!("{own}/check"), json!({ "code": "123456" })),
            (Method::POST, format!("{own}/deliveries"), json!({ "channel": "voice" })),
            (Method::GET, format!("/v1/messages/{}", id.replace("msg_", "ver_")), Value::Null),
        ] {
            let request = gateway.request(method, &path);
            let request = if body.is_null() { request } else { request.json(&body) };
            gateway.refuses(request, 404, "not_found", &[&to[1..]]).await;
        }
    }
    for path in
        ["/v1", "/v2/verifications", "/v1/verifications/x/y/z", "/sandbox/none.js", "/problems/none", "/favicon.ico"]
    {
        gateway.refuses(gateway.request(Method::GET, path), 404, "not_found", &[]).await;
    }
    let own = format!("{STARTS}/{id}");
    for (method, path, allowed) in [
        ("GET", STARTS, "POST"),
        ("PUT", &own, "DELETE"),
        ("PATCH", &own, "GET"),
        ("GET", &format!("{own}/check"), "POST"),
        ("DELETE", "/v1/messages", "POST"),
        ("POST", "/healthz", "GET"),
        ("POST", "/sandbox/messages", "GET"),
        ("BREW", "/openapi.json", "GET"),
    ] {
        let answer = gateway.send(gateway.request(method.parse().unwrap(), path)).await;
        assert_eq!((answer.status, answer.problem()), (405, "method_not_allowed"), "{method} {path}");
        let allow = answer.headers["allow"].to_str().unwrap();
        assert!(allow.split(',').any(|one| one.trim() == allowed), "{method} {path}: {allow}");
    }
    for query in ["?nope=1", "?locale=", "?locale=%00", "?locale=%ff", "?locale=en&locale=ja"] {
        gateway.refuses(gateway.request(Method::GET, &format!("{own}/help{query}")), 422, "invalid_field", &[]).await;
    }
    for path in ["/sandbox/messages?limit=many", "/sandbox/messages?limit=1&limit=2", "/sandbox/phones?after=x"] {
        gateway.refuses(gateway.request(Method::GET, path), 422, "invalid_field", &[]).await;
    }
    gateway.still_serves().await;
}
