//! Starts and resends: what they make, what a refusal leaves alone, and who
//! gets in whose way.

use super::super::failure::{Told, expected, holds, same};
use super::super::make;
use super::super::world::World;
use crate::model::{AskedBy, Channel, DeliveryState, HOUR, LimitName, LimitSpec, MINUTE, RecordKind, Sent, Status};
use crate::store::{
    Begun, Cancel, Canceled, Check, Checked, Lease, Moved, Next, Progress, Received, Release, Renewed, Resend, Resent,
    Settled, Start, Started, Take, Taking,
};

pub async fn creates_and_leases(w: &World) -> Told {
    let (before, start) = (w.now().await?, w.start());
    let (id, lease) = (start.record.id, start.lease);
    let view = w.created(start).await?;
    let now = view.now;
    holds("the store's clock", before <= now && now <= w.now().await?, &now)?;
    holds("not a replay", !view.replayed, &view)?;
    let record = &view.record;
    same("id", record.id, id)?;
    same("status", record.status, Status::Pending)?;
    same("created and expires", (record.created, record.expires), (now, now + HOUR))?;
    same("deliveries", record.deliveries.len(), 1)?;
    let delivery = &record.deliveries[0];
    same("its state", delivery.state, DeliveryState::Queued)?;
    same("its times", (delivery.created, delivery.changed, delivery.due), (now, now, Some(now)))?;
    let held = delivery.lease.map(|held| (held.token, held.until));
    same("its lease", held, Some((lease.token, now + lease.ms)))?;
    holds("no attempt, no retry", delivery.attempts.is_empty() && delivery.retries == 0, delivery)?;
    same("sent", &view.usage.sent[..], &[Sent { at: now, channel: Channel::Sms }])?;
    same("sent over all tenants", &view.usage.sent_all_tenants[..], &[now])?;
    same("failures", view.usage.failures.len(), 0)?;
    same("what get tells", w.get(id).await?.record, view.record)
}

pub async fn keeps_what_it_was_given(w: &World) -> Told {
    let start = Start {
        channel: Channel::Voice,
        asked_by: AskedBy::System,
        ..w.start_with(|record| {
            record.subject = Some(record.to.hash.0);
            record.max_wrong = 3;
        })
    };
    let mut given = start.record.clone();
    let seen = w.created(start).await?.record;
    same("channel", (seen.deliveries[0].channel, seen.deliveries[0].asked_by), (Channel::Voice, AskedBy::System))?;
    // What the store decides: the times and the deliveries.
    (given.created, given.expires, given.deliveries) = (seen.created, seen.expires, seen.deliveries.clone());
    same("the record", seen, given)
}

pub async fn a_refusal_changes_nothing(w: &World) -> Told {
    let key = w.token();
    let take = Take { limit: LimitName::Address, key, spec: LimitSpec { count: 1, per_ms: HOUR } };
    let first = w.created(w.start()).await?;
    let (before, wake) = (w.get(first.record.id).await?, w.store.numbers.next_wake().await?);
    let taken = expected!(w.store.limits.take(vec![take]).await?, Taking::Taken(taken) => taken);
    let subject = w.token();
    let limits = w.limits(|limits| limits.sms_interval_ms = MINUTE);
    let start = Start { limits, ..w.start_with(|record| record.subject = Some(subject)) };
    let id = start.record.id;
    w.refused(start).await?;
    w.store.limits.give_back(taken).await?;

    let after = w.get(first.record.id).await?;
    same("usage and record", (after.usage, after.record), (before.usage, before.record))?;
    same("no record", w.store.numbers.get(id, &w.tenant).await?, None)?;
    same("nothing open", w.store.numbers.find_open(&w.tenant, &w.number, subject).await?, None)?;
    same("next wake", w.store.numbers.next_wake().await?, wake)?;
    same("claimable", w.claim(100).await?.1, vec![])?;
    expected!(w.store.limits.take(vec![take]).await?, Taking::Taken(_));
    Ok(())
}

