//! The failure table on one Redis, each row really done to real processes. What must hold
//! after each is [`Scene::settles`].

mod answers;
mod clocks;
mod memory;
mod scene;

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::json;

use self::scene::{LEASE, People, Reply, Scene, becomes_ready, over, tell};
use super::proxy::Proxy;
use super::servers::Server;
use crate::gateway::{SOON, until};

/// Longest wait for a refusal.
const REFUSED_WITHIN: Duration = Duration::from_millis(2_200);

/// 503 within two seconds, which says when to come back.
#[track_caller]
fn unavailable(reply: &Reply, took: Duration) {
    let (status, headers, body) = reply.as_ref().expect("an answer");
    assert_eq!((*status, &body["type"]), (503, &json!("/problems/store_unavailable")), "{body}");
    assert_eq!(headers["retry-after"], "1");
    assert!(took < REFUSED_WITHIN, "{took:?}");
}

async fn timed<T>(what: impl Future<Output = T>) -> (T, Duration) {
    let begun = Instant::now();
    (what.await, begun.elapsed())
}

/// Starts many at one gateway, one shortly after the other, kills it in the middle, and
/// looks how the dead left what it had accepted. When it was killed, and that.
async fn killed_among_many(scene: &mut Scene, n: usize) -> (Range<Instant>, Vec<String>) {
    let mut starts = tokio::task::JoinSet::new();
    for i in 0..70 {
        let people = scene.people.clone();
        starts.spawn(async move {
            tokio::time::sleep(Duration::from_millis(5 * i)).await;
            people.start(n).await.0
        });
    }
    let before = scene.people.answered(Some(201));
    let people = scene.people.clone();
    until(SOON, "acceptance", || async { (people.answered(Some(201)) >= before + 45).then_some(()) }).await;
    let killed = Instant::now();
    scene.kill(n);
    let fault = killed..Instant::now();
    let accepted: Vec<String> = starts.join_all().await.into_iter().flatten().collect();
    let other = 1 - n;
    let arrived = scene.people.arrived();
    let mut stood = BTreeMap::<&str, usize>::new();
    for id in &accepted {
        let state = scene.people.get(other, id).await.expect("it was accepted")["deliveries"][0]["state"].clone();
        let submitted = arrived.iter().any(|item| item.attempt.starts_with(&id["ver_".len()..]));
        let at = match (state == "queued", submitted) {
            (true, false) => "before the submit",
            (true, true) => "between submit and record",
            _ => "after the record",
        };
        *stood.entry(at).or_default() += 1;
    }
    tell(&format!("killed with {} accepted: {stood:?}", accepted.len()));
    assert!(stood.contains_key("before the submit") && stood.contains_key("between submit and record"), "{stood:?}");
    (fault, accepted)
}

