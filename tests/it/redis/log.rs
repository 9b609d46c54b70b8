//! What the log of attempts costs in Redis, and what works when that is full.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use otp_gateway::clock::Clock;
use otp_gateway::model::{Cause, Channel, HOUR, MINUTE};
use otp_gateway::seal::token;
use otp_gateway::store::{LogEntry, Store, StoreError, Switch, TALLY_MS};

use super::made::{Maker, open};
use super::memory::used_at_rest;
use super::servers::Server;

/// So many attempts to each of so many numbers, submitted and reported.
async fn log(store: &Store, maker: &Maker, numbers: usize, each: usize) {
    let logs = (0..numbers).map(|_| async {
        let to = maker.number();
        for _ in 0..each {
            let sent = maker.logged(maker.verification(&to, HOUR).id, &to, Clock::System.now());
            let report = maker.reported(&sent);
            store.archive.log(vec![LogEntry::Submitted(sent)], HOUR).await.unwrap();
            store.archive.log(vec![LogEntry::Reported(report)], HOUR).await.unwrap();
        }
        let all = store.archive.attempts(to.partition, to.hash, 99).await.unwrap();
        assert_eq!(all.iter().filter(|one| one.reported.is_some()).count(), each);
    });
    stream::iter(logs).buffer_unordered(32).collect::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_costs_at_most_450_bytes() {
    const NUMBERS: usize = 5_000;
    let mut told = Vec::new();
    for each in [1, 4] {
        let server = Server::start(&[]).await;
        let (store, maker) = (open(&server.url()).await, Maker::new());
        log(&store, &maker, 1, each).await;
        let floor = used_at_rest(&server).await;
        log(&store, &maker, NUMBERS, each).await;
        let bytes = (used_at_rest(&server).await - floor) as f64 / (NUMBERS * each) as f64;
        println!("{each} attempts to a number: {bytes:.0} bytes of Redis for each, with its report");
        told.push(bytes);
    }
    assert!(told[0] <= 450.0 && told[1] <= told[0], "{told:?} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_ended_leaves_a_log_that_is_still_written() {
    let server = Server::start(&[]).await;
    let (store, maker) = (open(&server.url()).await, Maker::new());
    let (to, now) = (maker.number(), Clock::System.now());
    let entry = || LogEntry::Submitted(maker.logged(maker.verification(&to, HOUR).id, &to, now));
    store.archive.log(vec![entry()], HOUR).await.unwrap();
    let key = server.command(&["KEYS", "otp:{p*}:a:*"]);
    let one = server.command(&["STRLEN", &key]);
    store.archive.log((0..50).map(|_| entry()).collect(), 100).await.unwrap();
    assert_ne!(server.command(&["STRLEN", &key]), one);
    tokio::time::sleep(Duration::from_millis(150)).await;
    store.archive.log(vec![entry()], HOUR).await.unwrap();
    let two: usize = server.command(&["STRLEN", &key]).parse().unwrap();
    assert!(two < 2 * one.parse::<usize>().unwrap(), "{two} bytes for two entries, {one} for one");
    // However much is sent, a log ends somewhere.
    for _ in 0..6 {
        store.archive.log((0..250).map(|_| entry()).collect(), HOUR).await.unwrap();
    }
    assert_eq!(store.archive.attempts(to.partition, to.hash, 9_999).await.unwrap().len(), 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_of_two_days_are_summed() {
    let server = Server::start(&[]).await;
    let store = open(&server.url()).await;
    store.archive.tally(vec![("sent".into(), 1)]).await.unwrap();
    let now = Clock::System.now();
    for ago in [1, 6, 200, 293, 296] {
        let key = format!("otp:tally:{{{}}}", now / TALLY_MS - ago);
        server.command(&["HSET", &key, "sent", "10", "failed", "1"]);
    }
    let since = async |ago: u64| store.archive.tallies(now - ago * TALLY_MS).await.unwrap();
    assert_eq!(since(0).await.get("sent"), Some(&1));
    assert_eq!(since(6).await.get("sent"), Some(&21));
    let all = since(400).await;
    assert_eq!((all.get("sent"), all.get("failed")), (Some(&41), Some(&4)), "49 hours at most");
    server.command(&["HSET", &format!("otp:tally:{{{}}}", now / TALLY_MS - 1), "sent", "many"]);
    assert!(matches!(store.archive.tallies(now - TALLY_MS).await, Err(StoreError::Unreadable(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_redis_logs_nothing_and_still_finds_attempts() {
    let server = Server::start(&["--maxmemory-policy", "noeviction"]).await;
    let (store, maker) = (open(&server.url()).await, Maker::new());
    let to = maker.number();
    let sent = maker.logged(maker.verification(&to, HOUR).id, &to, Clock::System.now());
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    let (archive, consents, fleet, name) = (&store.archive, &store.consents, &store.fleet, token());
    assert_eq!(archive.log(vec![LogEntry::Submitted(sent.clone())], HOUR).await, Err(StoreError::Full));
    assert_eq!(archive.tally(vec![("sent".into(), 1)]).await, Err(StoreError::Full));

    assert_eq!(archive.find(name, Some((vec![7], MINUTE))).await, Ok(None));
    assert_eq!(archive.index(name, sent.id, HOUR).await, Ok(vec![vec![7]]));
    assert_eq!(archive.find(name, None).await, Ok(Some(sent.id)));
    assert_eq!(archive.attempts(to.partition, to.hash, 9).await, Ok(vec![]));
    assert_eq!(archive.tallies(0).await.map(|sums| sums.len()), Ok(0));
    assert_eq!(consents.opt_out(to.partition, to.hash, vec![maker.tenant.clone()], Channel::Sms).await, Ok(()));
    assert_eq!(consents.opted_out(to.partition, to.hash).await.map(|all| all.len()), Ok(1));
    assert_eq!(consents.opt_in(to.partition, to.hash, None, Channel::Sms).await, Ok(1));
    let open = Switch { until: Clock::System.now() + HOUR, strikes: 1, cause: Cause::RateLimited };
    assert_eq!(fleet.switch("acme", Some(open)).await, Ok(()));
    assert_eq!(fleet.switches().await.map(|all| all.get("acme").copied()), Ok(Some(open)));
    assert_eq!(fleet.only_one("report", HOUR).await, Ok(true));

    server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(archive.log(vec![LogEntry::Submitted(sent)], HOUR).await, Ok(()));
    assert_eq!(archive.attempts(to.partition, to.hash, 9).await.map(|all| all.len()), Ok(1));
}
