//! A repeat under the same `Idempotency-Key` gets the same answer and costs nothing.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::gateway::{Gateway, until, wrong};

impl Gateway {
    /// Status and body, byte for byte.
    async fn exactly(&self, path: &str, key: &str, body: &Value) -> (u16, String) {
        let request = self.request(Method::POST, path).header("Idempotency-Key", key).json(body);
        let (status, _, bytes) = self.fetch(request).await;
        (status, String::from_utf8(bytes).unwrap())
    }
}

fn parsed(answer: &(u16, String)) -> Value {
    serde_json::from_str(&answer.1).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_start_and_resend_send_nothing_more() {
    let gateway = Gateway::demo();
    let to = gateway.number();
    let body = json!({ "to": to, "metadata": { "b": 1, "a": [true, null] } });
    let first = gateway.exactly("/v1/verifications", "one", &body).await;
    assert_eq!(first.0, 201, "{}", first.1);
    let id = parsed(&first)["id"].as_str().unwrap().to_owned();
    gateway.delivery(&id, 1, "delivered").await;
    assert_eq!(gateway.exactly("/v1/verifications", "one", &body).await, first, "even though it is delivered now");

    let deliveries = format!("/v1/verifications/{id}/deliveries");
    let by_voice = json!({ "channel": "voice" });
    // The same key at another address is another request.
    let resent = gateway.exactly(&deliveries, "one", &by_voice).await;
    assert_eq!(resent.0, 202, "{}", resent.1);
    gateway.delivery(&id, 2, "ringing").await;
    for _ in 0..5 {
        assert_eq!(gateway.exactly("/v1/verifications", "one", &body).await, first);
        assert_eq!(gateway.exactly(&deliveries, "one", &by_voice).await, resent);
    }
    let now = gateway.verification(&id).await;
    assert_eq!(now["deliveries"].as_array().unwrap().len(), 2);
    let channels: Vec<_> = gateway.arrived(&to).await.iter().map(|item| item["channel"].clone()).collect();
    assert_eq!(channels, ["sms", "voice"]);
    // Two of five deliveries are used: three more are allowed before the limit.
    assert_eq!(now["channels"]["sms"]["reason"], "limit");
    assert!(now["channels"]["sms"]["retry_after_seconds"].as_u64().unwrap() <= 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn repeats_take_nothing_from_any_limit() {
    let gateway = Gateway::setup()
        .option("OTP_LIMITS__WIDE__TENANT", "4/h")
        .option("OTP_LIMITS__NUMBER__SMS_INTERVAL_SECONDS", "0")
        .option("OTP_LIMITS__NUMBER__DELIVERIES", "2/h")
        .start();
    let (to, other) = (gateway.number(), gateway.number());
    let body = json!({ "to": to });
    let first = gateway.exactly("/v1/verifications", "k", &body).await;
    for _ in 0..10 {
        assert_eq!(gateway.exactly("/v1/verifications", "k", &body).await, first);
    }
    // Another number is another request, under the same key too.
    assert_eq!(gateway.exactly("/v1/verifications", "k", &json!({ "to": other })).await.0, 201);
    gateway.start(&to).await;
    assert_eq!(gateway.post("/v1/verifications", body.clone()).await.body["limit"], "number_deliveries");
    gateway.start(&gateway.number()).await;
    assert_eq!(gateway.post("/v1/verifications", json!({ "to": gateway.number() })).await.body["limit"], "tenant");
    assert_eq!(gateway.exactly("/v1/verifications", "k", &body).await, first, "full limits do not matter");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_stands_for_one_body() {
    let gateway = Gateway::demo();
    let (to, text_to) = (gateway.number(), gateway.number());
    let id = parsed(&gateway.exactly("/v1/verifications", "k", &json!({ "to": to })).await)["id"].clone();
    let own = format!("/v1/verifications/{}", id.as_str().unwrap());
    gateway.exactly(&format!("{own}/deliveries"), "k", &json!({ "channel": "voice" })).await;
    gateway.exactly(&format!("{own}/check"), "k", &json!({ "code": "000000" })).await;
    let sent = gateway.exactly("/v1/messages", "k", &json!({ "to": text_to, "text": "4711 is it" })).await;
    assert_eq!(sent.0, 202);
    for (path, body) in [
        ("/v1/verifications", json!({ "to": to, "locale": "en" })),
        (&*format!("{own}/deliveries"), json!({ "channel": "sms" })),
        (&*format!("{own}/check"), json!({ "code": "000001" })),
        ("/v1/messages", json!({ "to": text_to, "text": "4712 is it" })),
    ] {
        let answer = gateway.post_with_key(path, "k", &body).await;
        assert_eq!((answer.status, answer.problem()), (422, "idempotency_mismatch"), "{path}");
    }
    assert_eq!(gateway.verification(id.as_str().unwrap()).await["attempts_left"], 4);
    assert_eq!(gateway.exactly("/v1/messages", "k", &json!({ "to": text_to, "text": "4711 is it" })).await, sent);
    gateway.delivery(id.as_str().unwrap(), 1, "delivered").await;
    assert_eq!(gateway.arrived(&text_to).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_not_kept() {
    let gateway =
        Gateway::setup().argument("--relaxed-limits").option("OTP_LIMITS__NUMBER__SMS_INTERVAL_SECONDS", "2").start();
    let to = gateway.number();
    gateway.start(&to).await;
    let body = json!({ "to": to });
    assert_eq!(gateway.post_with_key("/v1/verifications", "k", &body).await.status, 429);
    let accepted = until(Duration::from_secs(5), "the same request under the same key", || async {
        Some(gateway.exactly("/v1/verifications", "k", &body).await).filter(|answer| answer.0 != 429)
    })
    .await;
    assert_eq!(accepted.0, 201);
    assert_eq!(gateway.exactly("/v1/verifications", "k", &body).await, accepted);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_at_once_one_is_done() {
    let gateway = Gateway::demo();
    let to = gateway.number();
    let body = json!({ "to": to });
    let starts = (0..20).map(|_| gateway.exactly("/v1/verifications", "k", &body));
    let answers = futures_util::future::join_all(starts).await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let id = parsed(&answers[0])["id"].as_str().unwrap().to_owned();
    gateway.delivery(&id, 1, "delivered").await;
    assert_eq!(gateway.arrived(&to).await.len(), 1);

    let deliveries = format!("/v1/verifications/{id}/deliveries");
    let by_voice = json!({ "channel": "voice" });
    let resends = (0..20).map(|_| gateway.exactly(&deliveries, "k", &by_voice));
    let answers = futures_util::future::join_all(resends).await;
    assert!(answers.iter().all(|answer| *answer == answers[0] && answer.0 == 202), "{answers:?}");
    gateway.delivery(&id, 2, "ringing").await;
    assert_eq!(gateway.verification(&id).await["deliveries"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_counts_once_and_its_verdict_stays() {
    let gateway = Gateway::demo();
    let to = gateway.number();
    let id = gateway.start(&to).await;
    let code = gateway.code(&to).await;
    let check = format!("/v1/verifications/{id}/check");
    let missed = gateway.exactly(&check, "first try", &json!({ "code": wrong(&code) })).await;
    assert_eq!(parsed(&missed)["attempts_left"], 4);
    for _ in 0..10 {
        assert_eq!(gateway.exactly(&check, "first try", &json!({ "code": wrong(&code) })).await, missed);
    }
    assert_eq!(gateway.verification(&id).await["attempts_left"], 4);
    let approved = gateway.exactly(&check, "second try", &json!({ "code": code })).await;
    assert_eq!(parsed(&approved)["status"], "approved");
    // A lost answer may be asked for again; another request with the same code is too late.
    assert_eq!(gateway.exactly(&check, "second try", &json!({ "code": code })).await, approved);
    assert_eq!(gateway.check(&id, &code).await.problem(), "already_approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_outlives_the_process() {
    let gateway = Gateway::demo();
    let (to, text_to) = (gateway.number(), gateway.number());
    let (body, text) = (json!({ "to": to }), json!({ "to": text_to, "text": "Your code: 4711" }));
    let started = gateway.exactly("/v1/verifications", "k", &body).await;
    let sent = gateway.exactly("/v1/messages", "k", &text).await;
    let id = parsed(&started)["id"].as_str().unwrap().to_owned();
    gateway.delivery(&id, 1, "delivered").await;
    gateway.nth(&text_to, 1).await;
    let gateway = gateway.kill_and_restart();
    assert_eq!(gateway.exactly("/v1/verifications", "k", &body).await, started);
    assert_eq!(gateway.exactly("/v1/messages", "k", &text).await, sent);
    assert_eq!(gateway.verification(&id).await["deliveries"].as_array().unwrap().len(), 1);
    assert_eq!((gateway.arrived(&to).await.len(), gateway.arrived(&text_to).await.len()), (1, 1));
}
