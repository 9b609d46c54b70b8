//! What happens when a carrier fails: the next one, later, or never.

use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::gateway::{Gateway, SOON, Setup, code_in, until};

/// The demo in which sandbox-a is always the first choice.
fn a_first() -> (Setup, tempfile::NamedTempFile) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let text = "[carriers.sandbox-a]\nprofile = \"sandbox\"\nweight = 1000000\n\
                [carriers.sandbox-b]\nprofile = \"sandbox\"\nweight = 0\n";
    file.write_all(text.as_bytes()).unwrap();
    let setup =
        Gateway::setup().argument("--relaxed-limits").argument("--config").argument(file.path().to_str().unwrap());
    (setup, file)
}

fn carriers(delivery: &serde_json::Value) -> Vec<(&str, &str)> {
    delivery["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| (attempt["carrier"].as_str().unwrap(), attempt["state"].as_str().unwrap()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_first_carrier_stays_silent_the_second_delivers_within_the_time_out_and_a_second() {
    let (setup, _file) = a_first();
    let gateway = setup.option("OTP_DELIVERY__SUBMIT_TIMEOUT_SECONDS", "2").start();
    gateway.outcome(json!({ "carrier": "sandbox-a", "channel": "sms", "outcome": "silent" })).await;
    let to = gateway.number();
    let begun = Instant::now();
    let id = gateway.start(&to).await;
    gateway.code(&to).await;
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    let delivery = gateway.delivery(&id, 1, "delivered").await;
    assert_eq!(carriers(&delivery), [("sandbox-a", "unknown"), ("sandbox-b", "delivered")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_carriers_copy_has_the_same_code() {
    let (setup, _file) = a_first();
    let gateway = setup.option("OTP_DELIVERY__SUBMIT_TIMEOUT_SECONDS", "1").start();
    let slow = json!({ "carrier": "sandbox-a", "channel": "sms", "outcome": "slow", "delay_ms": 2500 });
    gateway.outcome(slow).await;
    let to = gateway.number();
    gateway.start(&to).await;
    let code = gateway.code(&to).await;
    assert_eq!(code_in(gateway.nth(&to, 2).await["body"].as_str().unwrap()), code);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_move_on_only_where_another_carrier_helps() {
    let (setup, _file) = a_first();
    let gateway = setup.start();
    let refuse = |to: &str, cause: &str| json!({ "to": to, "carrier": "sandbox-a", "channel": "sms", "outcome": "refused", "cause": cause });
    let to = gateway.number();
    gateway.outcome(refuse(&to, "sender_not_registered")).await;
    let id = gateway.start(&to).await;
    let delivery = gateway.delivery(&id, 1, "delivered").await;
    assert_eq!(carriers(&delivery), [("sandbox-a", "failed"), ("sandbox-b", "delivered")]);
    assert_eq!(delivery["attempts"][0]["cause"], "sender_not_registered");

    let to = gateway.number();
    gateway.outcome(refuse(&to, "invalid_number")).await;
    let id = gateway.start(&to).await;
    let delivery = gateway.delivery(&id, 1, "failed").await;
    assert_eq!(carriers(&delivery), [("sandbox-a", "failed")]);
    assert_eq!((&delivery["cause"], &delivery["advice"]), (&json!("invalid_number"), &json!("check_number")));

    let to = gateway.number();
    gateway
        .outcome(json!({ "to": to, "channel": "sms", "outcome": "undelivered", "cause": "unreachable_handset" }))
        .await;
    let id = gateway.start(&to).await;
    let delivery = gateway.delivery(&id, 1, "failed").await;
    assert_eq!((&delivery["cause"], &delivery["advice"]), (&json!("unreachable_handset"), &json!("try_again")));
    let help = gateway.get(&format!("/v1/verifications/{id}/help")).await.expect(200);
    assert!(help["steps"][0]["text"].as_str().unwrap().len() > 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_that_pass_are_tried_again_later() {
    let gateway =
        Gateway::setup().argument("--relaxed-limits").option("OTP_DELIVERY__RETRY_FIRST_SECONDS", "1").start();
    gateway.outcome(json!({ "channel": "sms", "outcome": "temporary_fault" })).await;
    let to = gateway.number();
    let id = gateway.start(&to).await;
    until(SOON, "a retry", || async {
        let delivery = gateway.verification(&id).await["deliveries"][0].clone();
        assert_eq!(delivery["state"], "queued");
        (delivery["attempts"].as_array().unwrap().len() >= 4).then_some(())
    })
    .await;
    gateway.send(gateway.request(reqwest::Method::DELETE, "/sandbox/outcomes")).await.expect(204);
    gateway.delivery(&id, 1, "delivered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resend_takes_the_carrier_that_was_not_tried() {
    let gateway =
        Gateway::setup().argument("--relaxed-limits").option("OTP_LIMITS__NUMBER__SMS_INTERVAL_SECONDS", "0").start();
    let mut first_choices = std::collections::BTreeSet::new();
    for _ in 0..16 {
        let id = gateway.start(&gateway.number()).await;
        let first = gateway.delivery(&id, 1, "delivered").await;
        gateway.resend(&id, "sms").await.expect(202);
        let second = gateway.delivery(&id, 2, "delivered").await;
        assert_ne!(first["attempts"][0]["carrier"], second["attempts"][0]["carrier"]);
        first_choices.insert(first["attempts"][0]["carrier"].as_str().unwrap().to_owned());
    }
    assert_eq!(first_choices.len(), 2, "both carriers get their share");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_carrier_for_the_country_nothing_is_stored() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let only_us = |name| format!("[carriers.{name}]\nprofile = \"sandbox\"\ncountries = [\"US\"]\n");
    file.write_all((only_us("sandbox-a") + &only_us("sandbox-b")).as_bytes()).unwrap();
    let gateway = Gateway::setup().argument("--config").argument(file.path().to_str().unwrap()).start();
    let to = gateway.number();
    let answer = gateway.post("/v1/verifications", json!({ "to": to })).await;
    assert_eq!((answer.status, answer.problem()), (422, "no_route"));
    let store = rusqlite::Connection::open(gateway.database()).unwrap();
    let rows = |table: &str| -> i64 {
        store.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!((rows("record"), rows("number"), rows("wide")), (0, 0, 0));
    gateway.start("+12025550143").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_submitted_after_the_codes_time() {
    let gateway = Gateway::setup().argument("--relaxed-limits").faketime("+0 x20").start();
    gateway.outcome(json!({ "channel": "sms", "outcome": "temporary_fault" })).await;
    let to = gateway.number();
    let id = gateway.post("/v1/verifications", json!({ "to": to, "ttl_seconds": 60 })).await.id();
    let delivery = gateway.delivery(&id, 1, "failed").await;
    assert!(matches!(delivery["cause"].as_str(), Some("expired_unsent" | "temporary_carrier_fault")), "{delivery}");
    gateway.send(gateway.request(reqwest::Method::DELETE, "/sandbox/outcomes")).await.expect(204);
    let last = delivery["attempts"].as_array().unwrap().last().unwrap()["started_at"].as_str().unwrap().to_owned();
    assert!(*last < *gateway.verification(&id).await["expires_at"].as_str().unwrap());
    assert!(gateway.arrived(&to).await.is_empty());
}
