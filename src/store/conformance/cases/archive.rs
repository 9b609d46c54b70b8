//! The log of attempts, names of attempts, and counters.

use std::collections::BTreeMap;

use super::super::failure::{Told, holds, same};
use super::super::world::World;
use crate::model::{
    AttemptId, AttemptState, Cause, Channel, Currency, HOUR, MINUTE, Money, Ms, Network, NumberHash, RecordKind,
};
use crate::store::{
    AttemptLog, LogEntry, Logged, PARKED_BYTES, PARKED_MOST, REFERENCE_BYTES, Reported, TALLY_KEPT_MS, TALLY_MS,
};

fn price(amount: &str) -> Option<Money> {
    Money::new(amount, Currency::new("USD")?)
}

/// An attempt of the world's number.
fn attempt(w: &World) -> AttemptId {
    w.draw(|random| super::super::make::id(random, RecordKind::Verification, &w.number)).delivery(1).attempt(2)
}

fn logged(w: &World, started: Ms) -> Logged {
    Logged {
        id: attempt(w),
        partition: w.number.partition,
        number: w.number.hash,
        tenant: w.tenant.clone(),
        channel: Channel::Voice,
        country: w.number.country,
        network: w.number.network.clone(),
        carrier: "acme".into(),
        sender: Some("ACME é".into()),
        reason: "not tried yet, weight 100, of 2".into(),
        state: AttemptState::Submitted,
        code: Some("21211".into()),
        cause: None,
        reference: Some("SM0123456789abcdef0123456789abcdef".into()),
        price: price("0.0075"),
        accepted: started - 20,
        started,
        submitted: Some(started + 100),
    }
}

fn reported(of: &Logged) -> Reported {
    let network = Some(Network::Known("440-10".into()));
    let (id, number) = (of.id, of.number);
    let cause = Some(Cause::UnreachableHandset);
    let (code, reference, at) = (Some("30007".into()), Some("CA1".into()), of.started + 900);
    Reported { id, number, state: AttemptState::Failed, cause, code, reference, network, price: price("0.1"), at }
}

async fn log(w: &World, entries: Vec<LogEntry>) -> Told {
    Ok(w.store.archive.log(entries, HOUR).await?)
}

async fn attempts(w: &World, number: NumberHash, limit: usize) -> Told<Vec<AttemptLog>> {
    Ok(w.store.archive.attempts(w.number.partition, number, limit).await?)
}

pub async fn newest_first(w: &World) -> Told {
    let now = w.now().await?;
    same("nothing", attempts(w, w.number.hash, 9).await?, vec![])?;
    let all: Vec<Logged> = [3, 1, 2].map(|i| logged(w, now + i)).to_vec();
    let mut bare = logged(w, now + 4);
    (bare.id.delivery, bare.network, bare.sender, bare.reference) = (attempt(w).delivery, Network::Unknown, None, None);
    (bare.price, bare.submitted, bare.state) = (None, None, AttemptState::Failed);
    (bare.cause, bare.channel, bare.accepted) = (Some(Cause::AuthFailed), Channel::Sms, now + 5);
    let message = w.draw(|random| super::super::make::id(random, RecordKind::Message, &w.number));
    bare.id = message.delivery(3).attempt(300);
    let mut neighbours = logged(w, now);
    neighbours.number = w.neighbour.hash;
    let of_two = all.iter().chain([&bare, &neighbours]).cloned().map(LogEntry::Submitted).collect();
    log(w, of_two).await?;
    let shown = |logged: &Logged| AttemptLog { submitted: logged.clone(), reported: None };
    let expected = vec![shown(&bare), shown(&all[0]), shown(&all[2]), shown(&all[1])];
    same("all of them", attempts(w, w.number.hash, 9).await?, expected.clone())?;
    same("some", attempts(w, w.number.hash, 2).await?, expected[..2].to_vec())?;
    same("none", attempts(w, w.number.hash, 0).await?, vec![])?;
    same("the neighbour's", attempts(w, w.neighbour.hash, 9).await?, vec![shown(&neighbours)])
}

