//! Intents and outcomes: what is on disk before a submit, and what becomes of it.

use super::super::failure::{Told, expected, holds, same};
use super::super::world::World;
use crate::model::{AttemptId, AttemptState, Cause, Channel, DeliveryState, Digest, HOUR, MINUTE};
use crate::store::{Attempt, Begun, Canceled, Checked, Delivery, Moved, Next, Record, Renewed, Start};

/// A new record with an intent: its attempt and its token.
async fn begun(w: &World) -> Told<(AttemptId, Digest)> {
    let start = w.start();
    let (id, token) = (start.record.id.delivery(1), start.lease.token);
    w.created(start).await?;
    Ok((w.begun(id, token).await?, token))
}

/// The first delivery and its last attempt, after what moved.
async fn after(w: &World, moved: Moved) -> Told<(Record, Delivery, Attempt, AttemptId, Digest)> {
    let (id, token) = begun(w).await?;
    let record = w.settled(id, token, moved).await?;
    same("what get tells", &w.get(record.id).await?.record, &record)?;
    let delivery = record.deliveries[0].clone();
    let attempt = expected!(delivery.attempts.last().cloned(), Some(attempt) => attempt);
    Ok((record, delivery, attempt, id, token))
}

pub async fn intents_are_written(w: &World) -> Told {
    let before = w.now().await?;
    let (id, token) = begun(w).await?;
    same("the first", id.m, 1)?;
    let view = w.get(id.delivery.record).await?;
    let delivery = &view.record.deliveries[0];
    let attempt = expected!(&delivery.attempts[..], [attempt] => attempt.clone());
    same("state", (attempt.state, attempt.cause), (AttemptState::Submitting, None))?;
    same("carrier", (attempt.carrier.as_str(), attempt.reference), ("acme", None))?;
    same("reason", attempt.reason.as_str(), "the first of the route")?;
    holds("when", before <= attempt.started && attempt.started <= view.now, &attempt.started)?;
    same("changed", attempt.changed, attempt.started)?;
    same("the delivery", delivery.state, DeliveryState::Queued)?;
    same("its lease", delivery.lease.map(|held| held.token), Some(token))
}

pub async fn submitted(w: &World) -> Told {
    let moved = Moved::Submitted { reference: Some("SM7".into()), keep_lease: false };
    let (record, delivery, attempt, _, token) = after(w, moved).await?;
    same("attempt", (attempt.state, attempt.cause), (AttemptState::Submitted, None))?;
    same("reference", attempt.reference.as_deref(), Some("SM7"))?;
    same("delivery", (delivery.state, delivery.cause), (DeliveryState::Submitted, None))?;
    same("nobody waits for it", (delivery.lease, delivery.due), (None, None))?;
    same("changed", delivery.changed, attempt.changed)?;
    same("claim", w.claim(100).await?.1, vec![])?;
    same("next wake", w.store.numbers.next_wake().await?, Some(record.expires))?;
    same("renew", w.renew(record.id.delivery(1), token, MINUTE).await?, Renewed::Lost)
}

pub async fn submitted_and_held(w: &World) -> Told {
    let (record, attempt, token) = w.submitted(Channel::Voice, true).await?;
    let delivery = &record.deliveries[0];
    same("delivery", delivery.state, DeliveryState::Submitted)?;
    same("lease", delivery.lease.map(|held| held.token), Some(token))?;
    same("claim", w.claim(100).await?.1, vec![])?;
    same("renew", w.renew(attempt.delivery, token, 100).await?, Renewed::Held)?;
    w.pass_until(w.now().await? + 100).await?;
    same("its owner is gone", w.claim(100).await?.1, vec![attempt.delivery])
}

