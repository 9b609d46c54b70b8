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
    Begun, Checked, Claim, Lease, LogEntry, Memo, Moved, Next, Progress, Recall, Receive, Received, Record, Renewed,
    Reported, Resend, Resent, Start, Started, StoreError, Take, Taking, Then,
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

/// An SMS that its carrier gave back, in the hands of a worker that dies before it begins,
/// while it submits, or not knowing what became of that.
async fn what_another_should_have_is_due() -> Told {
    let (_folder, path, clock) = file();
    let w = open(&path, &clock).await?;
    let mut all = Vec::new();
    for begins in [false, true, true] {
        let (_, first, _) = w.submitted(Channel::Sms, false).await?;
        let failed = w.receipt(first, Progress::Failed(Cause::CarrierFiltered));
        expected!(w.store.numbers.receive(Receive { then: Then::Another, ..failed }).await?, Received::Moved(_));
        let (token, claimed) = w.claim(100).await?;
        same("claimed", claimed, vec![first.delivery])?;
        if begins {
            let second = w.begun(first.delivery, token).await?;
            if all.len() == 2 {
                w.settled(second, token, Moved::Unknown(Next::Another)).await?;
            }
        }
        all.push(first.delivery);
    }
    let (taken, held, _) = w.submitted(Channel::Sms, true).await?;
    let w = reopened(w, &path, &clock).await?;
    let mut claimed = w.claim(100).await?.1;
    claimed.sort();
    all.sort();
    same("due at once", claimed, all)?;
    let awaits = &w.get(taken.id).await?.record.deliveries[usize::from(held.delivery.n) - 1];
    same("what a carrier has", (awaits.state, awaits.lease, awaits.due), (DeliveryState::Submitted, None, None))
}

#[tokio::test]
async fn what_another_carrier_should_have_is_due_after_a_restart() {
    told(what_another_should_have_is_due().await);
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
    sql(&path, |conn| conn.pragma_update(None, "user_version", 1_000))?;
    let bytes = std::fs::read(&path).map_err(|error| Wrong::new("the file reads", &error))?;
    expected!(Embedded::open(&path, clock.clone()).err(), Some(StoreError::Unreadable(_)));
    let after = std::fs::read(&path).map_err(|error| Wrong::new("the file reads", &error))?;
    holds("the file is as it was", bytes == after, &after.len())
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_left_alone() {
    told(a_newer_file_is_refused().await);
}

/// A record as the gateway wrote it when files had version 1.
const OLD_RECORD: &str = r##"{"v":1,"id":"ver_00001240g2081040g2081040g2","tenant":"shop","to":{"partition":1,
"hash":"AQEBAQEBAQEBAQEBAQEBAQ","sealed":"AgI","masked":"+81********78","country":"JP","kind":"mobile",
"network":{"guessed":"JP/Docomo"}},"status":"pending","created":1700000000000,"expires":1700000600000,"locale":"en",
"secret":"AwM","code_hash":"BAQEBAQEBAQEBAQEBAQEBA","wrong":1,"max_wrong":5,"deliveries":[{"channel":"sms",
"asked_by":"person","state":"submitted","created":1700000000000,"changed":1700000000100,"retries":0,"attempts":[
{"carrier":"sandbox-a","state":"submitted","reason":"drawn by weight","started":1700000000050,
"changed":1700000000100,"reference":"sbx_1"}]}]}"##;

