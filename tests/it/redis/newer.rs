//! While gateways of two versions share a store: what the newer one wrote is left
//! alone by the older one, and is not lost.

use std::time::{Duration, Instant};

use otp_gateway::clock::Clock;
use otp_gateway::model::{AskedBy, Channel, Digest, RecordId};
use otp_gateway::store::redis::Redis;
use otp_gateway::store::{
    Begin, Begun, Cancel, Check, Memo, Moved, Renew, Resend, Settle, Settled, Start, Started, Store, StoreError,
};

use super::made::{Maker, claim, jobs_key, lease, open, open_limits, raw, stored};
use super::options;
use super::servers::Server;
use crate::gateway::{SOON, until};

/// Replaces what must be there.
fn swap(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "no {old:?} in a script");
    text.replacen(old, new, 1)
}

/// The scripts of a version 3: records, numbers and kept answers are stored with a 3.
/// The Rust side of version 3 would read that; ours stands in for it, so the scripts
/// take it off again before they use or answer it.
fn version_3(_: &str, text: String) -> String {
    let text =
        swap(&text, "local VERSION, PLAIN, WITH_SENDERS = 2, 1, 2", "local VERSION, PLAIN, WITH_SENDERS = 3, 3, 3");
    let text = swap(&text, "  return value\nend", "  value[value.v and 'v' or 1] = 1\n  return value\nend");
    let set = |what: &str| format!("  local raw = pack_{what}({what})\n  redis.call('SET', key, raw,");
    let both = |what: &str| {
        format!(
            "  {what}.v = VERSION\n  local new = pack_{what}({what})\n  {what}.v = 1\n  \
             local raw = pack_{what}({what})\n  redis.call('SET', key, new,"
        )
    };
    let text = swap(&text, &set("record"), &both("record"));
    swap(&text, &set("number"), &both("number"))
}

/// Everything that version 1 may try with a record, its number and its kept answer.
async fn all_newer(old: &Store, start: &Start, memo: Memo, token: Digest) {
    let (id, to) = (start.record.id, &start.record.to);
    let (tenant, numbers) = (start.record.tenant.clone(), &old.numbers);
    let code_hash = start.record.code_hash.unwrap();
    let mut refused: Vec<(&str, Option<StoreError>)> = Vec::new();
    refused.push(("read", numbers.read(id).await.err()));
    refused.push(("get", numbers.get(id, &tenant).await.err()));
    refused.push(("find", numbers.find_open(&tenant, to, Digest([1; 16])).await.err()));
    refused.push(("recall", numbers.recall(to.partition, &memo).await.err()));
    let check = Check { id, tenant: tenant.clone(), code_hash, memo: None };
    refused.push(("check", numbers.check(check).await.err()));
    let resend = Resend {
        id,
        tenant: tenant.clone(),
        channel: Channel::Sms,
        asked_by: AskedBy::Person,
        limits: open_limits(),
        lease: lease(1_000),
        new_code: None,
        memo: None,
    };
    refused.push(("resend", numbers.resend(resend).await.err()));
    refused.push(("cancel", numbers.cancel(Cancel { id, tenant }).await.err()));
    refused.push(("renew", numbers.renew(Renew { id: id.delivery(1), lease: lease(1_000) }).await.err()));
    let begin = Begin { id: id.delivery(1), token, carrier: "sandbox".into(), reason: "a test".into(), sender: None };
    refused.push(("begin", numbers.begin(begin).await.err()));
    let settle = Settle { id: id.delivery(1).attempt(1), token, moved: submitted() };
    refused.push(("settle", numbers.settle(settle).await.err()));
    // A start that has nothing in common with it but the number.
    let mut other = start.clone();
    (other.record.id, other.lease, other.memo) = (another_id(id), lease(1_000), None);
    refused.push(("start", numbers.start(other).await.err()));
    for (what, error) in refused {
        assert_eq!(error, Some(StoreError::Newer), "{what}");
    }
}

fn submitted() -> Moved {
    Moved::Submitted { reference: None, keep_lease: false }
}

async fn values(raw: &mut ::redis::aio::MultiplexedConnection, keys: &[&str]) -> Vec<Vec<u8>> {
    ::redis::cmd("MGET").arg(keys).query_async(raw).await.expect("Redis is there")
}

fn another_id(id: RecordId) -> RecordId {
    RecordId::new(id.kind(), id.partition(), otp_gateway::seal::random())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_newer_version_wrote_is_left_alone_and_not_lost() {
    let server = Server::start(&[]).await;
    let (old, maker) = (open(&server.url()).await, Maker::new());
    let new = Redis::open_with(&options(&server.url(), "otp:"), &Clock::followed(), &version_3).await.unwrap();
    let mut raw = raw(&server.url()).await;
    let memo = Memo { key: lease(0).token, fingerprint: lease(0).token, keep_ms: 60_000 };
    let mut record = maker.verification(&maker.number(), 600_000);
    record.subject = Some(Digest([1; 16]));
    let id = record.id;
    // Its first owner dies with the lease.
    let start = Start { memo: Some(memo), ..maker.start(record, open_limits(), 100) };
    assert!(matches!(new.numbers.start(start.clone()).await.unwrap(), Started::Created(_)));
    assert_eq!(old.numbers.read(id).await, Err(StoreError::Newer), "version 3 writes a 3");

    // Its record, its number and its kept answer.
    let keys = server.command(&["KEYS", "otp:{p*"]);
    let keys: Vec<&str> = keys.lines().filter(|key| !key.ends_with(":jobs")).collect();
    assert_eq!(keys.len(), 3, "{keys:?}");
    let before = values(&mut raw, &keys).await;
    all_newer(&old, &start, memo, start.lease.token).await;
    // Its own work goes on: another number, whose jobs lie in the same partition.
    let mut near = maker.verification(&maker.number(), 600_000);
    (near.id, near.to.partition) = (another_id(id), id.partition());
    old.numbers.start(maker.start(near.clone(), open_limits(), 100)).await.unwrap();
    let taken = until(SOON, "version 1's own job", || async {
        let claimed = claim(&old, lease(0).token, 60_000).await;
        claimed.into_iter().next()
    })
    .await;
    assert_eq!(taken.record.id, near.id);
    assert!(values(&mut raw, &keys).await == before, "version 1 left every byte");
    let (_, due, lives) = stored(&mut raw, id).await;
    assert!(due.is_some(), "it is still in the schedule {}", jobs_key(id));
    assert!(lives > 0);

    // Version 1 goes on looking; version 3 gets the job all the same.
    let (begun, token) = (Instant::now(), lease(0).token);
    let goes_on = async {
        loop {
            assert_eq!(claim(&old, lease(0).token, 60_000).await, []);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let gets = until(Duration::from_secs(60), "version 3's claim", || async {
        claim(&new, token, 60_000).await.into_iter().find(|claimed| claimed.record.id == id)
    });
    let taken = tokio::select! { () = goes_on => unreachable!("it has no end"), taken = gets => taken };
    let waited = begun.elapsed();
    let begin =
        Begin { id: id.delivery(taken.n), token, carrier: "sandbox".into(), reason: "a test".into(), sender: None };
    let Begun::Attempt(attempt) = new.numbers.begin(begin).await.unwrap() else { panic!("version 3 holds it") };
    let settled = new.numbers.settle(Settle { id: attempt, token, moved: submitted() }).await.unwrap();
    assert!(matches!(settled, Settled::Done(_)));
    println!("version 3's job waited {waited:?} more beside a version 1 that looks as often, and was done");
}
