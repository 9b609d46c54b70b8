//! Limits say which one and when; a refusal sends nothing and uses up nothing.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::gateway::{Answer, Gateway, SOON, until, wrong};

/// The limit that refused, and the wait in seconds.
#[track_caller]
fn refused(answer: &Answer) -> (&str, u64) {
    assert_eq!((answer.status, answer.problem()), (429, "limit"), "{}", answer.body);
    let wait = answer.body["retry_after_seconds"].as_u64().unwrap();
    assert_eq!(answer.headers["retry-after"], wait.to_string());
    (answer.body["limit"].as_str().unwrap(), wait)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sms_waits_thirty_seconds_and_a_call_follows_at_once() {
    let gateway = Gateway::demo();
    let to = gateway.number();
    let id = gateway.start(&to).await;
    let again = gateway.post("/v1/verifications", json!({ "to": to })).await;
    assert!(matches!(refused(&again), ("sms_interval", 29..=30)));
    assert!(matches!(refused(&gateway.resend(&id, "sms").await), ("sms_interval", 29..=30)));
    gateway.resend(&id, "voice").await.expect(202);
    assert!(matches!(refused(&gateway.resend(&id, "voice").await), ("voice_interval", 59..=60)));
    gateway.nth(&to, 2).await;
    assert_eq!(gateway.arrived(&to).await.len(), 2, "what was refused was not sent");
    let channels = &gateway.verification(&id).await["channels"];
    assert_eq!(channels["sms"]["reason"], "limit");
    assert!(channels["voice"]["retry_after_seconds"].as_u64().unwrap() <= 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_window_opens_exactly_when_it_says() {
    let gateway = Gateway::setup()
        .argument("--relaxed-limits")
        .option("OTP_LIMITS__NUMBER__SMS_INTERVAL_SECONDS", "0")
        .option("OTP_LIMITS__NUMBER__DELIVERIES", "3/3s")
        .start();
    let to = gateway.number();
    let begun = Instant::now();
    let id = gateway.start(&to).await;
    for _ in 0..2 {
        gateway.resend(&id, "sms").await.expect(202);
    }
    let answer = gateway.resend(&id, "sms").await;
    let (limit, wait) = refused(&answer);
    assert_eq!(limit, "number_deliveries");
    assert!((1..=3).contains(&wait));
    let opened = until(SOON, "the window's opening", || async {
        (gateway.resend(&id, "sms").await.status == 202).then(|| begun.elapsed())
    })
    .await;
    assert!((Duration::from_millis(2_990)..Duration::from_millis(3_300)).contains(&opened), "{opened:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_four_verifications_of_wrong_codes_starts_wait_but_a_check_does_not() {
    let gateway = Gateway::setup()
        .argument("--relaxed-limits")
        .option("OTP_LIMITS__NUMBER__SMS_INTERVAL_SECONDS", "0")
        .option("OTP_VERIFICATION__MAX_WRONG_CODES", "1")
        .start();
    let to = gateway.number();
    let open = gateway.start(&to).await;
    let code = gateway.code(&to).await;
    for n in 2..=5 {
        let id = gateway.start(&to).await;
        let its_code = crate::gateway::code_in(gateway.nth(&to, n).await["body"].as_str().unwrap());
        assert_eq!(gateway.check(&id, &wrong(&its_code)).await.problem(), "max_attempts_reached");
    }
    let answer = gateway.post("/v1/verifications", json!({ "to": to, "channel": "voice" })).await;
    // Five deliveries in ten minutes are used up too; the longer wait is told.
    let (_, wait) = refused(&answer);
    assert!((290..=600).contains(&wait), "{wait}");
    assert_eq!(gateway.check(&open, &code).await.expect(200)["status"], "approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fourth_open_verification_closes_the_oldest() {
    let gateway =
        Gateway::setup().argument("--relaxed-limits").option("OTP_LIMITS__NUMBER__SMS_INTERVAL_SECONDS", "0").start();
    let to = gateway.number();
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(gateway.start(&to).await);
    }
    let mut states = Vec::new();
    for id in &ids {
        states.push(gateway.verification(id).await["status"].as_str().unwrap().to_owned());
    }
    assert_eq!(states, ["canceled", "pending", "pending", "pending"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wide_limit_refuses_by_its_name_and_leaves_the_others_as_they_were() {
    let wide = |name: &str| format!("OTP_LIMITS__WIDE__{name}");
    for (name, limit) in [("ADDRESS", "address"), ("PREFIX", "prefix"), ("COUNTRY", "country"), ("TENANT", "tenant")] {
        let gateway = Gateway::setup().option(&wide(name), "2/1h").start();
        // Neighbours: all four limits count the same three sends.
        let stem = crate::gateway::fresh_number();
        let neighbour = |n: u32| format!("{}{n:03}", &stem[..stem.len() - 3]);
        let start = |n: u32| {
            let body = json!({ "to": neighbour(n), "client": { "ip": "203.0.113.7" } });
            gateway.post("/v1/verifications", body)
        };
        assert_eq!(start(1).await.status, 201);
        // A refusal by the number's own limit gives the wide one back.
        assert_eq!(refused(&start(1).await).0, "sms_interval");
        assert_eq!(start(2).await.status, 201);
        let answer = start(3).await;
        let (refused_by, wait) = refused(&answer);
        assert_eq!(refused_by, limit);
        assert!((1..=3_900).contains(&wait), "{wait}");
        assert!(gateway.arrived(&neighbour(3)).await.is_empty());
        // It survives a kill.
        let gateway = gateway.kill_and_restart();
        let body = json!({ "to": neighbour(4), "client": { "ip": "203.0.113.7" } });
        assert_eq!(refused(&gateway.post("/v1/verifications", body).await).0, limit);
        // Where the limit does not reach, the refused number still has all it had.
        if name == "ADDRESS" {
            gateway.start(&neighbour(3)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_a_number_survive_a_kill() {
    let gateway = Gateway::demo();
    let to = gateway.number();
    gateway.start(&to).await;
    let gateway = gateway.kill_and_restart();
    let answer = gateway.post("/v1/verifications", json!({ "to": to })).await;
    assert_eq!(refused(&answer).0, "sms_interval");
}
