//! A master dies while two gateways serve: service comes back without a restart, by
//! promotion of a replica, and what that lost is counted.

use std::time::{Duration, Instant};

use otp_gateway::model::RecordId;

use super::servers::{Cluster, Sentinels, Server};
use super::traffic::{Audit, LEASE_SECONDS, Seen, Traffic, by_status, slowest};
use super::{LONG, master_key, shared};
use crate::gateway::{Gateway, SOON, until};

/// Longest wait for an answer that is a refusal: the request's own patience and its last try.
const REFUSAL: Duration = Duration::from_secs(2);
/// What the clock of a test may be late by on a machine that also does other things.
const LATE: Duration = Duration::from_millis(300);

/// Longest wait until Sentinels demote a master that came back: ten seconds, and thirty more
/// where a busy machine put one of them into its TILT mode.
/// <https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/#tilt-mode>
const DEMOTION: Duration = Duration::from_secs(90);

fn two(url: &str, min_replicas_acked: &str) -> Vec<Gateway> {
    let master = master_key();
    let one = |_| {
        shared(url, &master)
            .option("OTP_DELIVERY__LEASE_SECONDS", LEASE_SECONDS)
            .option("OTP_STORE__MIN_REPLICAS_ACKED", min_replicas_acked)
            .start()
    };
    (0..2).map(one).collect()
}

/// Replicas of this server get nothing from now on: what it accepts is lost with it.
fn cut_off(master: &Server) -> Instant {
    let now = Instant::now();
    master.command(&["ACL", "SETUSER", "default", "-psync", "-sync"]);
    master.command(&["CLIENT", "KILL", "TYPE", "replica"]);
    now
}

fn tell(what: &str, back: Duration, audit: &Audit, seen: &[Seen]) {
    println!(
        "{what}: first accepted start {back:?} after the kill; {} starts {:?}, slowest answer {:?}; {} accepted, {} \
         approved, {} lost ({} of them sent), {} approvals lost, {} sent twice",
        seen.len(),
        by_status(seen),
        slowest(seen),
        audit.accepted,
        audit.approved,
        audit.lost.len(),
        audit.lost_but_sent,
        audit.approvals_lost.len(),
        audit.sent_again
    );
    assert!(slowest(seen) < REFUSAL + LATE, "an answer took {:?}", slowest(seen));
    assert!(audit.approved * 10 > (audit.accepted - audit.lost.len()) * 9, "people did not get through");
}

