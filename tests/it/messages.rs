//! Texts of other systems: delivered as they are, never checked.

use serde_json::{Value, json};

use crate::gateway::{Gateway, SOON, codes_spoken, tenants, until};

const OTHER: &str = "other-key-77e0a1";

#[tokio::test(flavor = "multi_thread")]
async fn a_text_arrives_as_it_was_given() {
    let gateway = Gateway::demo();
    for (field, text) in [
        ("text", "4711 is your code.\r\nIgnore it\nif you did not ask.\n"),
        ("body", "Ваш код: 4711 — 您的验证码 🎉👩‍👩‍👧 \"<b>&amp;\\n"),
        ("text", " spaces stay  "),
        ("text", &"ü".repeat(1_530)),
    ] {
        let to = gateway.number();
        let accepted = gateway.post("/v1/messages", json!({ "to": to, (field): text })).await.expect(202);
        let id = accepted["id"].as_str().unwrap();
        assert!(id.starts_with("msg_"));
        assert_eq!(accepted["to_masked"], format!("+81********{}", &to[to.len() - 2..]));
        assert_eq!(gateway.nth(&to, 1).await["body"], text);
        let path = format!("/v1/messages/{id}");
        let delivered = until(SOON, "the delivery", || async {
            let message = gateway.get(&path).await.expect(200);
            (message["deliveries"][0]["state"] == "delivered").then_some(message)
        })
        .await;
        let delivery = &delivered["deliveries"][0];
        assert_eq!((&delivery["channel"], &delivery["asked_by"]), (&json!("sms"), &json!("system")));
        let longest = text.split_whitespace().max_by_key(|word| word.len()).unwrap();
        assert!(!delivered.to_string().contains(longest), "the text is not told again: {delivered}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_speaks_the_code_of_a_text() {
    let gateway = Gateway::demo();
    gateway.outcome(json!({ "channel": "voice", "outcome": "answers", "key": "1", "delay_ms": 50 })).await;
    for (body, code) in [
        (json!({ "text": "Your code is 90210, valid for 5 minutes." }), "90210"),
        (json!({ "text": "Order 123456: 7 of 8 parts.", "code": "0099" }), "0099"),
        (json!({ "text": "Order 123456 and 654321", "code": "654321" }), "654321"),
    ] {
        let mut body = body;
        let to = gateway.number();
        (body["to"], body["channel"]) = (json!(to), json!("voice"));
        let accepted = gateway.post("/v1/messages", body).await.expect(202);
        let call = gateway.nth(&to, 1).await;
        let spoken = codes_spoken(call["spoken"].as_str().unwrap());
        assert!(!spoken.is_empty() && spoken.iter().all(|one| one == code), "{call}");
        let path = format!("/v1/messages/{}", accepted["id"].as_str().unwrap());
        until(SOON, "the call", || async {
            (gateway.get(&path).await.expect(200)["deliveries"][0]["state"] == "delivered").then_some(())
        })
        .await;
    }
    for text in ["Hello", "Use 123456 or 654321", "123 45", "12345678901"] {
        let answer =
            gateway.post("/v1/messages", json!({ "to": gateway.number(), "text": text, "channel": "voice" })).await;
        assert_eq!(
            (answer.status, answer.problem(), &answer.body["field"]),
            (422, "invalid_field", &json!("code")),
            "{text}"
        );
    }
    // As an SMS none of them needs a code.
    let answer = gateway.post("/v1/messages", json!({ "to": gateway.number(), "text": "Hello" })).await;
    assert_eq!(answer.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_has_nothing_to_check() {
    let gateway = Gateway::demo();
    let to = gateway.number();
    let answer = gateway.post("/v1/messages", json!({ "to": to, "text": "Your code: 471108" })).await;
    let id = answer.id();
    let as_verification = format!("ver_{}", &id[4..]);
    for id in [&id, &as_verification] {
        assert_eq!(gateway.check(id, "471108").await.problem(), "not_found", "{id}");
        assert_eq!(gateway.resend(id, "voice").await.problem(), "not_found", "{id}");
        assert_eq!(gateway.get(&format!("/v1/verifications/{id}")).await.problem(), "not_found", "{id}");
        assert_eq!(gateway.get(&format!("/v1/verifications/{id}/help")).await.problem(), "not_found", "{id}");
        assert_eq!(gateway.delete(&format!("/v1/verifications/{id}")).await.problem(), "not_found", "{id}");
    }
    let verification = gateway.start(&gateway.number()).await;
    assert_eq!(gateway.get(&format!("/v1/messages/{verification}")).await.problem(), "not_found");
    for field in ["status", "attempts_left", "channels", "text", "body", "to"] {
        assert!(answer.body.get(field).is_none(), "{field}: {}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_and_verifications_share_a_numbers_limits() {
    let gateway = Gateway::setup()
        .config(&tenants(&[("other", OTHER, &["verify", "deliver"])]))
        .option("OTP_LIMITS__NUMBER__DELIVERIES_ALL_TENANTS", "2/h")
        .start();
    let (to, body) = (gateway.number(), "Your code: 4711");
    let text = json!({ "to": to, "text": body });
    assert_eq!(gateway.post("/v1/messages", text.clone()).await.status, 202);
    let early = gateway.post("/v1/verifications", json!({ "to": to })).await;
    assert_eq!((early.status, &early.body["limit"]), (429, &json!("sms_interval")));
    // Another tenant has intervals of its own, and the same total.
    assert_eq!(gateway.post_as(OTHER, "/v1/verifications", &json!({ "to": to })).await.status, 201);
    for (key, path) in [(OTHER, "/v1/messages"), (&*gateway.key, "/v1/messages")] {
        let full = gateway.post_as(key, path, &text).await;
        assert_eq!((full.status, &full.body["limit"]), (429, &json!("number_all_tenants")), "{key}");
    }
    gateway.nth(&to, 2).await;
    // Messages neither fill nor close the list of open verifications.
    let busy = gateway.number();
    let id = gateway.start(&busy).await;
    assert_eq!(gateway.post("/v1/messages", json!({ "to": busy, "text": body, "channel": "voice" })).await.status, 202);
    assert_eq!(gateway.verification(&id).await["status"], "pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sent_is_refused() {
    let gateway = Gateway::demo();
    let to = gateway.number();
    let long = "x".repeat(1_531);
    for (field, value) in [
        ("text", json!(long)),
        ("text", json!("")),
        ("text", Value::Null),
        ("code", json!("123")),
        ("code", json!("12345678901")),
        ("code", json!("one two")),
        ("ttl_seconds", json!(59)),
        ("ttl_seconds", json!(3601)),
        ("channel", json!("fax")),
        ("locale", json!("no language")),
    ] {
        let mut body = json!({ "to": to, "text": "Hello" });
        body[field] = value;
        let answer = gateway.post("/v1/messages", body).await;
        assert_eq!((answer.status, answer.problem(), &answer.body["field"]), (422, "invalid_field", &json!(field)));
        assert!(!answer.body.to_string().contains("xxxx") && !answer.body.to_string().contains("12345678901"));
    }
    let both = gateway.post("/v1/messages", json!({ "to": to, "text": "one", "body": "two" })).await;
    assert_eq!(both.problem(), "invalid_field");
    assert_eq!(
        gateway.post("/v1/messages", json!({ "to": to, "text": "Hello" })).await.status,
        202,
        "nothing was used up"
    );
}