pub async fn failed_then_another(w: &World) -> Told {
    let moved = Moved::Failed(Cause::CarrierFiltered, Next::Another);
    let (_, delivery, attempt, id, token) = after(w, moved).await?;
    same("attempt", (attempt.state, attempt.cause), (AttemptState::Failed, Some(Cause::CarrierFiltered)))?;
    same("delivery", (delivery.state, delivery.cause), (DeliveryState::Queued, None))?;
    same("lease", delivery.lease.map(|held| held.token), Some(token))?;
    same("claim", w.claim(100).await?.1, vec![])?;
    let second = w.begun(id.delivery, token).await?;
    same("the next attempt", second, id.delivery.attempt(2))?;
    let record = w.settled(second, token, Moved::Submitted { reference: None, keep_lease: false }).await?;
    let states: Vec<_> = record.deliveries[0].attempts.iter().map(|attempt| attempt.state).collect();
    same("attempts", states, vec![AttemptState::Failed, AttemptState::Submitted])?;
    same("delivery", record.deliveries[0].state, DeliveryState::Submitted)
}

pub async fn failed_then_later(w: &World) -> Told {
    let moved = Moved::Failed(Cause::TemporaryCarrierFault, Next::Later(300));
    let (_, delivery, attempt, id, token) = after(w, moved).await?;
    let fault = Some(Cause::TemporaryCarrierFault);
    same("attempt", (attempt.state, attempt.cause), (AttemptState::Failed, fault))?;
    let due = attempt.changed + 300;
    same("back on the schedule", (delivery.lease, delivery.due), (None, Some(due)))?;
    same("delivery", (delivery.state, delivery.cause, delivery.retries), (DeliveryState::Queued, None, 1))?;
    same("next wake", w.store.numbers.next_wake().await?, Some(due))?;
    same("not his any more", w.begin(id.delivery, token).await?, Begun::Lost)?;
    w.pass_until(due).await?;
    let (token, claimed) = w.claim(100).await?;
    same("claimed", claimed, vec![id.delivery])?;
    let second = w.begun(id.delivery, token).await?;
    let record = w.settled(second, token, Moved::Unknown(Next::Later(MINUTE))).await?;
    same("retries", record.deliveries[0].retries, 2)
}

pub async fn failed_for_good(w: &World) -> Told {
    let moved = Moved::Failed(Cause::UnknownSubscriber, Next::Never);
    let (record, delivery, attempt, id, token) = after(w, moved).await?;
    let cause = Some(Cause::UnknownSubscriber);
    same("attempt", (attempt.state, attempt.cause), (AttemptState::Failed, cause))?;
    same("delivery", (delivery.state, delivery.cause), (DeliveryState::Failed, cause))?;
    same("nothing follows", (delivery.lease, delivery.due), (None, None))?;
    same("renew", w.renew(id.delivery, token, MINUTE).await?, Renewed::Ended)?;
    same("begin", w.begin(id.delivery, token).await?, Begun::Ended)?;
    // Another channel may still bring the same code.
    expected!(w.check(record.id, 0).await?, Checked::Approved(_));
    Ok(())
}

pub async fn unknown_fate(w: &World) -> Told {
    let fault = Some(Cause::TemporaryCarrierFault);
    for (next, state, keeps, due_ms) in [
        (Next::Another, DeliveryState::Queued, true, Some(0)),
        (Next::Later(5_000), DeliveryState::Queued, false, Some(5_000)),
        (Next::Never, DeliveryState::Failed, false, None),
    ] {
        let (record, delivery, attempt, ..) = after(w, Moved::Unknown(next)).await?;
        same("attempt", (attempt.state, attempt.cause), (AttemptState::Unknown, fault))?;
        same("delivery", delivery.state, state)?;
        same("its lease is kept", delivery.lease.is_some(), keeps)?;
        let due = due_ms.map(|ms| if ms == 0 { record.created } else { attempt.changed + ms });
        same("due", delivery.due, due)?;
    }
    Ok(())
}