async fn an_older_file_goes_on() -> Told {
    let (_folder, path, clock) = file();
    let id: RecordId = serde_json::from_str::<Record>(OLD_RECORD).map_err(|error| Wrong::new("a record", &error))?.id;
    sql(&path, |conn| {
        conn.execute_batch(include_str!("../embedded/tables/1.sql"))?;
        conn.pragma_update(None, "user_version", 1)?;
        let row = (id.to_string(), OLD_RECORD, 1_700_086_400_000_i64);
        conn.execute("INSERT INTO record (id, body, purge_at) VALUES (?, ?, ?)", row)?;
        conn.execute("INSERT INTO fact (name, value) VALUES ('keys', x'0102')", [])
    })?;
    let version = || sql(&path, |conn| conn.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)));
    // A table that is in the way: nothing of the file changes.
    sql(&path, |conn| conn.execute_batch("CREATE TABLE opt_out (it INTEGER)"))?;
    expected!(Embedded::open(&path, clock.clone()).err(), Some(StoreError::Away(_)));
    same("still the old one", version()?, 1)?;
    let tables = "SELECT count(*) FROM sqlite_master WHERE name IN ('attempt', 'reference', 'parked', 'tally')";
    same("without new tables", sql(&path, |conn| conn.query_row(tables, [], |row| row.get::<_, i64>(0)))?, 0)?;
    sql(&path, |conn| conn.execute_batch("DROP TABLE opt_out"))?;

    let mut w = open(&path, &clock).await?;
    w.tenant = crate::model::TenantId("shop".into());
    same("the version", version()?, 2)?;
    same("a fact", w.store.facts.fact("keys").await?, Some(vec![1, 2]))?;
    let record = w.get(id).await?.record;
    same("the record", &record, &serde_json::from_str(OLD_RECORD).map_err(|error| Wrong::new("it", &error))?)?;
    same("no sender", record.deliveries[0].attempts[0].sender.clone(), None)?;
    w.moved(id.delivery(1).attempt(1), Progress::Delivered).await?;
    let (partition, number) = (record.to.partition, record.to.hash);
    w.store.consents.opt_out(partition, number, vec![w.tenant.clone()], Channel::Sms).await?;

    let w = reopened(w, &path, &clock).await?;
    same("it is kept", w.get(id).await?.record.deliveries[0].state, DeliveryState::Delivered)?;
    same("and what is new", w.store.consents.opted_out(partition, number).await?.len(), 1)
}

#[tokio::test]
async fn a_file_of_the_version_before_goes_on() {
    told(an_older_file_goes_on().await);
}

async fn rows_end_by_themselves() -> Told {
    let (_folder, path, clock) = file();
    let w = open(&path, &clock).await?;
    let (id, name, archive) = (w.lives(HOUR).await?.record.id.delivery(1).attempt(1), w.token(), &w.store.archive);
    let number = w.number.hash;
    let report = |id| {
        let (state, at) = (crate::model::AttemptState::Delivered, 1);
        LogEntry::Reported(Reported {
            id,
            number,
            state,
            cause: None,
            code: None,
            reference: None,
            network: None,
            price: None,
            at,
        })
    };
    archive.log(vec![report(id)], HOUR).await?;
    archive.index(name, id, HOUR).await?;
    archive.find(w.token(), Some((vec![1], HOUR))).await?;
    archive.tally(vec![("sent".into(), 1)]).await?;
    let rows = || {
        let all = ["attempt", "reference", "parked", "tally"].map(|table| format!("(SELECT count(*) FROM {table})"));
        sql(&path, |conn| conn.query_row(&format!("SELECT {}", all.join(" + ")), [], |row| row.get::<_, i64>(0)))
    };
    same("one in each", rows()?, 4)?;
    clock.advance(50 * HOUR);
    // Whatever is done next removes them with its own transaction.
    w.store.facts.ping().await?;
    same("none", rows()?, 0)
}

#[tokio::test]
async fn what_has_ended_is_removed_from_the_file() {
    told(rows_end_by_themselves().await);
}

async fn a_newer_record_is_left() -> Told {
    let (_folder, path, clock) = file();
    let w = open(&path, &clock).await?;
    let (record, token) = (w.lives(HOUR).await?.record, w.token());
    let (id, ours) = (record.id, w.created(w.start_for(&w.tenant, &w.neighbour)).await?.record.id);
    let newer = row(&path, id)?.replacen("\"v\":1", "\"v\":3,\"later\":{\"a\":[1]}", 1);
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