/// Only what the dead master had for itself may be lost: from when it was cut off until its end.
fn lost_only_between(audit: &Audit, cut: Instant, killed: Instant) {
    let within = |at: Instant| at + LATE > cut && at < killed + LATE;
    for one in &audit.lost {
        assert!(within(one.answered), "{one:?} was lost, cut off {cut:?}, killed {killed:?}");
    }
    for one in &audit.approvals_lost {
        assert!(within(one.approved[0]), "the approval of {one:?} was lost, cut off {cut:?}, killed {killed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_promote_and_the_old_master_gets_no_writes_when_it_is_back() {
    let mut servers = Sentinels::start(&["--appendonly", "yes"]).await;
    let traffic = Traffic::begin(two(&servers.url(), "0"));
    let begun = Instant::now();
    traffic.answered(201, begun, 30, "traffic").await;
    // Its replica is usually some microseconds behind, and a kill loses nothing: then this
    // would not show that losses are counted.
    let cut = cut_off(&servers.master);
    traffic.answered(201, cut, 10, "starts that only the master has").await;
    servers.master.kill();
    let killed = Instant::now();
    let back = traffic.back(killed, |_| true).await;

    // It knows nothing of its successor, and is a master until a Sentinel tells it.
    servers.master.again().await;
    let returned = Instant::now();
    assert_eq!(servers.master.info("role"), "master");
    // They must look up who is master.
    servers.replica.command(&["CLIENT", "KILL", "TYPE", "normal"]);
    traffic.answered(201, returned, 60, "starts beside an old master").await;
    assert_eq!(servers.master.info("role"), "master", "it was demoted too early for this test");
    until(DEMOTION, "the demotion", || async { (servers.master.info("role") == "slave").then_some(()) }).await;
    println!("the old master was one for {:?} after it came back", returned.elapsed());
    traffic.answered(201, Instant::now(), 10, "starts after the demotion").await;
    let stats = servers.master.command(&["INFO", "commandstats"]);
    assert!(!stats.contains("cmdstat_eval"), "a gateway used the old master:\n{stats}");

    let (audit, seen) = traffic.end().await;
    tell("Sentinel", back, &audit, &seen);
    lost_only_between(&audit, cut, killed);
    assert!(!audit.lost.is_empty(), "what only the dead master had was lost and not counted");
}

/// A supervisor starts it again at once, before the Sentinels have told each other: it is
/// named and calls itself a master, and takes writes that are lost. That ends when the
/// Sentinels agree, not when they get round to telling it, ten seconds later.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_master_that_is_back_at_once_is_left_soon() {
    let mut servers = Sentinels::start(&["--appendonly", "yes"]).await;
    let traffic = Traffic::begin(two(&servers.url(), "0"));
    traffic.answered(201, Instant::now(), 30, "traffic").await;
    servers.master.kill();
    let killed = Instant::now();
    until(LONG, "the promotion", || async { (servers.replica.info("role") == "master").then_some(()) }).await;
    servers.master.again().await;
    let returned = Instant::now();
    let back = traffic.back(killed, |_| true).await;
    until(DEMOTION, "the demotion", || async { (servers.master.info("role") == "slave").then_some(()) }).await;
    println!("the old master was one for {:?} after it came back", returned.elapsed());
    traffic.answered(201, Instant::now(), 10, "starts after the demotion").await;
    let (audit, seen) = traffic.end().await;
    tell("Sentinel, the old master back at once", back, &audit, &seen);
    lost_only_between(&audit, killed - LATE, returned + Duration::from_secs(4));
}

/// The same loses nothing that was accepted: while no replica has it, it is not. That
/// narrows the loss and does not close it: with more replicas than one, another than the
/// one that has it may be promoted.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_replica_acknowledged_survives_the_promotion() {
    let mut servers = Sentinels::start(&[]).await;
    let traffic = Traffic::begin(two(&servers.url(), "1"));
    traffic.answered(201, Instant::now(), 30, "traffic").await;
    let cut = cut_off(&servers.master);
    traffic.answered(503, cut, 5, "refusals of what no replica has").await;
    servers.master.kill();
    let killed = Instant::now();
    // The new master has no replica: starts go on when it has one again.
    until(LONG, "the promotion", || async { (servers.replica.info("role") == "master").then_some(()) }).await;
    let promoted = killed.elapsed();
    servers.master.again().await;
    let returned = killed.elapsed();
    let back = traffic.back(killed, |_| true).await;
    println!("promoted after {promoted:?}, a replica again from {returned:?} on");
    traffic.answered(201, Instant::now(), 30, "traffic after it").await;
    let (audit, seen) = traffic.end().await;
    tell("Sentinel, min_replicas_acked = 1", back, &audit, &seen);
    assert!(audit.lost.is_empty(), "{:?}", audit.lost);
    assert!(audit.approvals_lost.is_empty(), "{:?}", audit.approvals_lost);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_promotes_for_the_slots_of_a_dead_master() {
    let mut cluster = Cluster::start(true).await;
    let other = |id: &str| cluster.masters[1].command(&["CLUSTER", "KEYSLOT", id]).parse::<u16>().expect("a slot");
    let slots: Vec<u16> = (0..128).map(|partition| other(&format!("{{p{partition}}}"))).collect();
    // The first master's.
    let is_hit = |id: &str| slots[usize::from(id.parse::<RecordId>().expect("an id").partition().0)] <= 5460;
    let traffic = Traffic::begin(two(&cluster.url(), "0"));
    traffic.answered(201, Instant::now(), 40, "traffic").await;
    cluster.masters[0].kill();
    let killed = Instant::now();
    let back = traffic.back(killed, is_hit).await;
    traffic.answered(201, Instant::now(), 60, "traffic after the promotion").await;
    assert_eq!(cluster.replicas[0].info("role"), "master");
    let (audit, seen) = traffic.end().await;
    tell("cluster, its slots", back, &audit, &seen);
    // Its replica was never cut off: only what was on the way.
    lost_only_between(&audit, killed - LATE, killed);
    assert!(audit.lost.iter().all(|one| one.id.as_deref().is_some_and(is_hit)), "{:?}", audit.lost);
}

/// With the last replica gone, the operator's wish cannot be met: no start, no wait.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_replica_that_must_acknowledge_starts_are_refused_soon() {
    let master = Server::start(&["--repl-diskless-sync-delay", "0"]).await;
    let mut replica = Server::start(&[]).await;
    replica.command(&["REPLICAOF", "127.0.0.1", &master.port().to_string()]);
    replica.command(&["CONFIG", "REWRITE"]);
    until(SOON, "a replica in step", || async { (replica.info("master_link_status") == "up").then_some(()) }).await;
    let gateway = shared(&master.url(), &master_key()).option("OTP_STORE__MIN_REPLICAS_ACKED", "1").start();
    let start = async || {
        let (to, begun) = (gateway.number(), Instant::now());
        let answer = gateway.post("/v1/verifications", serde_json::json!({ "to": to })).await;
        (answer.status, begun.elapsed())
    };
    // The replica is in step before its master knows.
    until(SOON, "service with a replica", || async { (start().await.0 == 201).then_some(()) }).await;
    replica.kill();
    let answers = futures_util::future::join_all((0..20).map(|_| start())).await;
    let slowest = answers.iter().map(|(_, took)| *took).max().expect("there are some");
    println!("20 starts at once without the replica: the slowest refusal after {slowest:?}");
    assert!(answers.iter().all(|(status, _)| *status == 503), "{answers:?}");
    assert!(slowest < REFUSAL, "a refusal took {slowest:?}");
    replica.again().await;
    let begun = Instant::now();
    until(SOON, "service with the replica", || async { (start().await.0 == 201).then_some(()) }).await;
    println!("service {:?} after the replica answered again", begun.elapsed());
}