pub async fn the_fourth_closes_the_oldest(w: &World) -> Told {
    let limits = w.limits(|limits| limits.open_verifications = 3);
    let mut starts = Vec::new();
    for _ in 0..3 {
        let start = Start { limits: limits.clone(), ..w.start() };
        starts.push((start.record.id, start.lease.token));
        w.created(start).await?;
    }
    for (id, _) in &starts {
        same("three are open", w.get(*id).await?.record.status, Status::Pending)?;
    }
    let fourth = w.created(Start { limits: limits.clone(), ..w.start() }).await?;
    let (oldest, token) = starts[0];
    let closed = w.get(oldest).await?.record;
    same("the oldest", closed.status, Status::Canceled)?;
    holds("its secrets are gone", closed.secret.is_none() && closed.code_hash.is_none(), &closed)?;
    let delivery = &closed.deliveries[0];
    same("its delivery", (delivery.state, delivery.due, delivery.lease), (DeliveryState::Canceled, None, None))?;
    same("when", delivery.changed, fourth.now)?;
    same("its owner learns", w.renew(oldest.delivery(1), token, MINUTE).await?, Renewed::Ended)?;
    same("its code", w.check(oldest, 0).await?, Checked::Ended(Status::Canceled))?;
    for id in [starts[1].0, starts[2].0, fourth.record.id] {
        same("the others", w.get(id).await?.record.status, Status::Pending)?;
    }
    w.created(Start { limits, ..w.start() }).await?;
    same("the next oldest", w.get(starts[1].0).await?.record.status, Status::Canceled)?;
    same("the third", w.get(starts[2].0).await?.record.status, Status::Pending)
}

pub async fn what_has_ended_makes_room(w: &World) -> Told {
    let limits = w.limits(|limits| limits.open_verifications = 2);
    let start = || Start { limits: limits.clone(), ..w.start() };
    let stays = w.created(start()).await?.record.id;
    let approved = w.created(start()).await?.record.id;
    expected!(w.check(approved, 0).await?, Checked::Approved(_));
    let canceled = w.created(start()).await?.record.id;
    expected!(w.cancel(canceled).await?, Canceled::Done(_));
    let mut short = start();
    short.record.expires = short.record.created + 100;
    let expired = w.created(short).await?.record;
    w.pass_until(expired.expires).await?;
    // Not swept yet, and closed by nobody.
    let last = w.created(start()).await?.record.id;
    for id in [stays, last] {
        same("open", w.get(id).await?.record.status, Status::Pending)?;
    }
    let elsewhere = w.created(Start { limits: limits.clone(), ..w.start_for(&w.stranger, &w.number) }).await?;
    let neighbours = w.created(Start { limits: limits.clone(), ..w.start_for(&w.tenant, &w.neighbour) }).await?;
    for (tenant, id) in [(&w.stranger, elsewhere.record.id), (&w.tenant, neighbours.record.id), (&w.tenant, stays)] {
        same("each for itself", w.get_for(tenant, id).await?.record.status, Status::Pending)?;
    }
    Ok(())
}

pub async fn messages_take_no_room(w: &World) -> Told {
    let limits = w.limits(|limits| limits.open_verifications = 1);
    let message = || {
        let id = w.draw(|random| make::id(random, RecordKind::Message, &w.number));
        Start { limits: limits.clone(), ..w.start_with(|record| record.id = id) }
    };
    let first = w.created(message()).await?.record.id;
    let verification = w.created(Start { limits: limits.clone(), ..w.start() }).await?.record.id;
    let second = w.created(message()).await?.record.id;
    for id in [first, verification, second] {
        same("open", w.get(id).await?.record.status, Status::Pending)?;
    }
    same("but they count as deliveries", w.get(second).await?.usage.sent.len(), 3)
}

pub async fn a_closed_one_leaves_what_a_carrier_has(w: &World) -> Told {
    let (record, ..) = w.submitted(Channel::Sms, false).await?;
    let limits = w.limits(|limits| limits.open_verifications = 1);
    w.created(Start { limits, ..w.start() }).await?;
    let closed = w.get(record.id).await?.record;
    same("status", closed.status, Status::Canceled)?;
    same("what the carrier has", closed.deliveries[0].state, DeliveryState::Submitted)
}

