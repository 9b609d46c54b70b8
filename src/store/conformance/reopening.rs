//! What only a store with a file can promise: it is all there when the file is
//! opened again, leases are not, and what a newer version wrote is left alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;

use super::failure::{Told, Wrong, expected, holds, same};
use super::make;
use super::tests::{One, folder};
use super::world::World;
use crate::clock::Clock;
use crate::model::{Cause, Channel, DeliveryState, HOUR, LimitName, LimitSpec, MINUTE, RecordId, Status};
use crate::store::embedded::Embedded;
use crate::store::{
    Begun, Checked, Claim, Lease, Memo, Moved, Next, Progress, Recall, Record, Renewed, Resend, Resent, Start, Started,
    StoreError, Take, Taking,
};

/// A world in the file as it stands.
async fn open(path: &Path, clock: &Clock) -> Told<World> {
    world(path, clock, "before").await
}

async fn world(path: &Path, clock: &Clock, name: &str) -> Told<World> {
    let store = Embedded::open(path, clock.clone())?;
    World::new(Arc::new(One { store, clock: clock.clone() }), name).await
}

/// Closes the file and opens it again, with the same people and numbers.
async fn reopened(w: World, path: &Path, clock: &Clock) -> Told<World> {
    let World { tenant, stranger, number, neighbour, .. } = w;
    drop(w.store);
    drop(w.harness);
    let mut w = world(path, clock, "after").await?;
    (w.tenant, w.stranger, w.number, w.neighbour) = (tenant, stranger, number, neighbour);
    Ok(w)
}

fn file() -> (tempfile::TempDir, PathBuf, Clock) {
    let folder = folder();
    let path = folder.path().join("store");
    (folder, path, Clock::manual(1_700_000_000_000))
}

fn told(told: Told) {
    if let Err(wrong) = told {
        panic!("expected {}\nseen {}", wrong.expected, wrong.seen);
    }
}

