//! A carrier that fails is left alone, tried again with one message, and used again when
//! it works; its pace and its cap are kept.

use std::time::{Duration, Instant};

use serde_json::json;

use super::carriers;
use super::upstream::{Reply, Upstream};
use crate::gateway::{Gateway, until};

const RULES: &str = "[routing]\nbreaker_failures = 3\nbreaker_seconds = 3";

async fn breaker(gateway: &Gateway, name: &str) -> String {
    let carriers = gateway.get("/v1/carriers").await.expect(200);
    let one = carriers["carriers"].as_array().unwrap().iter().find(|carrier| carrier["name"] == name).unwrap().clone();
    one["breaker"].as_str().unwrap().to_owned()
}

async fn send(gateway: &Gateway) {
    let id = gateway.start(&gateway.number()).await;
    gateway.delivery(&id, 1, "submitted").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_open_it_at_once_and_one_message_tries_again() {
    let (bad, good) = (Upstream::start().await, Upstream::start().await);
    bad.does(|_| Reply::json(401, json!({})));
    let (setup, _) = carriers(&[("bad", "acme", &bad, ""), ("good", "acme", &good, "")], RULES);
    let gateway = setup.start();
    send(&gateway).await;
    assert_eq!(breaker(&gateway, "bad").await, "open");
    for _ in 0..5 {
        send(&gateway).await;
    }
    assert_eq!((bad.seen().len(), good.seen().len()), (1, 6), "nothing more goes there");
    until(Duration::from_secs(6), "half-open", || async {
        (breaker(&gateway, "bad").await == "half_open").then_some(())
    })
    .await;
    let together = (0..6).map(|_| send(&gateway));
    futures_util::future::join_all(together).await;
    assert_eq!((bad.seen().len(), good.seen().len()), (2, 12), "one message is tried");
    assert_eq!(breaker(&gateway, "bad").await, "open");
    bad.does(|_| Reply::taken("m-2"));
    until(Duration::from_secs(20), "the carrier's return", || async {
        send(&gateway).await;
        (breaker(&gateway, "bad").await == "closed").then_some(())
    })
    .await;
    let before = bad.seen().len();
    send(&gateway).await;
    assert_eq!(bad.seen().len(), before + 1);
    assert!(gateway.printed().contains("Carrier is left alone for a while."));
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_in_a_row_open_it_and_the_fault_of_a_number_does_not() {
    let (bad, good) = (Upstream::start().await, Upstream::start().await);
    let (setup, _) = carriers(&[("bad", "acme", &bad, ""), ("good", "acme", &good, "")], RULES);
    let gateway = setup.start();
    bad.does(|_| Reply::json(200, json!({ "code": "spam" })));
    for _ in 0..4 {
        send(&gateway).await;
    }
    assert_eq!((breaker(&gateway, "bad").await, bad.seen().len()), ("closed".into(), 4));
    bad.does(|_| Reply::json(500, json!({})));
    for _ in 0..6 {
        send(&gateway).await;
    }
    assert_eq!((breaker(&gateway, "bad").await, bad.seen().len()), ("open".into(), 7));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_all_rest_a_message_waits_for_the_first() {
    let only = Upstream::start().await;
    only.does(|_| Reply::json(401, json!({})));
    let setup = carriers(&[("only", "acme", &only, "")], RULES).0;
    let gateway = setup.option("OTP_SANDBOX__ENABLED", "true").start();
    // The sandbox takes what the carrier refuses; a number that it refuses too has nobody.
    let to = gateway.number();
    gateway.outcome(json!({ "to": to, "channel": "sms", "outcome": "temporary_fault" })).await;
    let id = gateway.start(&to).await;
    until(Duration::from_secs(5), "the refusal", || async { only.seen().pop() }).await;
    only.does(|_| Reply::taken("m-3"));
    let delivery = until(Duration::from_secs(30), "the delivery", || async {
        let delivery = gateway.verification(&id).await["deliveries"][0].clone();
        (delivery["state"] == "submitted").then_some(delivery)
    })
    .await;
    assert_eq!(delivery["attempts"].as_array().unwrap().last().unwrap()["carrier"], "only");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pace_is_kept_and_halved_after_a_429() {
    let one = Upstream::start().await;
    let (setup, _) = carriers(&[("one", "acme", &one, "throughput = \"20/1s\"")], "");
    let gateway = setup.start();
    let begun = Instant::now();
    let starts = (0..50).map(|_| async { gateway.start(&gateway.number()).await });
    futures_util::future::join_all(starts).await;
    until(Duration::from_secs(20), "all submits", || async { (one.seen().len() >= 50).then_some(()) }).await;
    // In slots of the pace since the start. A busy machine makes each later and none earlier.
    let at: Vec<f64> = one.seen().iter().map(|seen| (seen.at - begun).as_secs_f64() * 20.0).collect();
    let mut least = f64::INFINITY;
    for (n, slot) in at.iter().enumerate() {
        assert!(*slot > n as f64 - 2.0, "submit {n} in slot {slot:.1}");
        // A second that begins with a late one holds as many more as that is late by.
        least = least.min(slot - n as f64);
        let late = slot - n as f64 - least;
        let within = at[n..].iter().take_while(|later| **later - slot < 20.0).count() as f64;
        assert!(within <= 22.0 + late, "{within} in the second from slot {slot:.1}, {late:.1} late");
    }
    let before = one.seen().len();
    one.does(move |_| Reply::json(429, json!({})));
    gateway.start(&gateway.number()).await;
    until(Duration::from_secs(5), "the slower pace", || async {
        let carriers = gateway.get("/v1/carriers").await.expect(200);
        let of = carriers["carriers"].as_array().unwrap().iter().find(|carrier| carrier["name"] == "one").unwrap();
        (of["channels"]["sms"]["pace"] == "20/2s").then_some(())
    })
    .await;
    assert!(one.seen().len() > before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_429_with_a_wait_is_waited_out_while_another_carrier_works() {
    let (busy, good) = (Upstream::start().await, Upstream::start().await);
    busy.does(|_| Reply::json(429, json!({})).with("retry-after", "2"));
    let (setup, _) = carriers(&[("busy", "acme", &busy, ""), ("good", "acme", &good, "")], "");
    let gateway = setup.start();
    send(&gateway).await;
    let asked = busy.seen()[0].at;
    busy.does(|_| Reply::taken("m-4"));
    until(Duration::from_secs(10), "the return", || async {
        send(&gateway).await;
        (busy.seen().len() > 1).then_some(())
    })
    .await;
    assert!(busy.seen()[1].at - asked >= Duration::from_millis(1_990), "not before the time that it named");
    assert!(good.seen().len() >= 2, "the other one worked meanwhile");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cap_is_never_passed() {
    let (capped, good) = (Upstream::start().await, Upstream::start().await);
    let (setup, _) = carriers(&[("capped", "acme", &capped, "cap = \"5/1h\""), ("good", "acme", &good, "")], "");
    let gateway = setup.start();
    for _ in 0..8 {
        send(&gateway).await;
    }
    assert_eq!((capped.seen().len(), good.seen().len()), (5, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_of_calls_comes_back_while_another_works() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let calls = "channels = [\"voice\"]";
    let (setup, _) = carriers(&[("first", "acme", &first, calls), ("second", "acme", &second, calls)], RULES);
    let gateway = setup.start();
    let call = async || {
        let body = json!({ "to": gateway.number(), "channel": "voice" });
        let id = gateway.post("/v1/verifications", body).await.id();
        gateway.delivery(&id, 1, "submitted").await;
    };
    let deny = || Reply::json(401, json!({}));
    first.does(move |_| deny());
    call().await;
    assert_eq!(breaker(&gateway, "first").await, "open");
    until(Duration::from_secs(6), "half-open", || async {
        (breaker(&gateway, "first").await == "half_open").then_some(())
    })
    .await;
    call().await;
    assert_eq!(first.seen_at("/calls").len(), 1, "it is asked whether it is back before a person waits for it");
    assert_eq!((first.seen_at("/me").len(), breaker(&gateway, "first").await), (1, "open".into()));
    first.does(|_| Reply::json(201, json!({ "id": "c-1", "balance": 3 })));
    until(Duration::from_secs(30), "its return", || async {
        call().await;
        (breaker(&gateway, "first").await == "closed").then_some(())
    })
    .await;
    assert!(first.seen_at("/calls").len() > 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_carrier_holds_nobody_up_while_another_is_idle() {
    let (slow, idle) = (Upstream::start().await, Upstream::start().await);
    let (setup, _) = carriers(&[("slow", "acme", &slow, "throughput = \"1/60s\""), ("idle", "acme", &idle, "")], "");
    let gateway = setup.start();
    send(&gateway).await;
    let begun = std::time::Instant::now();
    send(&gateway).await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!((slow.seen().len(), idle.seen().len()), (1, 1));
}
