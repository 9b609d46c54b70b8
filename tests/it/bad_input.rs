//! Every bad request gets a clear 4xx that names what is wrong and repeats no
//! value; the program lives.

use reqwest::Method;
use serde_json::{Value, json};

use crate::gateway::{Answer, Gateway};

const NUL: &str = "a\u{0}b";
const RTL: &str = "a\u{202e}b";

async fn raw(gateway: &Gateway, path: &str, content_type: Option<&str>, body: Vec<u8>) -> Answer {
    let request = gateway.request(Method::POST, path).body(body);
    let request = match content_type {
        Some(kind) => request.header("content-type", kind),
        None => request,
    };
    gateway.send(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_cannot_be_used_are_refused() {
    let gateway = Gateway::demo();
    let long = "+8190".to_owned() + &"1".repeat(300);
    let cases = [
        ("not a number", "invalid_number"),
        ("", "invalid_number"),
        ("+", "invalid_number"),
        ("09012345678", "invalid_number"),
        ("+81901234567890123", "invalid_number"),
        ("+8190", "invalid_number"),
        ("+999123456789", "invalid_number"),
        ("+81 90 1234 5678 ext 9", "invalid_number"),
        (&long, "invalid_number"),
        ("+81\u{0}9012345678", "invalid_number"),
        ("\u{202e}+819012345678", "invalid_number"),
        ("+81９0123abc", "invalid_number"),
        ("+19005551234", "number_type"),
        ("+881612345678", "number_type"),
        ("+870773111632", "number_type"),
    ];
    for (to, kind) in cases {
        let answer = gateway.post("/v1/verifications", json!({ "to": to })).await;
        assert_eq!((answer.status, answer.problem()), (422, kind), "{to:?}");
        assert!(to.len() < 4 || !answer.body.to_string().contains(to), "the answer repeats {to:?}");
    }
    gateway.start(&gateway.number()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_request_are_refused() {
    let gateway = Gateway::demo();
    let to = gateway.number();
    let json_kind = Some("application/json");
    let deep = "[".repeat(60_000);
    let list = json!([to, "subject"]).to_string();
    let big = json!({ "to": "x".repeat(10_000_000) }).to_string();
    let trailing = format!("{} x", json!({ "to": to }));
    let twice = format!("{{\"to\":\"{to}\",\"to\":\"{to}\"}}");
    let good = json!({ "to": to }).to_string();
    let cases: [(Option<&str>, &str, u16, &str); 15] = [
        (json_kind, "", 400, "malformed_json"),
        (json_kind, "{", 400, "malformed_json"),
        (json_kind, "nonsense", 400, "malformed_json"),
        (json_kind, &deep, 400, "malformed_json"),
        (json_kind, &list, 422, "invalid_field"),
        (json_kind, &big, 413, "payload_too_large"),
        (json_kind, &trailing, 400, "malformed_json"),
        (json_kind, "[]", 422, "invalid_field"),
        (json_kind, "null", 422, "invalid_field"),
        (json_kind, "{}", 422, "invalid_field"),
        (json_kind, &twice, 422, "invalid_field"),
        (json_kind, "{\"to\":\"\\ud800\"}", 422, "invalid_field"),
        (None, &good, 415, "unsupported_media_type"),
        (Some("text/plain"), &good, 415, "unsupported_media_type"),
        (Some("application/x-www-form-urlencoded"), "to=1", 415, "unsupported_media_type"),
    ];
    for (kind, body, status, problem) in cases {
        let answer = raw(&gateway, "/v1/verifications", kind, body.into()).await;
        let shown: String = body.chars().take(40).collect();
        assert_eq!((answer.status, answer.problem()), (status, problem), "{shown}");
    }
    let deep_inside = format!("{{\"metadata\":{}1{}}}", "[".repeat(50_000 / 2), "]".repeat(50_000 / 2));
    let answer = raw(&gateway, "/v1/verifications", json_kind, deep_inside.into()).await;
    assert_eq!(answer.problem(), "invalid_field");
    let answer = raw(&gateway, "/v1/verifications", json_kind, vec![0xff, 0xfe, b'{']).await;
    assert_eq!(answer.status, 400);
    gateway.start(&to).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_cannot_be_used_are_named() {
    let gateway = Gateway::demo();
    let to = gateway.number();
    let long = "x".repeat(2_000);
    let cases: Vec<(&str, Value)> = vec![
        ("nonsense", json!({ "nonsense": 1 })),
        ("to", json!({ "to": 819012345678u64 })),
        ("to", json!({ "to": null })),
        ("to", json!({ "to": [] })),
        ("subject", json!({ "subject": 7 })),
        ("subject", json!({ "subject": "" })),
        ("subject", json!({ "subject": NUL })),
        ("subject", json!({ "subject": RTL })),
        ("subject", json!({ "subject": long })),
        ("channel", json!({ "channel": "fax" })),
        ("locale", json!({ "locale": "../../etc" })),
        ("locale", json!({ "locale": NUL })),
        ("locale", json!({ "locale": RTL })),
        ("client", json!({ "client": "x" })),
        ("client", json!({ "client": ["203.0.113.7"] })),
        ("client.ip", json!({ "client": { "ip": "300.1.1.1" } })),
        ("client.device", json!({ "client": { "device": NUL } })),
        ("client.device", json!({ "client": { "device": RTL } })),
        ("client.nonsense", json!({ "client": { "nonsense": 1 } })),
        ("asked_by", json!({ "asked_by": "robot" })),
        ("code_length", json!({ "code_length": 3 })),
        ("code_length", json!({ "code_length": 5 })),
        ("code_length", json!({ "code_length": 11 })),
        ("code_length", json!({ "code_length": 256 })),
        ("code_length", json!({ "code_length": -6 })),
        ("code_length", json!({ "code_length": "6" })),
        ("ttl_seconds", json!({ "ttl_seconds": 59 })),
        ("ttl_seconds", json!({ "ttl_seconds": 3601 })),
        ("ttl_seconds", json!({ "ttl_seconds": 1.5 })),
        ("metadata", json!({ "metadata": "x" })),
        ("metadata", json!({ "metadata": { "a": long } })),
        ("metadata", json!({ "metadata": { "a": [NUL] } })),
        ("metadata", json!({ "metadata": { RTL: 1 } })),
    ];
    for (field, over) in cases {
        let mut body = json!({ "to": to });
        body.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
        let answer = gateway.post("/v1/verifications", body).await;
        assert_eq!((answer.status, answer.problem()), (422, "invalid_field"), "{over}");
        assert_eq!(answer.body["field"], field, "{over}");
    }
    let not_yet = [
        ("enrolled", json!({ "enrolled": true })),
        ("custom_code", json!({ "custom_code": "123456" })),
        ("app_hash", json!({ "app_hash": "x" })),
        ("web_otp_domain", json!({ "web_otp_domain": "example.com" })),
        ("client.platform", json!({ "client": { "platform": "ios" } })),
        ("client.release", json!({ "client": { "release": "1" } })),
    ];
    for (field, over) in not_yet {
        let mut body = json!({ "to": to });
        body.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
        let answer = gateway.post("/v1/verifications", body).await;
        assert_eq!((answer.status, answer.problem()), (422, "not_supported_yet"), "{field}");
        assert_eq!(answer.body["field"], field);
    }
    let id = gateway.start(&to).await;
    for body in [json!({}), json!({ "channel": "auto" }), json!({ "channel": "sms", "code": 1 }), json!([1])] {
        let answer = gateway.post(&format!("/v1/verifications/{id}/deliveries"), body).await;
        assert_eq!(answer.problem(), "invalid_field");
    }
    for code in ["", "12", "abcdef", NUL, RTL, "12345678901", &long] {
        assert_eq!(gateway.check(&id, code).await.problem(), "invalid_field", "{code:?}");
    }
    assert_eq!(gateway.verification(&id).await["attempts_left"], 5, "nothing was counted");
    let key = "k".repeat(256);
    assert_eq!(gateway.post_with_key("/v1/verifications", &key, &json!({ "to": to })).await.problem(), "invalid_field");
    for text in ["", NUL, RTL, &"x".repeat(1_531)] {
        assert_eq!(gateway.post("/v1/messages", json!({ "to": to, "text": text })).await.problem(), "invalid_field");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_and_ids_that_do_not_exist_are_404() {
    let gateway = Gateway::demo();
    let unknown = "ver_007rckyj5phnfyfr1ac9xk3342";
    let ids =
        ["x", "ver_", "msg_007rckyj5phnfyfr1ac9xk3342", "%00", "%E2%80%AE", "..%2F..", &"v".repeat(3_000), unknown];
    for id in ids {
        for tail in ["", "/help"] {
            let answer = gateway.get(&format!("/v1/verifications/{id}{tail}")).await;
            assert_eq!((answer.status, answer.problem()), (404, "not_found"), "{id}");
        }
        assert_eq!(gateway.check(id, "123456").await.problem(), "not_found");
        assert_eq!(gateway.resend(id, "sms").await.problem(), "not_found");
        assert_eq!(gateway.delete(&format!("/v1/verifications/{id}")).await.problem(), "not_found");
    }
    assert_eq!(gateway.get("/v2/nothing").await.problem(), "not_found");
    let answer = gateway.send(gateway.request(Method::PATCH, "/v1/verifications")).await;
    assert_eq!((answer.status, answer.problem()), (405, "method_not_allowed"));
    assert_eq!(answer.headers["allow"], "POST");
    gateway.start(&gateway.number()).await;
}