pub async fn unknown_ids_are_told(w: &World) -> Told {
    let id = w.draw(|random| make::id(random, RecordKind::Verification, &w.number));
    let (delivery, token, numbers) = (id.delivery(1), w.token(), &w.store.numbers);
    same("get", numbers.get(id, &w.tenant).await?, None)?;
    same("check", w.check(id, 0).await?, Checked::NotFound)?;
    same("cancel", w.cancel(id).await?, Canceled::NotFound)?;
    same("resend", numbers.resend(w.resend(id)).await?, Resent::NotFound)?;
    same("renew", w.renew(delivery, token, 100).await?, Renewed::Ended)?;
    same("begin", w.begin(delivery, token).await?, Begun::Ended)?;
    same("settle", w.settle(delivery.attempt(1), token, Moved::Unknown(Next::Never)).await?, Settled::Lost)?;
    same("receive", w.receive(delivery.attempt(1), Progress::Delivered).await?, Received::Unknown)?;
    numbers.release(Release { id: delivery, token }).await?;
    same("get after all that", numbers.get(id, &w.tenant).await?, None)
}

pub async fn strangers_find_nothing(w: &World) -> Told {
    let view = w.created(w.start_with(|record| record.subject = Some(record.to.hash.0))).await?;
    let (id, stranger, numbers) = (view.record.id, &w.stranger, &w.store.numbers);
    same("get", numbers.get(id, stranger).await?, None)?;
    let check = Check { tenant: stranger.clone(), ..w.try_code(id, 0) };
    same("the right code", numbers.check(check).await?, Checked::NotFound)?;
    let check = Check { tenant: stranger.clone(), ..w.try_code(id, 7) };
    same("a wrong code", numbers.check(check).await?, Checked::NotFound)?;
    let cancel = Cancel { id, tenant: stranger.clone() };
    same("cancel", numbers.cancel(cancel).await?, Canceled::NotFound)?;
    let resend = Resend { tenant: stranger.clone(), ..w.resend(id) };
    same("resend", numbers.resend(resend).await?, Resent::NotFound)?;
    let subject = view.record.subject.expect("given above");
    same("find_open", numbers.find_open(stranger, &w.number, subject).await?, None)?;
    same("nothing happened", w.get(id).await?.record, view.record)?;
    expected!(w.check(id, 0).await?, Checked::Approved(_));
    same("get at the end", numbers.get(id, stranger).await?, None)
}

pub async fn resend_adds_a_delivery(w: &World) -> Told {
    let first = w.created(w.start()).await?;
    let lease = Lease { token: w.token(), ms: 7_000 };
    let resend = Resend { channel: Channel::Voice, asked_by: AskedBy::System, lease, ..w.resend(first.record.id) };
    let view = expected!(w.store.numbers.resend(resend).await?, Resent::Queued(view) => view);
    let added = view.record.delivery(2).cloned();
    let mut before = first.record.clone();
    let added = expected!(added, Some(delivery) => delivery);
    same("what it is", (added.channel, added.asked_by), (Channel::Voice, AskedBy::System))?;
    same("state", (added.state, added.created, added.due), (DeliveryState::Queued, view.now, Some(view.now)))?;
    same("lease", added.lease.map(|l| (l.token, l.until)), Some((lease.token, view.now + 7_000)))?;
    before.deliveries.push(added);
    same("the rest of the record", &view.record, &before)?;
    let sent: Vec<_> = view.usage.sent.iter().map(|sent| (sent.at, sent.channel)).collect();
    same("counted", sent, vec![(first.now, Channel::Sms), (view.now, Channel::Voice)])?;
    same("counted for all", view.usage.sent_all_tenants, vec![first.now, view.now])?;
    let subject = w.start();
    expected!(w.store.numbers.start(subject).await?, Started::Created(_));
    same("another start changes nothing here", w.get(first.record.id).await?.record, before)
}
