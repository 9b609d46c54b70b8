//! A call as the person lives it: the gate, the keys, and every way not to answer.

use serde_json::{Value, json};

use crate::gateway::{Answer, Gateway, SOON, codes_spoken, until};

/// A ringing call: its verification's id and its entry's id.
async fn ring(gateway: &Gateway, to: &str) -> (String, String) {
    let id = gateway.post("/v1/verifications", json!({ "to": to, "channel": "voice" })).await.id();
    let call = gateway.nth(to, 1).await["id"].as_str().unwrap().to_owned();
    gateway.delivery(&id, 1, "ringing").await;
    (id, call)
}

async fn act(gateway: &Gateway, call: &str, action: &str, body: Value) -> Answer {
    gateway.post(&format!("/sandbox/calls/{call}/{action}"), body).await
}

/// What the call says in an answer.
fn said(answer: &Answer) -> &str {
    answer.body["say"]["text"].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_is_spoken_after_the_key_one_and_not_before() {
    let gateway = Gateway::demo();
    let to = gateway.number();
    let (id, call) = ring(&gateway, &to).await;
    let gate = act(&gateway, &call, "answer", json!({ "by": "person" })).await;
    assert!(said(&gate).contains("press one") && codes_spoken(said(&gate)).is_empty(), "{}", gate.body);
    assert_eq!(gate.body["say"]["awaits_key"], true);
    gateway.delivery(&id, 1, "answered").await;
    let code = act(&gateway, &call, "key", json!({ "key": "1" })).await;
    let codes = codes_spoken(said(&code));
    assert_eq!(codes.len(), 3, "{}", code.body);
    let audio = gateway.get(code.body["say"]["audio_url"].as_str().unwrap()).await;
    assert_eq!((audio.status, &audio.headers["content-type"]), (200, &"audio/wav".parse().unwrap()));
    act(&gateway, &call, "hangup", json!({})).await.expect(200);
    gateway.delivery(&id, 1, "delivered").await;
    assert_eq!(gateway.check(&id, &codes[0]).await.expect(200)["status"], "approved");
    assert_eq!(act(&gateway, &call, "key", json!({ "key": "1" })).await.problem(), "not_live");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_nine_never_speaks_the_code_and_pauses_the_number() {
    let gateway = Gateway::demo();
    let to = gateway.number();
    let (id, call) = ring(&gateway, &to).await;
    act(&gateway, &call, "answer", json!({})).await.expect(200);
    let answer = act(&gateway, &call, "key", json!({ "key": "9" })).await;
    assert!(!said(&answer).is_empty() && codes_spoken(said(&answer)).is_empty());
    assert_eq!(answer.body["say"]["ends"], true);
    let delivery = gateway.delivery(&id, 1, "failed").await;
    assert_eq!((&delivery["cause"], &delivery["advice"]), (&json!("declined_by_person"), &json!("stop")));
    let again = gateway.post("/v1/verifications", json!({ "to": to })).await;
    assert_eq!((again.problem(), &again.body["limit"]), ("limit", &json!("number_paused")));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_keys_repeat_the_gate_and_then_end_the_call() {
    let gateway = Gateway::demo();
    let (id, call) = ring(&gateway, &gateway.number()).await;
    let first = act(&gateway, &call, "answer", json!({})).await;
    let second = act(&gateway, &call, "key", json!({ "key": "#" })).await;
    assert_eq!(said(&first), said(&second));
    let third = act(&gateway, &call, "key", json!({ "key": "5" })).await;
    assert_eq!(third.body["say"]["ends"], true);
    assert!(codes_spoken(said(&third)).is_empty());
    assert_eq!(gateway.delivery(&id, 1, "failed").await["cause"], "not_acknowledged");
    for key in ["", "11", "a", "é"] {
        assert_eq!(act(&gateway, &call, "key", json!({ "key": key })).await.status, 422);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_not_to_answer_has_its_cause() {
    let gateway = Gateway::setup().argument("--relaxed-limits").option("OTP_DELIVERY__RING_SECONDS", "5").start();
    let cases = [
        ("busy", "busy", "busy"),
        ("declined", "declined", "declined"),
        ("machine", "answered_by_machine", "machine"),
        ("no_answer", "no_answer", "no_answer"),
    ];
    for (outcome, cause, shown) in cases {
        let to = gateway.number();
        gateway.outcome(json!({ "to": to, "channel": "voice", "outcome": outcome, "delay_ms": 50 })).await;
        let id = gateway.post("/v1/verifications", json!({ "to": to, "channel": "voice" })).await.id();
        let delivery = gateway.delivery(&id, 1, "failed").await;
        assert_eq!(delivery["cause"], cause);
        assert!(delivery["advice"].is_string());
        let ended = until(SOON, "the end on the page", || async {
            let phones = gateway.get("/sandbox/phones").await.expect(200);
            let phone = phones["phones"].as_array().unwrap().iter().find(|phone| phone["to"] == *to)?.clone();
            Some(phone["items"][0]["call"].clone()).filter(|call| call["state"] == "ended")
        })
        .await;
        assert_eq!(ended["outcome"], shown);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_not_needed_any_more_is_hung_up() {
    let gateway = Gateway::demo();
    let (id, call) = ring(&gateway, &gateway.number()).await;
    gateway.delete(&format!("/v1/verifications/{id}")).await.expect(200);
    let hung_up = |call: String| {
        let gateway = &gateway;
        async move {
            until(SOON, "the hang-up", || async {
                (act(gateway, &call, "answer", json!({})).await.status == 409).then_some(())
            })
            .await;
        }
    };
    // Nobody answers meanwhile: only a call that has ended says 409.
    until(SOON, "the end", || async {
        let shown = gateway.get("/sandbox/phones").await.body.to_string();
        shown.contains("canceled").then_some(())
    })
    .await;
    hung_up(call).await;

    let to = gateway.number();
    let id = gateway.start(&to).await;
    let code = gateway.code(&to).await;
    gateway.resend(&id, "voice").await.expect(202);
    gateway.delivery(&id, 2, "ringing").await;
    gateway.check(&id, &code).await.expect(200);
    gateway.delivery(&id, 2, "canceled").await;
    let call = gateway.nth(&to, 2).await["id"].as_str().unwrap().to_owned();
    until(SOON, "the end", || async {
        let phones = gateway.get("/sandbox/phones").await.expect(200);
        let phone = phones["phones"].as_array().unwrap().iter().find(|phone| phone["to"] == *to)?.clone();
        (phone["items"][1]["call"]["state"] == "ended").then_some(())
    })
    .await;
    hung_up(call).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_phone_rings_within_five_seconds_of_the_click() {
    let gateway = Gateway::demo();
    let to = gateway.number();
    let id = gateway.start(&to).await;
    let clicked = std::time::Instant::now();
    gateway.resend(&id, "voice").await.expect(202);
    gateway.delivery(&id, 2, "ringing").await;
    assert!(clicked.elapsed() < std::time::Duration::from_secs(5), "{:?}", clicked.elapsed());
}
