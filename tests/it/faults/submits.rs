//! Faults of a submit: each ends in the right cause, and the next carrier delivers the
//! same code, once.

use std::time::{Duration, Instant};

use serde_json::json;

use super::upstream::{Reply, Upstream};
use super::{attempts, carriers, tried};
use crate::gateway::{Gateway, code_in, until};

const TEXT: Duration = Duration::ZERO;

/// What the first carrier does, and what its attempt must say.
fn faults(elsewhere: &str) -> Vec<(&'static str, Reply, &'static str, Option<&'static str>)> {
    let html = Reply::Answer(500, vec![("content-type", "text/html".into())], b"<h1>oops</h1>".to_vec(), TEXT);
    let nonsense = Reply::Answer(200, Vec::new(), b"OK".to_vec(), TEXT);
    let huge = Reply::Answer(201, Vec::new(), vec![b' '; 20 << 20], TEXT);
    let no_utf8 = Reply::Answer(201, Vec::new(), b"{\"id\": \"\xff\xfe\", \"state\": \"queued\"}".to_vec(), TEXT);
    let other_kind = Reply::Answer(201, vec![("content-type", "text/plain".into())], b"queued".to_vec(), TEXT);
    let moved = Reply::Answer(302, vec![("location", format!("{elsewhere}/sms"))], Vec::new(), TEXT);
    let unknown = Some("temporary_carrier_fault");
    vec![
        ("reset", Reply::Reset, "unknown", unknown),
        ("silence", Reply::Silence, "unknown", unknown),
        ("trickle", Reply::Trickle, "unknown", unknown),
        ("500 with HTML", html, "unknown", unknown),
        ("an error in a 200", Reply::json(200, json!({"code": "spam"})), "failed", Some("carrier_filtered")),
        (
            "an unlisted error",
            Reply::json(200, json!({"state": "no", "code": "x9"})),
            "failed",
            Some("permanent_other"),
        ),
        ("nonsense in a 200", nonsense, "unknown", unknown),
        ("429", Reply::json(429, json!({})).with("retry-after", "1"), "failed", Some("rate_limited")),
        ("20 MB", huge, "unknown", unknown),
        ("no UTF-8", no_utf8, "unknown", unknown),
        ("another content type", other_kind, "unknown", unknown),
        ("redirect", moved, "failed", Some("permanent_other")),
        ("403", Reply::json(403, json!({})), "failed", Some("auth_failed")),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_has_its_cause_and_the_next_carrier_delivers() {
    let (bad, elsewhere) = (Upstream::start().await, Upstream::start().await);
    // Each fault is a gateway of its own: what one teaches must not matter to the next.
    let mut running = tokio::task::JoinSet::new();
    for (what, reply, state, cause) in faults(&elsewhere.url) {
        let elsewhere = elsewhere.clone();
        running.spawn(async move {
            let (bad, good) = (Upstream::start().await, Upstream::start().await);
            bad.does(move |_| reply.clone());
            let (setup, _) = carriers(&[("bad", "acme", &bad, ""), ("good", "acme", &good, "")], "");
            let gateway = setup.start();
            let to = gateway.number();
            let id = gateway.start(&to).await;
            let delivery = gateway.delivery(&id, 1, "submitted").await;
            assert_eq!(attempts(&delivery), [tried("bad", state, cause), tried("good", "submitted", None)], "{what}");
            let (first, second) = (bad.seen_at("/sms"), good.seen_at("/sms"));
            assert_eq!((first.len(), second.len()), (1, 1), "{what}: each is asked once");
            let code = code_in(&second[0].field("text"));
            assert_eq!(code_in(&first[0].field("text")), code, "{what}");
            gateway.secret(&code);
            assert_eq!((second[0].field("to"), second[0].field("from")), (to, "+4915100000001".into()));
            let ttl = second[0].body["ttl"].as_u64().unwrap();
            assert!((590..=600).contains(&ttl), "{what}: the rest of its life, {ttl}");
            assert!(elsewhere.seen().is_empty(), "{what}: no redirect is followed");
        });
    }
    running.join_all().await;
    assert!(bad.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_connection_means_that_nobody_has_it() {
    let good = Upstream::start().await;
    let mut gone = Upstream::start().await;
    gone.url = "http://127.0.0.1:9".into();
    let (setup, _) = carriers(&[("gone", "acme", &gone, ""), ("good", "acme", &good, "")], "");
    let gateway = setup.start();
    let id = gateway.start(&gateway.number()).await;
    let delivery = gateway.delivery(&id, 1, "submitted").await;
    let failed = tried("gone", "failed", Some("temporary_carrier_fault"));
    assert_eq!(attempts(&delivery), [failed, tried("good", "submitted", None)]);
}

/// Rings the second carrier's phone or does not, by what the first says of its call.
async fn voice(first: &Upstream, second: &Upstream) -> (Gateway, String) {
    let (setup, _) = carriers(
        &[("first", "acme", first, ""), ("second", "acme", second, "")],
        "ring_seconds = 5\n[voice]\ngate = true",
    );
    let gateway = setup.start();
    let to = gateway.number();
    let body = json!({ "to": to, "channel": "voice" });
    let id = gateway.post("/v1/verifications", body).await.id();
    (gateway, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_never_came_there_is_placed_elsewhere_at_once() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    first.does(|seen| match seen.method.as_str() {
        "POST" => Reply::Silence,
        _ => Reply::json(404, json!({})),
    });
    let begun = Instant::now();
    let (gateway, id) = voice(&first, &second).await;
    until(Duration::from_secs(4), "the second ring", || async { second.seen_at("/calls").pop() }).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "the ring time is not waited out");
    let delivery = gateway.delivery(&id, 1, "submitted").await;
    assert_eq!(attempts(&delivery).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_of_unknown_fate_is_waited_out() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    first.does(|seen| match seen.method.as_str() {
        "POST" => Reply::Silence,
        // It cannot say.
        _ => Reply::json(500, json!({})),
    });
    let (_gateway, _) = voice(&first, &second).await;
    let asked = until(Duration::from_secs(4), "the question", || async {
        first.seen().into_iter().find(|seen| seen.method == "GET").map(|seen| seen.at)
    })
    .await;
    let rang = until(Duration::from_secs(15), "the second ring", || async { second.seen_at("/calls").pop() }).await;
    let waited = rang.at - asked;
    assert!(waited >= Duration::from_millis(4_900), "the ring time is waited out: {waited:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_reported_to_ring_rings_nowhere_else() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    first.does(|seen| match seen.method.as_str() {
        "POST" => Reply::Silence,
        _ => Reply::json(500, json!({})),
    });
    let (gateway, id) = voice(&first, &second).await;
    let callback = until(Duration::from_secs(4), "the call", || async {
        first.seen_at("/calls").first().map(|seen| seen.field("callback"))
    })
    .await;
    until(Duration::from_secs(4), "the question", || async {
        first.seen().into_iter().find(|seen| seen.method == "GET")
    })
    .await;
    let http = reqwest::Client::new();
    let report = json!({ "id": "c-1", "status": "ringing" });
    assert_eq!(http.post(&callback).json(&report).send().await.unwrap().status(), 200);
    gateway.delivery(&id, 1, "ringing").await;
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert!(second.seen().is_empty(), "no phone rings twice for one click");
    let report = json!({ "id": "c-1", "status": "busy" });
    assert_eq!(http.post(&callback).json(&report).send().await.unwrap().status(), 200);
    let delivery = gateway.delivery(&id, 1, "failed").await;
    assert_eq!(attempts(&delivery), [tried("first", "failed", Some("busy"))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canceled_call_is_ended_at_its_carrier_by_its_own_id() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    first.does(|seen| match seen.method.as_str() {
        "POST" => Reply::json(201, json!({ "id": "c-7" })),
        _ => Reply::json(204, json!({})),
    });
    let (gateway, id) = voice(&first, &second).await;
    gateway.delivery(&id, 1, "submitted").await;
    gateway.delete(&format!("/v1/verifications/{id}")).await.expect(200);
    let ended = until(Duration::from_secs(5), "the hang-up", || async {
        first.seen().into_iter().find(|seen| seen.method == "DELETE")
    })
    .await;
    assert_eq!(ended.path, "/calls/c-7");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_fails_before_it_rings_is_placed_elsewhere_and_one_that_rang_is_not() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let http = reqwest::Client::new();
    for (ringing, wanted) in [(false, 1), (true, 1)] {
        first.does(|_| Reply::json(201, json!({ "id": "c-1" })));
        let (gateway, id) = voice(&first, &second).await;
        gateway.delivery(&id, 1, "submitted").await;
        let callback = first.seen_at("/calls").last().unwrap().field("callback");
        for status in ringing.then_some("ringing").into_iter().chain(["broken"]) {
            let report = json!({ "id": "c-1", "status": status });
            assert_eq!(http.post(&callback).json(&report).send().await.unwrap().status(), 200);
        }
        if ringing {
            gateway.delivery(&id, 1, "failed").await;
        } else {
            until(Duration::from_secs(4), "the second ring", || async { second.seen_at("/calls").pop() }).await;
        }
        assert_eq!(second.seen_at("/calls").len(), wanted, "ringing: {ringing}");
    }
}
