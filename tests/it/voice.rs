//! Calls: the gate before the code, how they end, and when they are hung up.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::gateway::{Gateway, SOON, codes_spoken, until};

/// A verification whose SMS has arrived and whose call rings.
struct Ringing {
    id: String,
    call: String,
    code: String,
    to: String,
}

impl Gateway {
    async fn rings(&self) -> Ringing {
        let to = self.number();
        let id = self.start(&to).await;
        let code = self.code(&to).await;
        let call = self.ring(&id, &to).await;
        Ringing { id, call, code, to }
    }

    /// Waits for the end of a call on the phone; how it ended.
    async fn ended(&self, call: &str) -> Value {
        until(SOON, "the end of the call", || async {
            let shown = self.shown(call).await["call"].clone();
            (shown["state"] == "ended").then(|| shown["outcome"].clone())
        })
        .await
    }

    async fn press(&self, call: &str, key: &str) -> Value {
        self.act(call, "key", json!({ "key": key })).await.expect(200)["say"].clone()
    }
}

#[track_caller]
fn assert_no_figure(say: &Value) -> &str {
    let text = say["text"].as_str().unwrap_or_else(|| panic!("it speaks: {say}"));
    assert!(!text.is_empty() && !text.chars().any(char::is_numeric), "{text}");
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn key_one_brings_the_code() {
    let gateway = Gateway::demo();
    let Ringing { id, call, code, .. } = gateway.rings().await;
    assert_eq!(gateway.act(&call, "key", json!({ "key": "1" })).await.problem(), "not_live", "nobody has answered");
    let gate = gateway.act(&call, "answer", json!({})).await.expect(200)["say"].clone();
    assert!(assert_no_figure(&gate).to_lowercase().contains("press one"), "{gate}");
    assert_eq!((&gate["awaits_key"], &gate["ends"]), (&json!(true), &json!(false)));
    gateway.delivery(&id, 2, "answered").await;
    assert_eq!(gateway.act(&call, "answer", json!({})).await.problem(), "not_live", "it is answered once");

    let say = gateway.press(&call, "1").await;
    let spoken = codes_spoken(say["text"].as_str().unwrap());
    assert!(spoken.len() >= 2 && spoken.iter().all(|one| *one == code), "{say}");
    assert_eq!((&say["awaits_key"], &say["ends"]), (&json!(false), &json!(true)));
    assert_eq!(gateway.press(&call, "9").await, say, "a key while the code is spoken changes nothing");
    gateway.act(&call, "hangup", json!({})).await.expect(200);
    let delivery = gateway.delivery(&id, 2, "delivered").await;
    assert_eq!((&delivery["cause"], &delivery["attempts"][0]["state"]), (&Value::Null, &json!("delivered")));
    assert_eq!(gateway.ended(&call).await, "answered");
    assert_eq!(gateway.act(&call, "key", json!({ "key": "1" })).await.problem(), "not_live");
    assert_eq!(gateway.check(&id, &code).await.expect(200)["status"], "approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn key_nine_says_it_was_not_asked_for() {
    let gateway = Gateway::demo();
    let Ringing { id, call, code, to } = gateway.rings().await;
    gateway.act(&call, "answer", json!({})).await.expect(200);
    let say = gateway.press(&call, "9").await;
    assert_no_figure(&say);
    assert_eq!((&say["awaits_key"], &say["ends"]), (&json!(false), &json!(true)));
    // Too late for the code.
    assert_no_figure(&gateway.press(&call, "1").await);
    let delivery = gateway.delivery(&id, 2, "failed").await;
    assert_eq!((&delivery["cause"], &delivery["advice"]), (&json!("declined_by_person"), &json!("stop")));
    gateway.act(&call, "hangup", json!({})).await.expect(200);
    assert_eq!(gateway.ended(&call).await, "answered");
    assert_eq!(gateway.delivery(&id, 2, "failed").await["cause"], "declined_by_person");

    for channel in ["sms", "voice"] {
        let paused = gateway.post("/v1/verifications", json!({ "to": to, "channel": channel })).await;
        assert_eq!((paused.status, &paused.body["limit"]), (429, &json!("number_paused")), "{channel}");
        let seconds = paused.body["retry_after_seconds"].as_u64().unwrap();
        assert!((3_500..=3_600).contains(&seconds), "{seconds}");
    }
    gateway.start(&gateway.number()).await;
    assert_eq!(
        gateway.check(&id, &code).await.expect(200)["status"],
        "approved",
        "the SMS that came before still counts"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn other_keys_repeat_the_gate_and_then_it_gives_up() {
    let gateway = Gateway::demo();
    let Ringing { id, call, .. } = gateway.rings().await;
    let gate = gateway.act(&call, "answer", json!({})).await.expect(200)["say"].clone();
    for key in ["", "11", "x", "一", "\u{0}"] {
        let answer = gateway.act(&call, "key", json!({ "key": key })).await;
        assert_eq!((answer.problem(), &answer.body["field"]), ("invalid_field", &json!("key")), "{key:?}");
    }
    let mut said = vec![assert_no_figure(&gate).to_owned()];
    for key in ["0", "#", "5", "*", "7"] {
        let say = gateway.press(&call, key).await;
        said.push(assert_no_figure(&say).to_owned());
        if say["ends"] == true {
            break;
        }
    }
    let (last, gates) = said.split_last().unwrap();
    assert!(gates.len() >= 2 && gates.iter().all(|text| *text == said[0]) && *last != said[0], "{said:?}");
    let delivery = gateway.delivery(&id, 2, "failed").await;
    assert_eq!((&delivery["cause"], &delivery["advice"]), (&json!("not_acknowledged"), &json!("try_again")));
}

#[tokio::test(flavor = "multi_thread")]
async fn hanging_up_at_the_gate_leaves_the_code_unspoken() {
    let gateway = Gateway::demo();
    let Ringing { id, call, .. } = gateway.rings().await;
    gateway.act(&call, "answer", json!({ "by": "person" })).await.expect(200);
    assert_eq!(gateway.act(&call, "hangup", json!({})).await.expect(200)["say"], Value::Null);
    assert_eq!(gateway.delivery(&id, 2, "failed").await["cause"], "not_acknowledged");
    assert_eq!(gateway.ended(&call).await, "answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_hears_no_digit() {
    let gateway = Gateway::demo();
    let Ringing { id, call, .. } = gateway.rings().await;
    let answered = gateway.act(&call, "answer", json!({ "by": "machine" })).await.expect(200);
    assert_eq!(answered["say"], Value::Null, "it hangs up without a word");
    let delivery = gateway.delivery(&id, 2, "failed").await;
    assert_eq!((&delivery["cause"], &delivery["advice"]), (&json!("answered_by_machine"), &json!("other_channel")));
    assert_eq!(gateway.ended(&call).await, "machine");
    assert_eq!(gateway.get(&format!("/sandbox/audio/{call}/say/1")).await.problem(), "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_a_call_can_fail_has_its_cause_and_advice() {
    let gateway = Gateway::setup().argument("--relaxed-limits").option("OTP_DELIVERY__RING_SECONDS", "5").start();
    let ways = [
        ("busy", "busy", "busy", "try_again"),
        ("declined", "declined", "declined", "other_channel"),
        ("machine", "machine", "answered_by_machine", "other_channel"),
        ("no_answer", "no_answer", "no_answer", "try_again"),
        ("rings", "no_answer", "no_answer", "try_again"),
    ];
    let calls = ways.map(|(outcome, ended, cause, advice)| {
        let (gateway, to) = (&gateway, gateway.number());
        async move {
            gateway.outcome(json!({ "to": to, "channel": "voice", "outcome": outcome, "delay_ms": 100 })).await;
            let id = gateway.post("/v1/verifications", json!({ "to": to, "channel": "voice" })).await.id();
            let delivery = gateway.delivery(&id, 1, "failed").await;
            assert_eq!((&delivery["cause"], &delivery["advice"]), (&json!(cause), &json!(advice)), "{outcome}");
            let call = gateway.nth(&to, 1).await["id"].as_str().unwrap().to_owned();
            assert_eq!(gateway.ended(&call).await, ended, "{outcome}");
        }
    });
    futures_util::future::join_all(calls).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_not_needed_any_more_is_hung_up() {
    let gateway = Gateway::demo();
    let Ringing { id, call, .. } = gateway.rings().await;
    let canceled = gateway.delete(&format!("/v1/verifications/{id}")).await.expect(200);
    assert_eq!((&canceled["status"], &canceled["deliveries"][1]["state"]), (&json!("canceled"), &json!("canceled")));
    assert_eq!(gateway.ended(&call).await, "canceled");
    assert_eq!(gateway.act(&call, "answer", json!({})).await.problem(), "not_live");

    // The SMS was quicker than the call.
    let Ringing { id, call, code, .. } = gateway.rings().await;
    assert_eq!(gateway.check(&id, &code).await.expect(200)["status"], "approved");
    assert_eq!(gateway.ended(&call).await, "canceled");
    assert_eq!(gateway.verification(&id).await["deliveries"][1]["state"], "canceled");

    // Answered at the same moment: whatever is said then, it is no code.
    let Ringing { id, call, .. } = gateway.rings().await;
    gateway.act(&call, "answer", json!({})).await.expect(200);
    gateway.delete(&format!("/v1/verifications/{id}")).await.expect(200);
    let late = gateway.act(&call, "key", json!({ "key": "1" })).await;
    assert!(late.status == 409 || late.body["say"].is_null(), "{}", late.body);
    assert_eq!(gateway.ended(&call).await, "answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calls_states_are_seen_in_order_and_it_rings_in_time() {
    let gateway = Gateway::demo();
    let to = gateway.number();
    gateway.outcome(json!({ "to": to, "channel": "voice", "outcome": "answers", "key": "1", "delay_ms": 400 })).await;
    let id = gateway.start(&to).await;
    gateway.code(&to).await;
    let begun = Instant::now();
    let resent = gateway.resend(&id, "voice").await.expect(202);
    let mut states = vec![resent["deliveries"][1]["state"].as_str().unwrap().to_owned()];
    gateway.nth(&to, 2).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    while states.last().unwrap() != "delivered" && begun.elapsed() < SOON {
        let state = gateway.verification(&id).await["deliveries"][1]["state"].as_str().unwrap().to_owned();
        if states.last() != Some(&state) {
            states.push(state);
        }
    }
    // Some pass too quickly to be seen.
    let order = ["queued", "submitted", "ringing", "answered", "delivered"];
    let places: Vec<_> =
        states.iter().map(|state| order.iter().position(|one| one == state).expect("a known state")).collect();
    assert!(places.is_sorted(), "{states:?}");
    for seen in ["queued", "ringing", "answered", "delivered"] {
        assert!(states.iter().any(|state| state == seen), "{seen} in {states:?}");
    }
}
