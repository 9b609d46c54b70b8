//! What a store may hold that nobody put there on purpose: damage, foreign entries, and
//! times of a server whose clock was ahead.

use std::time::Duration;

use otp_gateway::model::SECOND;
use otp_gateway::store::{Started, Store};

use super::made::{Maker, claim, jobs_key, lease, open, open_limits, raw, record_key};
use super::servers::Server;
use crate::gateway::{SOON, until};

async fn set(raw: &mut ::redis::aio::MultiplexedConnection, words: &[&str]) {
    let mut command = ::redis::cmd(words[0]);
    words[1..].iter().for_each(|word| {
        command.arg(*word);
    });
    command.exec_async(raw).await.expect("Redis is there");
}

/// A verification whose first owner is gone at once.
async fn orphan(store: &Store, maker: &Maker) -> otp_gateway::model::RecordId {
    let record = maker.verification(&maker.number(), 600 * SECOND);
    let id = record.id;
    let started = store.numbers.start(maker.start(record, open_limits(), 1)).await.unwrap();
    assert!(matches!(started, Started::Created(_)));
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_and_foreign_entries_hold_up_nobody() {
    let server = Server::start(&[]).await;
    let (store, maker, mut raw) = (open(&server.url()).await, Maker::new(), raw(&server.url()).await);
    let (damaged, fine) = (orphan(&store, &maker).await, orphan(&store, &maker).await);
    // A record that is a list, and no record.
    set(&mut raw, &["SET", &record_key(damaged), "\u{1}"]).await;
    for partition in 0..128 {
        set(&mut raw, &["ZADD", &format!("otp:{{p{partition}}}:jobs"), "1", "no id of ours"]).await;
    }
    let taken = until(SOON, "the job of the whole record", || async {
        claim(&store, lease(0).token, 60 * SECOND).await.into_iter().next()
    })
    .await;
    assert_eq!(taken.record.id, fine);
    // The damaged one is left for a person, and looked at again in a day.
    let due: f64 =
        ::redis::cmd("ZSCORE").arg(jobs_key(damaged)).arg(damaged.to_string()).query_async(&mut raw).await.unwrap();
    let due_fine: f64 =
        ::redis::cmd("ZSCORE").arg(jobs_key(fine)).arg(fine.to_string()).query_async(&mut raw).await.unwrap();
    assert!(due - due_fine > 23.0 * 3_600_000.0, "{due} {due_fine}");
    assert!(store.numbers.read(damaged).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_ahead_stops_no_carrier_and_keeps_no_dead_gateway() {
    let server = Server::start(&[]).await;
    let (store, mut raw) = (open(&server.url()).await, raw(&server.url()).await);
    // As a server an hour ahead would have left them.
    let (seconds, _): (u64, u64) = ::redis::cmd("TIME").query_async(&mut raw).await.unwrap();
    let ahead = seconds + 3_600;
    set(&mut raw, &["SET", "otp:pace:acme", &format!("{ahead}000000")]).await;
    set(&mut raw, &["ZADD", "otp:fleet", &format!("{ahead}000"), "a gateway of then"]).await;

    let turn = store.fleet.turn("acme", "5/1s".parse().unwrap());
    tokio::time::timeout(Duration::from_secs(2), turn).await.expect("a turn soon").unwrap();
    assert_eq!(store.fleet.beat().await.unwrap().alive, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_comes_back_empty_gets_its_facts_again() {
    let server = Server::start(&[]).await;
    let store = open(&server.url()).await;
    let keys = store.facts.set_once("wrapped_keys", b"one".to_vec()).await.unwrap();
    store.fleet.beat().await.unwrap();
    server.command(&["FLUSHALL"]);
    assert_eq!(store.facts.fact("wrapped_keys").await.unwrap(), None);
    store.fleet.beat().await.unwrap();
    assert_eq!(store.facts.fact("wrapped_keys").await.unwrap(), Some(keys));
    // Another gateway does not make its own now.
    let other = open(&server.url()).await;
    assert_eq!(other.facts.set_once("wrapped_keys", b"two".to_vec()).await.unwrap(), b"one");
}
