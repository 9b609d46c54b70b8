//! Gateways whose clocks are an hour off: Redis' clock is the only one that counts.

use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::scene::{INTERVAL, Scene, over, tell};
use crate::gateway::{Gateway, Setup, code_in, fresh_number, until};
use crate::redis::servers::Server;

/// An hour in milliseconds.
const HOUR: i64 = 3_600_000;
/// What answers and this machine's load may take.
const ABOUT: i64 = 3_000;

fn now_ms() -> i64 {
    Timestamp::try_from(SystemTime::now()).expect("a usual time").as_millisecond()
}

fn ms(time: &Value) -> i64 {
    time.as_str().expect("a time").parse::<Timestamp>().expect("RFC 3339").as_millisecond()
}

#[track_caller]
fn about(left: i64, right: i64, what: &str) {
    assert!((left - right).abs() < ABOUT, "{what}: {left} and {right}, {} ms apart", left - right);
}

/// Only the day's time is off; timers run as they should.
fn off(setup: Setup, spec: &str) -> Setup {
    setup.faketime(spec).option("FAKETIME_DONT_FAKE_MONOTONIC", "1").option("DONT_FAKE_MONOTONIC", "1")
}

/// What the gateway's own clock says, by the Date of its answers.
async fn own_clock(gateway: &Gateway) -> i64 {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    // Wed, 25 Nov 2026 03:30:23 GMT
    let date = gateway.get("/healthz").await.headers["date"].to_str().expect("text").to_owned();
    let words: Vec<&str> = date.split(' ').collect();
    let month = MONTHS.iter().position(|month| *month == words[2]).expect("a month") + 1;
    let text = format!("{}-{month:02}-{}T{}Z", words[3], words[1], words[4]);
    text.parse::<Timestamp>().expect("a time").as_millisecond()
}

#[tokio::test(flavor = "multi_thread")]
async fn gateways_whose_clocks_are_an_hour_off_agree() {
    let server = Server::start(&[]).await;
    let mut scene = Scene::of([off(over(&server.url()), "+3600"), off(over(&server.url()), "-3600")]);
    let begun = Instant::now();
    for (gateway, hours) in scene.gateways.iter().zip([1, -1]) {
        about(own_clock(gateway).await, now_ms() + hours * HOUR, "the clock is off");
    }
    // The shortest life that a code can have, looked at while the rest goes on.
    let (to, asked) = (fresh_number(), now_ms());
    let reply = scene.people.post(0, "/v1/verifications", json!({ "to": to, "ttl_seconds": 60 })).await;
    let short = reply.expect("an answer").2;
    about(ms(&short["expires_at"]), asked + 60_000, "a minute");

    for (here, there) in [(0, 1), (1, 0)] {
        let (one, other) = (&scene.gateways[here], &scene.gateways[there]);
        let (to, asked) = (one.number(), now_ms());
        let started = one.post("/v1/verifications", json!({ "to": to })).await.expect(201);
        let id = started["id"].as_str().expect("an id");
        about(ms(&started["created_at"]), asked, "created");
        about(ms(&started["expires_at"]), asked + 600_000, "expires");
        let sms = one.nth(&to, 1).await;
        about(ms(&sms["at"]), asked, "arrived");
        let body = sms["body"].as_str().expect("text");
        assert!(body.contains("10 min"), "{body}");
        one.delivery(id, 1, "delivered").await;
        // A real third of a second, as the sandbox is told.
        let delivery = other.verification(id).await["deliveries"][0].clone();
        about(ms(&delivery["changed_at"]), asked, "delivered");
        let early = [one, other].map(|gateway| gateway.post("/v1/verifications", json!({ "to": to })));
        for early in futures_util::future::join_all(early).await {
            let seconds = early.body["retry_after_seconds"].as_u64().expect("a number");
            assert_eq!((early.status, &early.body["limit"]), (429, &json!("sms_interval")), "{}", early.body);
            assert!((INTERVAL - 5..=INTERVAL).contains(&seconds), "{seconds} s");
            assert_eq!(early.headers["retry-after"].to_str().expect("text"), seconds.to_string());
        }
        let seen = [one.verification(id).await, other.verification(id).await];
        assert_eq!(seen[0]["expires_at"], seen[1]["expires_at"]);
        let waits = seen.map(|seen| seen["channels"]["sms"]["retry_after_seconds"].as_u64().expect("a number"));
        assert!(waits[0].abs_diff(waits[1]) <= 1, "{waits:?}");
        let code = code_in(body);
        [one, other].into_iter().for_each(|gateway| gateway.secret(&code));
        assert_eq!(other.check(id, &code).await.expect(200)["status"], "approved");
        assert_eq!(one.check(id, &code).await.status, 409);
    }
    scene.people_come();
    scene.people.more(20, 201).await;
    scene.people_go_home();

    // The end of the short one, by both gateways, and not before it.
    let id = short["id"].as_str().expect("an id").to_owned();
    let left = |status: &str| ms(&short["expires_at"]) - now_ms() < 250 || status == "pending";
    until(Duration::from_secs(70), "expiry", || async {
        let seen = [scene.people.get(0, &id).await, scene.people.get(1, &id).await];
        let seen = seen.map(|seen| seen.expect("it is there")["status"].as_str().expect("text").to_owned());
        assert!(seen.iter().all(|status| left(status)), "{seen:?} {} ms before", ms(&short["expires_at"]) - now_ms());
        seen.iter().all(|status| status == "expired").then_some(())
    })
    .await;
    about(now_ms(), ms(&short["expires_at"]), "expired");
    tell(&format!("clocks an hour off: a minute's code lived until {:.2?} after the start", begun.elapsed()));
    scene.settles("Clocks an hour off", &server).await;
}