pub async fn each_kind_replaces_its_own(w: &World) -> Told {
    let now = w.now().await?;
    let first = logged(w, now);
    let mut report = reported(&first);
    log(w, vec![LogEntry::Reported(report.clone())]).await?;
    same("a report alone", attempts(w, w.number.hash, 9).await?, vec![])?;
    log(w, vec![LogEntry::Submitted(first.clone()), LogEntry::Submitted(first.clone())]).await?;
    let expected = |submitted: &Logged, report: &Reported| {
        vec![AttemptLog { submitted: submitted.clone(), reported: Some(report.clone()) }]
    };
    same("both", attempts(w, w.number.hash, 9).await?, expected(&first, &report))?;
    (report.state, report.cause, report.network, report.price) = (AttemptState::Delivered, None, None, None);
    log(w, vec![LogEntry::Reported(report.clone())]).await?;
    same("a newer report", attempts(w, w.number.hash, 9).await?, expected(&first, &report))?;
    let second = Logged { price: price("2"), ..first };
    log(w, vec![LogEntry::Submitted(second.clone())]).await?;
    same("a newer submission", attempts(w, w.number.hash, 9).await?, expected(&second, &report))
}

pub async fn kept_no_longer(w: &World) -> Told {
    let now = w.now().await?;
    let (short, long) = (logged(w, now), logged(w, now + 1));
    w.store.archive.log(vec![LogEntry::Submitted(short)], 150).await?;
    log(w, vec![LogEntry::Submitted(long.clone())]).await?;
    w.store.archive.log(vec![LogEntry::Reported(reported(&long))], 150).await?;
    let until = w.now().await? + 150;
    w.pass_until(until).await?;
    let left = attempts(w, w.number.hash, 9).await?;
    same("the longer one", left.iter().map(|log| log.submitted.id).collect(), vec![long.id])?;
    let third = logged(w, now + 2);
    log(w, vec![LogEntry::Submitted(third.clone())]).await?;
    let left = attempts(w, w.number.hash, 9).await?;
    same("it stays away", left.iter().map(|log| log.submitted.id).collect(), vec![third.id, long.id])
}

pub async fn what_is_too_long_is_left_out(w: &World) -> Told {
    let mut sent = logged(w, w.now().await?);
    (sent.reference, sent.network) = (Some("x".repeat(REFERENCE_BYTES + 1)), Network::Known("9".repeat(1_000)));
    let report = Reported { network: Some(Network::Known("9".repeat(1_000))), ..reported(&sent) };
    log(w, vec![LogEntry::Submitted(sent), LogEntry::Reported(report)]).await?;
    let all = attempts(w, w.number.hash, 9).await?;
    let kept: Vec<_> = all.iter().map(|log| (&log.submitted.reference, &log.submitted.network)).collect();
    same("submission", kept, vec![(&None, &Network::Unknown)])?;
    same("report", all[0].reported.as_ref().and_then(|report| report.network.clone()), None)
}

pub async fn racing_entries_all_stay(w: &World) -> Told {
    let now = w.now().await?;
    let all: Vec<Logged> = (0..24).map(|i| logged(w, now + i)).collect();
    let mut racing = tokio::task::JoinSet::new();
    for one in &all {
        for entry in [LogEntry::Submitted(one.clone()), LogEntry::Reported(reported(one))] {
            let archive = w.store.archive.clone();
            racing.spawn(async move { archive.log(vec![entry], HOUR).await });
        }
    }
    racing.join_all().await.into_iter().collect::<Result<(), _>>()?;
    let newest = all.iter().rev();
    let expected: Vec<_> =
        newest.map(|one| AttemptLog { submitted: one.clone(), reported: Some(reported(one)) }).collect();
    same("all of them", attempts(w, w.number.hash, 99).await?, expected)
}

pub async fn names_lead_to_attempts(w: &World) -> Told {
    let (archive, id, name) = (&w.store.archive, attempt(w), w.token());
    same("before", archive.find(name, None).await?, None)?;
    same("nothing came early", archive.index(name, id, HOUR).await?, Vec::<Vec<u8>>::new())?;
    same("found", archive.find(name, None).await?, Some(id))?;
    same("another name", archive.find(w.token(), None).await?, None)?;
    same("found", archive.find(name, Some((vec![1], MINUTE))).await?, Some(id))?;
    let other = attempt(w);
    same("nothing was parked", archive.index(name, other, HOUR).await?, Vec::<Vec<u8>>::new())?;
    same("the newer one", archive.find(name, None).await?, Some(other))?;
    let brief = w.token();
    archive.index(brief, id, 120).await?;
    w.pass(150).await;
    same("kept no longer", archive.find(brief, None).await?, None)
}