/// Waits until all of these have arrived somewhere.
async fn all_arrive(people: &People, accepted: &[String]) {
    until(LEASE + SOON, "the arrival of everything accepted", || async {
        let arrived = people.arrived();
        let is_there = |id: &String| arrived.iter().any(|item| item.attempt.starts_with(&id["ver_".len()..]));
        accepted.iter().all(is_there).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_gateway_had_accepted_is_sent() {
    let server = Server::start(&[]).await;
    let mut scene = Scene::of([over(&server.url()), over(&server.url())]);
    // One carrier delivers late, the other answers late: both windows are wide open.
    for (carrier, outcome) in [("sandbox-a", "slow"), ("sandbox-b", "slow_answer")] {
        let row = json!({ "carrier": carrier, "channel": "sms", "outcome": outcome, "delay_ms": 200 });
        scene.gateways[0].outcome(row).await;
    }
    let (fault, accepted) = killed_among_many(&mut scene, 0).await;
    scene.only(1);
    scene.back("gateway killed", fault.clone()).await;
    all_arrive(&scene.people, &accepted).await;
    let took = fault.end.elapsed();
    tell(&format!("another gateway had sent all of it {took:.2?} after the kill"));
    assert!(took < LEASE + Duration::from_secs(5), "{took:?}");

    scene.again(0, false);
    let (fault, accepted) = killed_among_many(&mut scene, 0).await;
    scene.kill(1);
    scene.again(0, true);
    scene.back("gateway killed and started again", fault.clone()).await;
    all_arrive(&scene.people, &accepted).await;
    tell(&format!("started again alone it had sent all of it {:.2?} after the kill", fault.end.elapsed()));
    scene.settles("gateways killed", &server).await;
}

/// The file that Redis appends to.
fn log_of(server: &Server) -> PathBuf {
    let folder = server.command(&["CONFIG", "GET", "dir"]).lines().last().expect("a folder").to_owned();
    PathBuf::from(folder).join("appendonlydir/appendonly.aof.1.incr.aof")
}

/// Kills Redis while people log in, starts it again after a while. If it may lose
/// something, it loses what it wrote in the last second, as its whole machine would.
async fn redis_dies(scene: &mut Scene, server: &mut Server, what: &str) {
    // Guesses that were counted stay counted.
    let guessed = scene.people.start(0).await.0.expect("accepted");
    for n in [4, 3] {
        let (_, _, body) = scene.people.check(n, &guessed, "00000000").await.expect("an answer");
        assert_eq!(body["status"], "pending", "{body}");
    }
    scene.people.more(10, 201).await;
    let log = log_of(server);
    let synced = std::fs::metadata(&log).expect("it appends").len();
    if scene.may_lose {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let begun = Instant::now();
    server.kill();
    if scene.may_lose {
        File::options().write(true).open(&log).and_then(|log| log.set_len(synced)).expect("its log is a file");
    }
    for door in 0..2 {
        let (reply, took) = timed(async { scene.people.start(door).await.1 }).await;
        unavailable(&reply, took);
        let (reply, took) = timed(scene.people.check(door, &guessed, "00000000")).await;
        unavailable(&reply, took);
        becomes_ready(&scene.gateways[door], false).await;
    }
    scene.people.more(10, 503).await;
    server.again().await;
    scene.back(what, begun..Instant::now()).await;
    for n in [2, 1] {
        let (status, _, body) = scene.people.check(n, &guessed, "00000000").await.expect("an answer");
        assert!(status == 200 || scene.may_lose, "{body}");
    }
    let (_, _, last) = scene.people.check(0, &guessed, "00000000").await.expect("an answer");
    assert!(last["type"] == "/problems/max_attempts_reached" || scene.may_lose, "two guesses were forgotten: {last}");
    scene.people.more(10, 201).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_syncs_always_loses_nothing_when_killed() {
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]).await;
    let mut scene = Scene::lively(&server.url()).await;
    redis_dies(&mut scene, &mut server, "Redis killed, always").await;
    scene.settles("Redis killed, always", &server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_redis_that_syncs_every_second_loses_is_counted() {
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "everysec"]).await;
    let mut scene = Scene::lively(&server.url()).await;
    scene.may_lose = true;
    redis_dies(&mut scene, &mut server, "Redis' machine dead, everysec").await;
    scene.settles("Redis' machine dead, everysec", &server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_redis_is_answered_503_and_nothing_is_sent() {
    const PAUSED: Duration = Duration::from_secs(4);
    let server = Server::start(&[]).await;
    let mut scene = Scene::lively(&server.url()).await;
    let open = scene.people.start(0).await.0.expect("accepted");
    let begun = Instant::now();
    server.pause();
    let more = format!("/v1/verifications/{open}/deliveries");
    let (mut slowest, mut asked, mut quiet_since) = (Duration::ZERO, 0, None);
    while begun.elapsed() < PAUSED {
        let people = &scene.people;
        let resend = people.post(1, &more, json!({ "channel": "voice" }));
        let start = async { people.start(0).await.1 };
        let (replies, ready) = tokio::join!(
            async { tokio::join!(timed(start), timed(people.check(1, &open, "00000000")), timed(resend)) },
            timed(scene.gateways[asked % 2].get("/readyz")),
        );
        for (reply, took) in [&replies.0, &replies.1, &replies.2] {
            unavailable(reply, *took);
            slowest = slowest.max(*took);
        }
        assert_eq!(ready.0.status, StatusCode::SERVICE_UNAVAILABLE);
        slowest = slowest.max(ready.1);
        asked += 4;
        // What was with a carrier before the pause may still arrive.
        quiet_since.get_or_insert_with(|| people.arrived().len());
    }
    assert_eq!(Some(scene.people.arrived().len()), quiet_since, "something was sent without limits");
    server.resume();
    tell(&format!("Redis paused: {asked} requests were refused, the slowest after {slowest:.2?}"));
    scene.back("Redis paused", begun..Instant::now()).await;
    for gateway in &scene.gateways {
        becomes_ready(gateway, true).await;
    }
    scene.people.more(10, 201).await;
    scene.settles("Redis paused", &server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_that_redis_forgot_are_sent_again() {
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]).await;
    let mut scene = Scene::lively(&server.url()).await;
    let refused = || server.info("errorstat_NOSCRIPT");
    let before = refused();
    for _ in 0..5 {
        server.command(&["SCRIPT", "FLUSH"]);
        scene.people.more(5, 201).await;
    }
    assert_ne!(refused(), before, "no script was missing");
    assert_eq!(scene.people.answered(Some(503)) + scene.people.answered(None), 0, "nobody noticed");
    let begun = Instant::now();
    server.again().await;
    scene.back("Redis restarted at once", begun..Instant::now()).await;
    scene.people.more(10, 201).await;
    scene.settles("Scripts forgotten", &server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_break_in_the_middle_lose_nothing() {
    let server = Server::start(&[]).await;
    let proxy = Proxy::to(server.port()).await;
    let mut scene = Scene::lively(&proxy.url()).await;
    let begun = Instant::now();
    for _ in 0..5 {
        proxy.cut();
        scene.people.more(3, 201).await;
        proxy.cut_midway(1);
        scene.people.more(3, 201).await;
        proxy.lose_answers(1);
        scene.people.more(3, 201).await;
    }
    scene.back("Connections cut", begun..Instant::now()).await;
    let begun = Instant::now();
    proxy.refuse();
    scene.people.more(8, 503).await;
    proxy.pass();
    scene.back("Connections refused", begun..Instant::now()).await;
    let begun = Instant::now();
    proxy.delay(Duration::from_millis(100));
    scene.people.more(10, 201).await;
    proxy.pass();
    scene.back("Connections slow", begun..Instant::now()).await;
    scene.settles("Connections broken", &server).await;
}
