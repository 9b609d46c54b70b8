//! Redis out of memory: nothing new begins, what runs goes on.

use std::time::{Duration, Instant};

use serde_json::json;

use super::scene::{Scene, becomes_ready, over, tell};
use super::unavailable;
use crate::gateway::{SOON, code_in, until, wrong};
use crate::redis::servers::Server;

/// Writes beyond what Redis may use, by a good deal more than it frees by itself.
fn fill(server: &Server) {
    let used: usize = server.info("used_memory").parse().expect("a number");
    server.command(&["CONFIG", "SET", "maxmemory", &(used + 500_000).to_string()]);
    // A script may write on if there was room when it began.
    server.command(&["EVAL", "redis.call('SET', KEYS[1], string.rep('x', 2000000))", "1", "filler"]);
    let used: usize = server.info("used_memory").parse().expect("a number");
    let most: usize = server.info("maxmemory").parse().expect("a number");
    assert!(used > most + 1_000_000, "{used} of {most} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_redis_refuses_starts_and_ends_what_runs() {
    let server = Server::start(&["--maxmemory-policy", "noeviction"]).await;
    let mut scene = Scene::of([over(&server.url()), over(&server.url())]);
    let gateway = &scene.gateways[0];
    // One that waits for its code, one that nobody wants, one that runs when memory ends.
    let open = scene.people.start(0).await.0.expect("accepted");
    gateway.delivery(&open, 1, "delivered").await;
    let code = scene.people.arrived().iter().map(|item| code_in(&item.body)).next().expect("it arrived");
    let unwanted = gateway.start(&gateway.number()).await;
    gateway.delivery(&unwanted, 1, "delivered").await;
    gateway.outcome(json!({ "channel": "sms", "outcome": "slow", "delay_ms": 1_000 })).await;
    let running = scene.people.start(0).await.0.expect("accepted");
    until(SOON, "the submit", || async {
        let attempts = gateway.verification(&running).await["deliveries"][0]["attempts"].clone();
        attempts[0].is_object().then_some(())
    })
    .await;

    let begun = Instant::now();
    fill(&server);
    for door in 0..2 {
        let asked = Instant::now();
        unavailable(&scene.people.start(door).await.1, asked.elapsed());
    }
    let resend = format!("/v1/verifications/{}/deliveries", open);
    unavailable(&scene.people.post(1, &resend, json!({ "channel": "voice" })).await, begun.elapsed());
    assert_eq!(gateway.verification(&running).await["deliveries"][0]["state"], "queued", "it still runs");
    // A wrong code is counted, a right one approves; the running delivery ends with its receipt.
    let guess = scene.people.check(1, &open, &wrong(&code)).await.expect("an answer");
    assert_eq!((guess.0, &guess.2["status"]), (200, &json!("pending")), "{guess:?}");
    let right = scene.people.check(1, &open, &code).await.expect("an answer");
    assert_eq!((right.0, &right.2["status"]), (200, &json!("approved")), "{right:?}");
    gateway.delivery(&running, 1, "delivered").await;
    assert!(!gateway.printed().contains("waits for its lease to end"), "a delivery could not be completed");
    let canceled = gateway.delete(&format!("/v1/verifications/{}", unwanted)).await;
    assert_eq!(canceled.status, 200, "{canceled:?}");
    for gateway in &scene.gateways {
        assert_eq!(gateway.get("/readyz").await.status, 200, "checks still work");
    }
    unavailable(&scene.people.start(0).await.1, Duration::ZERO);

    gateway.send(gateway.request(reqwest::Method::DELETE, "/sandbox/outcomes")).await.expect(204);
    server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    scene.back("Redis out of memory", begun..Instant::now()).await;
    server.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    for gateway in &scene.gateways {
        becomes_ready(gateway, false).await;
        let why = "maxmemory-policy is allkeys-lru";
        until(SOON, "the reason in the log", || async { gateway.printed().contains(why).then_some(()) }).await;
    }
    server.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    for gateway in &scene.gateways {
        becomes_ready(gateway, true).await;
    }
    tell("maxmemory-policy allkeys-lru: not ready, and ready again");
    scene.settles("Redis out of memory", &server).await;
}