pub async fn early_reports_are_parked(w: &World) -> Told {
    let (archive, id, name) = (&w.store.archive, attempt(w), w.token());
    let park = |what: Vec<u8>| archive.find(name, Some((what, MINUTE)));
    for what in [vec![0, 255], b"pt".to_vec(), vec![], vec![0, 255], vec![7; PARKED_BYTES + 1]] {
        same("unknown", park(what).await?, None)?;
    }
    let early = archive.index(name, id, HOUR).await?;
    same("in their order, once", early, vec![vec![0, 255], b"pt".to_vec(), vec![]])?;
    same("and then forgotten", archive.index(name, id, HOUR).await?, Vec::<Vec<u8>>::new())?;

    let many = w.token();
    for i in 0..2 * PARKED_MOST {
        archive.find(many, Some((vec![i as u8; PARKED_BYTES], MINUTE))).await?;
    }
    let early = archive.index(many, id, HOUR).await?;
    let expected: Vec<_> = (0..PARKED_MOST).map(|i| vec![i as u8; PARKED_BYTES]).collect();
    holds("the first eight", early == expected, &early.len())?;

    let brief = w.token();
    archive.find(brief, Some((vec![1], 120))).await?;
    w.pass(150).await;
    same("for a while", archive.index(brief, id, HOUR).await?, Vec::<Vec<u8>>::new())
}

/// A name whose attempt has gone is as good as new.
pub async fn a_name_may_be_used_again(w: &World) -> Told {
    let (archive, id, name) = (&w.store.archive, attempt(w), w.token());
    archive.find(name, Some((vec![1], MINUTE))).await?;
    same("the first", archive.index(name, id, 100).await?, vec![vec![1]])?;
    w.pass(130).await;
    archive.find(name, Some((vec![2], MINUTE))).await?;
    same("the second", archive.index(name, id, HOUR).await?, vec![vec![2]])
}

pub async fn no_early_report_is_lost(w: &World) -> Told {
    for _ in 0..20 {
        let (id, name) = (attempt(w), w.token());
        let (indexes, finds) = (w.store.archive.clone(), w.store.archive.clone());
        let index = tokio::spawn(async move { indexes.index(name, id, HOUR).await });
        let find = tokio::spawn(async move { finds.find(name, Some((vec![5], MINUTE))).await });
        let (index, find) = (index.await.expect("no panic")?, find.await.expect("no panic")?);
        holds("one of both has it", index.len() + usize::from(find == Some(id)) == 1, &(index, find))?;
    }
    Ok(())
}

fn sums(all: &[(&str, u64)]) -> BTreeMap<String, u64> {
    all.iter().map(|(name, sum)| (name.to_string(), *sum)).collect()
}

pub async fn counters_add_up(w: &World) -> Told {
    let (archive, since) = (&w.store.archive, w.now().await?);
    same("nothing", archive.tallies(since).await?, sums(&[]))?;
    let add = |name: &str, many| (name.to_owned(), many);
    archive.tally(vec![add("sent acme", 3), add("failed é", 1), add("sent acme", 4)]).await?;
    archive.tally(vec![]).await?;
    archive.tally(vec![add("failed é", 10)]).await?;
    let all = sums(&[("failed é", 11), ("sent acme", 7)]);
    same("sums", archive.tallies(since).await?, all.clone())?;
    same("since ever", archive.tallies(0).await?, all.clone())?;
    same("from later on", archive.tallies(since + 2 * TALLY_MS).await?, sums(&[]))?;
    if !w.is_exact() {
        return Ok(());
    }
    w.pass(TALLY_MS).await;
    archive.tally(vec![add("failed é", 100)]).await?;
    same("both spans", archive.tallies(since).await?, sums(&[("failed é", 111), ("sent acme", 7)]))?;
    same("a span counts whole", archive.tallies(since / TALLY_MS * TALLY_MS).await?.len(), 2)?;
    same("the second", archive.tallies(since + TALLY_MS).await?, sums(&[("failed é", 100)]))?;
    w.pass(TALLY_KEPT_MS - TALLY_MS).await;
    same("kept no longer", archive.tallies(0).await?, sums(&[("failed é", 100)]))
}

pub async fn racing_counts_add_up(w: &World) -> Told {
    let since = w.now().await?;
    let mut racing = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let archive = w.store.archive.clone();
        racing.spawn(async move { archive.tally(vec![("a".into(), 2), ("b".into(), 1)]).await });
    }
    racing.join_all().await.into_iter().collect::<Result<(), _>>()?;
    same("sums", w.store.archive.tallies(since).await?, sums(&[("a", 32), ("b", 16)]))
}