fn sql<T>(path: &Path, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Told<T> {
    Connection::open(path).and_then(|conn| work(&conn)).map_err(|error| Wrong::new("SQL runs", &error))
}

/// A record's row as it stands in the file.
fn row(path: &Path, id: RecordId) -> Told<String> {
    sql(path, |conn| conn.query_row("SELECT body FROM record WHERE id = ?", [id.to_string()], |row| row.get(0)))
}

async fn everything_is_kept() -> Told {
    let (_folder, path, clock) = file();
    let w = open(&path, &clock).await?;
    let (tenant, subject, memo) = (w.tenant.clone(), w.token(), w.draw(|random| make::memo(random, HOUR)));
    let takes = vec![Take { limit: LimitName::Country, key: w.token(), spec: LimitSpec { count: 1, per_ms: HOUR } }];
    expected!(w.store.limits.take(takes.clone()).await?, Taking::Taken(_));
    w.store.facts.set("keys", vec![1, 2]).await?;
    let limits = w.limits(|limits| limits.sms_interval_ms = HOUR);
    let start = Start {
        memo: Some(memo),
        limits: limits.clone(),
        ..w.start_with(|record| (record.subject, record.max_wrong) = (Some(subject), 2))
    };
    let made = w.created(start).await?;
    let id = made.record.id;
    expected!(w.check(id, 4).await?, Checked::Wrong(_));
    let failed = w.start_for(&w.tenant, &w.neighbour);
    let (failed, code) = (failed.record.id, w.created(failed).await?.record.max_wrong);
    for _ in 0..code {
        w.check(failed, 4).await?;
    }
    let before = [w.get(id).await?, w.get(failed).await?];
    let answer = w.store.numbers.recall(w.number.partition, &memo).await?;
    expected!(&answer, Recall::Kept(_));

    let w = reopened(w, &path, &clock).await?;
    for view in before {
        let after = w.get_for(&tenant, view.record.id).await?;
        same("usage", &after.usage, &view.usage)?;
        let mut record = after.record;
        // Leases are the one thing that is not kept.
        record
            .deliveries
            .iter_mut()
            .zip(&view.record.deliveries)
            .for_each(|(after, before)| after.lease = before.lease);
        same("record", record, view.record)?;
    }
    same("memo", w.store.numbers.recall(w.number.partition, &memo).await?, answer)?;
    let other = Memo { fingerprint: w.token(), ..memo };
    same("memo", w.store.numbers.recall(w.number.partition, &other).await?, Recall::OtherBody)?;
    same("fact", w.store.facts.fact("keys").await?, Some(vec![1, 2]))?;
    expected!(w.store.limits.take(takes).await?, Taking::Refused(_));
    same("open", w.store.numbers.find_open(&w.tenant, &w.number, subject).await?, Some(id))?;
    let again = Start { limits, ..w.start_with(|record| record.subject = Some(subject)) };
    expected!(w.store.numbers.start(again).await?, Started::JoinedWaiting(..));
    same("a second wrong one", w.check(id, 5).await?, Checked::Ended(Status::MaxAttemptsReached))
}

#[tokio::test]
async fn everything_is_there_again() {
    told(everything_is_kept().await);
}

async fn no_lease_is_kept() -> Told {
    let (_folder, path, clock) = file();
    let w = open(&path, &clock).await?;
    let queued = w.start();
    let (queued, token) = (queued.record.id.delivery(1), w.created(queued).await?.record.deliveries[0].lease);
    let token = expected!(token, Some(held) => held.token);
    w.begun(queued, token).await?;
    let (call, ringing, _) = w.submitted(Channel::Voice, true).await?;
    w.moved(ringing, Progress::Ringing).await?;
    let (sms, ..) = w.submitted(Channel::Sms, false).await?;
    let (_, failed, _) = w.submitted(Channel::Sms, false).await?;
    let failed = w.moved(failed, Progress::Failed(Cause::NoReceipt)).await?;
    let later = w.start();
    let (later, held) = (later.record.id.delivery(1), later.lease.token);
    w.created(Start { lease: Lease { token: held, ms: MINUTE }, ..w.start_with(|record| record.id = later.record) })
        .await?;
    same("nothing is free", w.claim(100).await?.1.len(), 0)?;

    clock.advance(10);
    let w = reopened(w, &path, &clock).await?;
    let now = w.now().await?;
    same("its holder is gone", w.renew(queued, token, MINUTE).await?, Renewed::Lost)?;
    same("its holder is gone", w.begin(queued, token).await?, Begun::Lost)?;
    let record = w.get(queued.record).await?.record;
    same("due at once", (record.deliveries[0].lease, record.deliveries[0].due), (None, Some(now)))?;
    same("a live call's state", w.get(call.id).await?.record.deliveries[0].state, DeliveryState::Ringing)?;
    same("with a carrier", w.get(sms.id).await?.record, sms)?;
    same("ended", w.get(failed.id).await?.record, failed)?;
    let lease = Lease { token: w.token(), ms: MINUTE };
    let mut claimed: Vec<_> = w.store.numbers.claim(Claim { lease, limit: 100 }).await?;
    claimed.sort_by_key(|claimed| claimed.record.id);
    let mut all = [queued, call.id.delivery(1), later];
    all.sort();
    same("all that runs", claimed.iter().map(|c| c.record.id.delivery(c.n)).collect(), all.to_vec())?;
    same("nothing else", w.store.numbers.claim(Claim { lease, limit: 100 }).await?.len(), 0)
}

#[tokio::test]
async fn leases_end_with_the_process() {
    told(no_lease_is_kept().await);
}

async fn a_schedule_is_kept() -> Told {
    let (_folder, path, clock) = file();
    let w = open(&path, &clock).await?;
    let start = w.start();
    let (id, token) = (start.record.id.delivery(1), start.lease.token);
    w.created(start).await?;
    let attempt = w.begun(id, token).await?;
    let record = w.settled(attempt, token, Moved::Unknown(Next::Later(MINUTE))).await?;
    let wake = w.store.numbers.next_wake().await?;
    let w = reopened(w, &path, &clock).await?;
    same("record", w.get(id.record).await?.record, record)?;
    same("next wake", w.store.numbers.next_wake().await?, wake)?;
    same("not yet", w.claim(100).await?.1, vec![])?;
    clock.advance(MINUTE);
    same("due", w.claim(100).await?.1, vec![id])
}

#[tokio::test]
async fn what_waits_goes_on_waiting() {
    told(a_schedule_is_kept().await);
}

async fn a_newer_file_is_refused() -> Told {
    let (_folder, path, clock) = file();
    drop(open(&path, &clock).await?);
    sql(&path, |conn| conn.pragma_update(None, "user_version", 2))?;
    let bytes = std::fs::read(&path).map_err(|error| Wrong::new("the file reads", &error))?;
    expected!(Embedded::open(&path, clock.clone()).err(), Some(StoreError::Unreadable(_)));
    let after = std::fs::read(&path).map_err(|error| Wrong::new("the file reads", &error))?;
    holds("the file is as it was", bytes == after, &after.len())
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_left_alone() {
    told(a_newer_file_is_refused().await);
}

async fn a_newer_record_is_left() -> Told {
    let (_folder, path, clock) = file();
    let w = open(&path, &clock).await?;
    let (record, token) = (w.lives(HOUR).await?.record, w.token());
    let (id, ours) = (record.id, w.created(w.start_for(&w.tenant, &w.neighbour)).await?.record.id);
    let newer = row(&path, id)?.replacen("\"v\":1", "\"v\":2,\"later\":{\"a\":[1]}", 1);
    sql(&path, |conn| conn.execute("UPDATE record SET body = ? WHERE id = ?", [newer.clone(), id.to_string()]))?;

    let w = reopened(w, &path, &clock).await?;
    let (numbers, delivery) = (&w.store.numbers, id.delivery(1));
    same("get", numbers.get(id, &w.tenant).await.err(), Some(StoreError::Newer))?;
    same("check", numbers.check(w.try_code(id, 0)).await.err(), Some(StoreError::Newer))?;
    same("resend", numbers.resend(w.resend(id)).await.err(), Some(StoreError::Newer))?;
    let renew = crate::store::Renew { id: delivery, lease: Lease { token, ms: MINUTE } };
    same("renew", numbers.renew(renew).await.err(), Some(StoreError::Newer))?;
    same("claimed", w.claim(100).await?.1, vec![ours.delivery(1)])?;
    clock.advance(2 * HOUR);
    same("claimed", w.claim(100).await?.1, vec![])?;
    same("ours expires", w.get(ours).await?.record.status, Status::Expired)?;
    reopened(w, &path, &clock).await?;
    same("theirs is as it was", row(&path, id)?, newer)
}

#[tokio::test]
async fn a_record_of_a_newer_version_is_left_alone() {
    told(a_newer_record_is_left().await);
}

/// A record as another connection finds it on disk.
fn committed(path: &Path, id: RecordId) -> Told<Record> {
    serde_json::from_str(&row(path, id)?).map_err(|error| Wrong::new("a record", &error))
}

async fn answers_follow_commits() -> Told {
    let (_folder, path, clock) = file();
    let w = open(&path, &clock).await?;
    for _ in 0..20 {
        let (a, b) = (w.start(), w.start_for(&w.stranger, &w.neighbour));
        // Two at once share a commit; each answer comes after it.
        let told = async |start: Start| {
            let view = w.created(start).await?;
            same("on disk", committed(&path, view.record.id)?, view.record)
        };
        let (first, second) = tokio::join!(told(a), told(b));
        first.and(second)?;
    }
    let id = w.created(w.start()).await?.record.id;
    expected!(w.store.numbers.resend(Resend { ..w.resend(id) }).await?, Resent::Queued(_));
    same("on disk", committed(&path, id)?.deliveries.len(), 2)
}

#[tokio::test]
async fn an_answer_comes_after_its_commit() {
    told(answers_follow_commits().await);
}