pub async fn nothing_was_made(w: &World) -> Told {
    let start = w.start();
    let (id, token) = (start.record.id.delivery(1), start.lease.token);
    w.created(start).await?;
    let record = w.settled(id.attempt(0), token, Moved::Failed(Cause::NoRoute, Next::Never)).await?;
    let delivery = &record.deliveries[0];
    same("delivery", (delivery.state, delivery.cause), (DeliveryState::Failed, Some(Cause::NoRoute)))?;
    same("attempts", delivery.attempts.len(), 0)?;
    let start = w.start();
    let (id, token) = (start.record.id.delivery(1), start.lease.token);
    w.created(start).await?;
    let moved = Moved::Failed(Cause::QuietHours, Next::Later(MINUTE));
    let record = w.settled(id.attempt(0), token, moved).await?;
    let delivery = &record.deliveries[0];
    same("delivery", (delivery.state, delivery.lease, delivery.retries), (DeliveryState::Queued, None, 1))?;
    same("attempts", delivery.attempts.len(), 0)
}

pub async fn later_than_expiry_fails(w: &World) -> Told {
    let cause = Some(Cause::RateLimited);
    // An hour is all that it has.
    let moved = Moved::Failed(Cause::RateLimited, Next::Later(HOUR));
    let (_, delivery, ..) = after(w, moved).await?;
    same("delivery", (delivery.state, delivery.cause), (DeliveryState::Failed, cause))?;
    same("retries", (delivery.due, delivery.lease, delivery.retries), (None, None, 0))?;
    let (_, delivery, ..) = after(w, Moved::Failed(Cause::RateLimited, Next::Later(HOUR - MINUTE))).await?;
    same("within it", (delivery.state, delivery.retries), (DeliveryState::Queued, 1))
}

pub async fn an_unsettled_intent_is_unknown(w: &World) -> Told {
    let start = w.start();
    let (id, token) = (start.record.id.delivery(1), start.lease.token);
    w.created(start).await?;
    same("renew", w.renew(id, token, 100).await?, Renewed::Held)?;
    w.begun(id, token).await?;
    w.pass_until(w.now().await? + 100).await?;
    let (new, claimed) = w.claim(100).await?;
    same("claimed", claimed, vec![id])?;
    let state = w.get(id.record).await?.record.deliveries[0].attempts[0].state;
    same("the next owner finds the intent", state, AttemptState::Submitting)?;
    w.begun(id, new).await?;
    let attempts = w.get(id.record).await?.record.deliveries[0].attempts.clone();
    let states: Vec<_> = attempts.iter().map(|attempt| attempt.state).collect();
    same("attempts", states, vec![AttemptState::Unknown, AttemptState::Submitting])?;
    same("when", attempts[0].changed, attempts[1].started)
}

pub async fn nothing_begins_after_the_end(w: &World) -> Told {
    let start = |ttl| Start { ..w.start_with(|record| record.expires = record.created + ttl) };
    let expiring = start(150);
    let (id, token) = (expiring.record.id, expiring.lease.token);
    let expires = w.created(expiring).await?.record.expires;
    if w.is_exact() {
        w.pass_until(expires - 1).await?;
        w.begun(id.delivery(1), token).await?;
    }
    w.pass_until(expires).await?;
    same("expired", w.begin(id.delivery(1), token).await?, Begun::Ended)?;
    for cancels in [true, false] {
        let start = start(HOUR);
        let (id, token) = (start.record.id, start.lease.token);
        w.created(start).await?;
        if cancels {
            expected!(w.cancel(id).await?, Canceled::Done(_));
        } else {
            expected!(w.check(id, 0).await?, Checked::Approved(_));
        }
        same("over", w.begin(id.delivery(1), token).await?, Begun::Ended)?;
        same("attempts", w.get(id).await?.record.deliveries[0].attempts.len(), 0)?;
    }
    let (record, attempt, token) = w.submitted(Channel::Sms, true).await?;
    expected!(w.check(record.id, 0).await?, Checked::Approved(_));
    same("what a carrier has", w.begin(attempt.delivery, token).await?, Begun::Ended)?;
    same("no such delivery", w.begin(record.id.delivery(2), token).await?, Begun::Ended)
}
