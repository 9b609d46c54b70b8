//! A repeat under the same `Idempotency-Key` is the same answer and costs nothing.

use serde_json::json;

use crate::gateway::{Gateway, wrong};

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_start_is_the_same_answer_and_one_sms() {
    let gateway = Gateway::demo();
    let to = gateway.number();
    let body = json!({ "to": to, "metadata": { "order": 7 } });
    let first = gateway.post_with_key("/v1/verifications", "key 1", &body).await;
    assert_eq!(first.status, 201);
    gateway.code(&to).await;
    for _ in 0..3 {
        let again = gateway.post_with_key("/v1/verifications", "key 1", &body).await;
        assert_eq!((again.status, &again.body), (201, &first.body));
    }
    assert_eq!(gateway.arrived(&to).await.len(), 1);
    let other = gateway.post_with_key("/v1/verifications", "key 1", &json!({ "to": to })).await;
    assert_eq!((other.status, other.problem()), (422, "idempotency_mismatch"));
    let elsewhere = gateway.post_with_key("/v1/verifications", "key 1", &json!({ "to": gateway.number() })).await;
    assert_eq!(elsewhere.status, 201, "another number is another request");

    let gateway = gateway.kill_and_restart();
    let again = gateway.post_with_key("/v1/verifications", "key 1", &body).await;
    assert_eq!((again.status, &again.body), (201, &first.body), "the answer survives a kill");
}

#[tokio::test(flavor = "multi_thread")]
async fn simultaneous_repeats_make_one_verification() {
    let gateway = Gateway::demo();
    let to = gateway.number();
    let body = json!({ "to": to });
    let starts = (0..20).map(|_| gateway.post_with_key("/v1/verifications", "race", &body));
    let answers = futures_util::future::join_all(starts).await;
    for answer in &answers {
        assert_eq!((answer.status, &answer.body["id"]), (201, &answers[0].body["id"]));
    }
    gateway.nth(&to, 1).await;
    gateway.delivery(&answers[0].id(), 1, "delivered").await;
    assert_eq!(gateway.arrived(&to).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn resends_checks_and_messages_repeat_too() {
    let gateway = Gateway::demo();
    let to = gateway.number();
    let id = gateway.start(&to).await;
    let code = gateway.code(&to).await;
    let (path, body) = (format!("/v1/verifications/{id}/deliveries"), json!({ "channel": "voice" }));
    let first = gateway.post_with_key(&path, "k", &body).await;
    let again = gateway.post_with_key(&path, "k", &body).await;
    assert_eq!((first.status, again.status), (202, 202));
    assert_eq!(first.body, again.body);
    assert_eq!(gateway.verification(&id).await["deliveries"].as_array().unwrap().len(), 2);

    let (path, body) = (format!("/v1/verifications/{id}/check"), json!({ "code": wrong(&code) }));
    let first = gateway.post_with_key(&path, "k", &body).await;
    assert_eq!(first.body, gateway.post_with_key(&path, "k", &body).await.body);
    assert_eq!(gateway.verification(&id).await["attempts_left"], 4, "counted once");
    let right = json!({ "code": code });
    let first = gateway.post_with_key(&path, "k2", &right).await;
    let again = gateway.post_with_key(&path, "k2", &right).await;
    assert_eq!((&first.body["status"], &first.body), (&json!("approved"), &again.body));
    assert_eq!(gateway.post_with_key(&path, "k3", &right).await.problem(), "already_approved");

    let (to, text) = (gateway.number(), "Your order has shipped.");
    let body = json!({ "to": to, "text": text });
    let first = gateway.post_with_key("/v1/messages", "k", &body).await;
    assert_eq!(first.body, gateway.post_with_key("/v1/messages", "k", &body).await.body);
    gateway.nth(&to, 1).await;
    assert_eq!(gateway.arrived(&to).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_not_kept() {
    let gateway =
        Gateway::setup().argument("--relaxed-limits").option("OTP_LIMITS__NUMBER__SMS_INTERVAL_SECONDS", "1").start();
    let to = gateway.number();
    gateway.start(&to).await;
    let body = json!({ "to": to });
    assert_eq!(gateway.post_with_key("/v1/verifications", "k", &body).await.problem(), "limit");
    crate::gateway::until(crate::gateway::SOON, "the end of the interval", || async {
        (gateway.post_with_key("/v1/verifications", "k", &body).await.status == 201).then_some(())
    })
    .await;
}
