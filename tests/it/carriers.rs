//! What a delivery does when carriers fail, and which one a resend takes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::gateway::{Gateway, SOON, Setup, code_in, until};

/// `sandbox-a` is always drawn before `sandbox-b`.
const A_BEFORE_B: &str = "[carriers.sandbox-a]\nprofile = \"sandbox\"\nweight = 1000000\n\
                          [carriers.sandbox-b]\nprofile = \"sandbox\"\nweight = 0\n";

fn a_before_b() -> Setup {
    Gateway::setup().argument("--relaxed-limits").config(A_BEFORE_B)
}

/// Carrier, state and cause of each attempt of a delivery.
fn attempts(delivery: &Value) -> Vec<(&str, &str, Option<&str>)> {
    let attempts = delivery["attempts"].as_array().unwrap().iter();
    attempts.map(|a| (a["carrier"].as_str().unwrap(), a["state"].as_str().unwrap(), a["cause"].as_str())).collect()
}

fn ms(time: &Value) -> i64 {
    time.as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_carrier_is_passed_over_in_time() {
    let gateway = a_before_b().option("OTP_DELIVERY__SUBMIT_TIMEOUT_SECONDS", "1").start();
    let to = gateway.number();
    gateway.outcome(json!({ "to": to, "carrier": "sandbox-a", "channel": "sms", "outcome": "silent" })).await;
    let begun = Instant::now();
    let id = gateway.start(&to).await;
    gateway.nth(&to, 1).await;
    assert!(begun.elapsed() < Duration::from_secs(2), "the time-out of 1 s and 1 s more: {:?}", begun.elapsed());
    let delivery = gateway.delivery(&id, 1, "delivered").await;
    let silent = ("sandbox-a", "unknown", Some("temporary_carrier_fault"));
    assert_eq!(attempts(&delivery), [silent, ("sandbox-b", "delivered", None)]);
    assert_eq!((&delivery["cause"], &delivery["advice"]), (&Value::Null, &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_carrier_may_bring_the_same_code_again_and_never_another() {
    let gateway = a_before_b().option("OTP_DELIVERY__SUBMIT_TIMEOUT_SECONDS", "1").start();
    let to = gateway.number();
    let slow = json!({ "to": to, "carrier": "sandbox-a", "channel": "sms", "outcome": "slow", "delay_ms": 2000 });
    gateway.outcome(slow).await;
    let id = gateway.start(&to).await;
    let (first, late) = (gateway.nth(&to, 1).await, gateway.nth(&to, 2).await);
    for (item, carrier) in [(&first, "sandbox-b"), (&late, "sandbox-a")] {
        assert_eq!(gateway.shown(item["id"].as_str().unwrap()).await["carrier"], carrier);
    }
    let code = code_in(first["body"].as_str().unwrap());
    assert_eq!(code, code_in(late["body"].as_str().unwrap()));
    assert_eq!(gateway.check(&id, &code).await.expect(200)["status"], "approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_goes_to_the_next_carrier_only_if_that_can_help() {
    let gateway = a_before_b().start();
    for cause in ["carrier_filtered", "auth_failed", "permanent_other", "rate_limited"] {
        let to = gateway.number();
        let outcome = if cause == "rate_limited" { cause } else { "refused" };
        let row = json!({ "to": to, "carrier": "sandbox-a", "channel": "sms", "outcome": outcome, "cause": cause });
        gateway.outcome(row).await;
        let id = gateway.start(&to).await;
        let delivery = gateway.delivery(&id, 1, "delivered").await;
        assert_eq!(attempts(&delivery), [("sandbox-a", "failed", Some(cause)), ("sandbox-b", "delivered", None)]);
        assert_eq!(gateway.arrived(&to).await.len(), 1);
    }
    for (cause, advice) in [("invalid_number", "check_number"), ("recipient_opted_out", "other_channel")] {
        let to = gateway.number();
        let row = json!({ "to": to, "channel": "sms", "outcome": "refused", "cause": cause });
        gateway.outcome(row).await;
        let id = gateway.start(&to).await;
        let delivery = gateway.delivery(&id, 1, "failed").await;
        assert_eq!(attempts(&delivery), [("sandbox-a", "failed", Some(cause))], "asked once");
        assert_eq!((&delivery["cause"], &delivery["advice"]), (&json!(cause), &json!(advice)));
        assert_eq!(gateway.arrived(&to).await, [] as [Value; 0]);
        assert_eq!(gateway.verification(&id).await["status"], "pending", "another channel may still bring the code");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn temporary_faults_are_tried_again_after_growing_waits() {
    let gateway = a_before_b().option("OTP_DELIVERY__RETRY_FIRST_SECONDS", "1").start();
    let to = gateway.number();
    gateway.outcome(json!({ "to": to, "channel": "sms", "outcome": "temporary_fault" })).await;
    let id = gateway.start(&to).await;
    let queued = until(Duration::from_secs(30), "the third round", || async {
        let delivery = gateway.verification(&id).await["deliveries"][0].clone();
        (delivery["attempts"].as_array().unwrap().len() >= 6).then_some(delivery)
    })
    .await;
    assert_eq!((&queued["state"], &queued["cause"]), (&json!("queued"), &Value::Null));
    assert_eq!(gateway.arrived(&to).await, [] as [Value; 0]);
    let cleared = gateway.delete(&format!("/sandbox/outcomes?to={}", to.replace('+', "%2B"))).await;
    assert_eq!(cleared.status, 204);

    let delivery = until(Duration::from_secs(30), "the delivery", || async {
        let delivery = gateway.verification(&id).await["deliveries"][0].clone();
        (delivery["state"] == "delivered").then_some(delivery)
    })
    .await;
    let tried = delivery["attempts"].as_array().unwrap();
    assert!(attempts(&delivery)[..6].iter().all(|a| a.1 == "failed" && a.2 == Some("temporary_carrier_fault")));
    for round in [1, 2, 3] {
        let waited = ms(&tried[2 * round]["started_at"]) - ms(&tried[2 * round - 1]["changed_at"]);
        // 1, 2, 4 s with a jitter of a half, and what it takes to look again.
        let doubled = 1_000 << (round - 1);
        assert!((doubled / 2..doubled * 3 / 2 + 1_000).contains(&waited), "round {round} waited {waited} ms");
    }
    assert_eq!(gateway.arrived(&to).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resend_takes_the_carrier_that_was_not_tried() {
    let gateway =
        Gateway::setup().argument("--relaxed-limits").option("OTP_LIMITS__NUMBER__SMS_INTERVAL_SECONDS", "0").start();
    for round in 0..20 {
        let to = gateway.number();
        let id = gateway.start(&to).await;
        let first = gateway.delivery(&id, 1, "delivered").await;
        let channel = if round % 2 == 0 { "sms" } else { "voice" };
        gateway.resend(&id, channel).await.expect(202);
        let second = until(SOON, "the second carrier", || async {
            let delivery = gateway.verification(&id).await["deliveries"][1].clone();
            delivery["attempts"][0].is_object().then_some(delivery)
        })
        .await;
        assert_ne!(first["attempts"][0]["carrier"], second["attempts"][0]["carrier"], "{first} {second}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_says_why_an_sms_did_not_arrive() {
    let gateway = Gateway::demo();
    for (cause, reported, advice) in [
        (Value::Null, "unreachable_handset", "try_again"),
        (json!("carrier_filtered"), "carrier_filtered", "other_channel"),
        (json!("unknown_subscriber"), "unknown_subscriber", "check_number"),
    ] {
        let to = gateway.number();
        gateway.outcome(json!({ "to": to, "channel": "sms", "outcome": "undelivered", "cause": cause })).await;
        let id = gateway.start(&to).await;
        let delivery = gateway.delivery(&id, 1, "failed").await;
        assert_eq!((&delivery["cause"], &delivery["advice"]), (&json!(reported), &json!(advice)));
        assert_eq!(attempts(&delivery)[0].1, "failed");
        assert_eq!(gateway.arrived(&to).await, [] as [Value; 0]);
        // The call still brings the code.
        let call = gateway.ring(&id, &to).await;
        assert_eq!(gateway.act(&call, "answer", json!({})).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_carrier_goes_nothing_is_stored() {
    let only_us = A_BEFORE_B.replace("weight", "countries = [\"US\"]\nweight");
    let gateway = Gateway::setup().config(&only_us).start();
    for channel in ["auto", "sms", "voice"] {
        let answer = gateway.post("/v1/verifications", json!({ "to": gateway.number(), "channel": channel })).await;
        assert_eq!((answer.status, answer.problem()), (422, "no_route"), "{channel}");
        assert_eq!(answer.body["country"], "JP");
    }
    let lookup = gateway.post("/v1/numbers/lookup", json!({ "to": gateway.number() })).await.expect(200);
    let none = json!({ "available": false, "retry_after_seconds": null, "reason": "no_route" });
    assert_eq!((&lookup["channels"]["sms"], &lookup["channels"]["voice"]), (&none, &none));
    let store = rusqlite::Connection::open(gateway.database()).unwrap();
    for table in ["record", "number", "wide", "wake"] {
        let rows: u64 = store.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 0, "{table}");
    }
    gateway.secret("12025550142");
    gateway.start("+12025550142").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_submitted_after_its_time() {
    let gateway = a_before_b().faketime("+0 x20").start();
    let to = gateway.number();
    gateway.outcome(json!({ "to": to, "channel": "sms", "outcome": "temporary_fault" })).await;
    let started = gateway.post("/v1/verifications", json!({ "to": to, "ttl_seconds": 60 })).await.expect(201);
    let ended = until(Duration::from_secs(30), "the end", || async {
        let verification = gateway.verification(started["id"].as_str().unwrap()).await;
        (verification["status"] == "expired" && verification["deliveries"][0]["state"] == "failed")
            .then_some(verification)
    })
    .await;
    let delivery = &ended["deliveries"][0];
    // Which of the two depends on whether its last wait would have ended in time.
    let cause = delivery["cause"].as_str().unwrap();
    assert!(
        ["expired_unsent", "temporary_carrier_fault"].contains(&cause) && delivery["advice"] == "try_again",
        "{delivery}"
    );
    let last = delivery["attempts"].as_array().unwrap().last().expect("it was tried").clone();
    assert!(ms(&last["started_at"]) < ms(&ended["expires_at"]));
    assert_eq!(gateway.arrived(&to).await, [] as [Value; 0]);
}
