//! Reports: twice, out of order, early, forged, about nothing; and what a failure does.

use std::time::Duration;

use serde_json::{Value, json};

use super::upstream::{Reply, Upstream};
use super::{attempts, carriers, tried};
use crate::gateway::{Gateway, code_in, until};

/// A gateway with two carriers, and a verification that the first has taken.
struct Story {
    gateway: Gateway,
    first: Upstream,
    second: Upstream,
    id: String,
    callback: String,
    http: reqwest::Client,
}

impl Story {
    async fn begin() -> Story {
        let (first, second) = (Upstream::start().await, Upstream::start().await);
        let (setup, _) = carriers(&[("first", "acme", &first, ""), ("second", "acme", &second, "")], "");
        let gateway = setup.start();
        let id = gateway.start(&gateway.number()).await;
        gateway.delivery(&id, 1, "submitted").await;
        let callback = first.seen_at("/sms")[0].field("callback");
        Story { gateway, first, second, id, callback, http: reqwest::Client::new() }
    }

    async fn post(&self, url: &str, body: Vec<u8>) -> (u16, Value) {
        let answer = self.http.post(url).body(body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
    }

    async fn tell(&self, reports: Value) -> u16 {
        self.post(&self.callback, json!({ "reports": reports }).to_string().into_bytes()).await.0
    }

    async fn state(&self) -> Value {
        self.gateway.verification(&self.id).await["deliveries"][0].clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn repeats_and_late_ones_change_nothing() {
    let story = Story::begin().await;
    let delivered = json!({ "id": "m-1", "status": "delivered", "price": "0.0451", "network": "26202" });
    assert_eq!(story.tell(json!([delivered])).await, 200);
    let state = story.gateway.delivery(&story.id, 1, "delivered").await;
    for report in [delivered, json!({"id": "m-1", "status": "failed", "code": "off"}), json!({"status": "sent"})] {
        assert_eq!(story.tell(json!([report, report])).await, 200);
    }
    assert_eq!(story.state().await, state);
    assert!(story.second.seen().is_empty());
    let delivered = "otp_deliveries_total{channel=\"sms\",state=\"delivered\",cause=\"\"}";
    assert_eq!(story.gateway.counted(delivered).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forged_is_refused_and_counted() {
    let story = Story::begin().await;
    let body = || json!({ "reports": [{ "status": "delivered" }] }).to_string().into_bytes();
    let reference = story.callback.rsplit('/').next().unwrap().to_owned();
    let mut changed = reference.clone().into_bytes();
    changed[30] = if changed[30] == b'A' { b'B' } else { b'A' };
    let changed = story.callback.replace(&reference, std::str::from_utf8(&changed).unwrap());
    let forged = [
        changed,
        // Of another carrier, another channel, for another purpose.
        story.callback.replace("/first/", "/second/"),
        story.callback.replace("/sms/", "/voice/"),
        story.callback.replace("/sms/", "/call/") + "/start",
        story.callback.replace("/sms/", "/audio/") + "/code.wav",
        story.callback.replace("/sms/", "/inbound/"),
        story.callback[..story.callback.len() - 1].to_owned(),
    ];
    for url in &forged {
        let status = match url.ends_with(".wav") {
            true => story.http.get(url).send().await.unwrap().status().as_u16(),
            false => story.post(url, body()).await.0,
        };
        assert_eq!(status, 403, "{url}");
    }
    let (status, problem) = story.post(&story.callback, b"{\"reports\":".to_vec()).await;
    assert_eq!((status, problem["type"].as_str()), (400, Some("/problems/malformed_json")));
    assert_eq!(story.post(&story.callback, vec![b' '; 300_000]).await.0, 413);
    assert_eq!(story.post(&story.callback, b"{}".to_vec()).await.0, 200, "nothing is told");
    assert_eq!(story.state().await["state"], "submitted");
    for (carrier, times) in [("first", 6), ("second", 1)] {
        let forged = format!("otp_webhooks_total{{carrier=\"{carrier}\",outcome=\"forged\"}}");
        assert_eq!(story.gateway.counted(&forged).await, times, "{carrier}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_another_carrier_can_cure_goes_to_it() {
    let story = Story::begin().await;
    assert_eq!(story.tell(json!([{ "id": "m-1", "status": "failed", "code": "spam" }])).await, 200);
    let second =
        until(Duration::from_secs(5), "the next carrier", || async { story.second.seen_at("/sms").pop() }).await;
    assert_eq!(code_in(&second.field("text")), code_in(&story.first.seen_at("/sms")[0].field("text")));
    let filtered = tried("first", "failed", Some("carrier_filtered"));
    let state = story.gateway.delivery(&story.id, 1, "submitted").await;
    assert_eq!(attempts(&state), [filtered.clone(), tried("second", "submitted", None)]);
    let told = json!({ "reports": [{ "status": "delivered" }] });
    assert_eq!(story.http.post(second.field("callback")).json(&told).send().await.unwrap().status(), 200);
    let state = story.gateway.delivery(&story.id, 1, "delivered").await;
    assert_eq!(attempts(&state), [filtered, tried("second", "delivered", None)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_of_the_number_ends_the_delivery() {
    let story = Story::begin().await;
    assert_eq!(story.tell(json!([{ "status": "failed", "code": "nobody" }])).await, 200);
    let state = story.gateway.delivery(&story.id, 1, "failed").await;
    assert_eq!((&state["cause"], &state["advice"]), (&json!("invalid_number"), &json!("check_number")));
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert!(story.second.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_may_overtake_the_answer_to_its_own_submit() {
    for (profile, by_id) in [("acme", false), ("plain", true)] {
        let upstream = Upstream::start().await;
        upstream.does(|_| Reply::taken("m-early").after(Duration::from_millis(600)));
        let (setup, _) = carriers(&[("one", profile, &upstream, "")], "");
        let gateway = setup.start();
        let id = gateway.start(&gateway.number()).await;
        let seen = until(Duration::from_secs(5), "the submit", || async { upstream.seen_at("/sms").pop() }).await;
        let url = match by_id {
            false => seen.field("callback"),
            true => {
                let carriers = gateway.get("/v1/carriers").await.expect(200);
                let one = carriers["carriers"].as_array().unwrap().iter().find(|carrier| carrier["name"] == "one");
                one.unwrap()["addresses"]["receipts of SMS"].as_str().unwrap().to_owned()
            }
        };
        let told =
            json!({ "reports": [{ "id": "m-early", "status": "delivered" }, { "id": "m-other", "status": "failed" }] });
        assert_eq!(reqwest::Client::new().post(&url).json(&told).send().await.unwrap().status(), 200);
        let delivery = gateway.delivery(&id, 1, "delivered").await;
        assert_eq!(attempts(&delivery), [tried("one", "delivered", None)], "{profile}");
    }
}

/// Random orders of what may be told: what is final stays, states only move forward.
#[tokio::test(flavor = "multi_thread")]
async fn in_any_order_states_only_move_forward() {
    let story = Story::begin().await;
    let all = ["sent", "delivered", "failed"];
    let mut seed = 0x2545_f491_4f6c_dd1du64;
    let mut draw = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    for round in 0..12 {
        let id = story.gateway.start(&story.gateway.number()).await;
        story.gateway.delivery(&id, 1, "submitted").await;
        let callback = story.first.seen_at("/sms").last().unwrap().field("callback");
        let (mut told, mut last) = (Vec::new(), json!("submitted"));
        for _ in 0..6 {
            let status = all[draw(all.len())];
            told.push(status);
            let report = json!({ "reports": [{ "status": status, "code": "off" }] });
            assert_eq!(story.http.post(&callback).json(&report).send().await.unwrap().status(), 200);
            let state = story.gateway.verification(&id).await["deliveries"][0]["state"].clone();
            let first_final = told.iter().find(|status| **status != "sent");
            assert_eq!(state, json!(first_final.unwrap_or(&"submitted")), "round {round}: {told:?} after {last}");
            last = state;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_overtakes_the_answer_goes_on_and_is_logged() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    first.does(|_| Reply::taken("m-1").after(Duration::from_millis(600)));
    let (setup, _) = carriers(&[("first", "acme", &first, ""), ("second", "acme", &second, "")], "");
    let gateway = setup.start();
    let to = gateway.number();
    let id = gateway.start(&to).await;
    let asked = until(Duration::from_secs(5), "the first submit", || async { first.seen_at("/sms").pop() }).await;
    let report = json!({ "reports": [{ "id": "m-1", "status": "failed", "code": "spam" }] });
    let http = reqwest::Client::new();
    assert_eq!(http.post(asked.field("callback")).json(&report).send().await.unwrap().status(), 200);
    let again = until(Duration::from_secs(5), "the second submit", || async { second.seen_at("/sms").pop() }).await;
    assert_eq!(code_in(&again.field("text")), code_in(&asked.field("text")));
    let delivery = gateway.delivery(&id, 1, "submitted").await;
    assert_eq!(
        attempts(&delivery),
        [tried("first", "failed", Some("carrier_filtered")), tried("second", "submitted", None)]
    );
    gateway.log(&to, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_failed_for_good_is_not_asked_again_while_the_other_waits() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    first.does(|_| Reply::json(200, json!({ "code": "spam" })));
    second.does(|_| Reply::json(500, json!({})));
    let (setup, _) = carriers(
        &[("first", "acme", &first, ""), ("second", "acme", &second, "")],
        "retry_most_seconds = 1\n[routing]\nbreaker_failures = 1000",
    );
    let gateway = setup.start();
    let to = gateway.number();
    gateway.outcome(json!({ "to": to, "channel": "sms", "outcome": "temporary_fault" })).await;
    gateway.start(&to).await;
    until(Duration::from_secs(20), "the retries", || async { (second.seen().len() >= 3).then_some(()) }).await;
    assert_eq!(first.seen().len(), 1);
}
