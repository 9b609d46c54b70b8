//! Mutants of leases, intents and outcomes.

use super::right;
use crate::model::{AttemptState, Digest, Ms, Status};
use crate::store::embedded::rules::Slot;
use crate::store::{Begin, Begun, Delivery, Lease, Moved, Next, Record, Release, Renew, Renewed, Settle, Settled};

pub fn delivery(slot: &mut Slot, n: u16) -> Option<&mut Delivery> {
    slot.record.as_mut()?.delivery_mut(n)
}

/// The token that holds a delivery, or the one that was brought.
fn standing(slot: &mut Slot, n: u16, token: Digest) -> Digest {
    delivery(slot, n).and_then(|delivery| delivery.lease).map_or(token, |held| held.token)
}

/// The answer with the record as it is by now.
pub fn settled(slot: &Slot, answer: Settled) -> Settled {
    match (answer, &slot.record) {
        (Settled::Done(_), Some(record)) => Settled::Done(record.clone()),
        (answer, _) => answer,
    }
}

pub fn a_claimed_lease_ends_at_once(slot: &mut Slot, (n, lease): &(u16, Lease), now: Ms) -> bool {
    (right().claim)(slot, &(*n, Lease { ms: 0, ..*lease }), now)
}

pub fn every_claim_shares_a_token(slot: &mut Slot, (n, lease): &(u16, Lease), now: Ms) -> bool {
    let token = standing(slot, *n, lease.token);
    (right().claim)(slot, &(*n, Lease { token, ..*lease }), now)
}

pub fn nothing_expires(_: &mut Slot, (): &(), _: Ms) {}

pub fn expired_keeps_its_secrets(slot: &mut Slot, (): &(), now: Ms) {
    let before = slot.record.clone();
    (right().expire)(slot, &(), now);
    if let (Some(record), Some(before)) = (&mut slot.record, before) {
        (record.secret, record.code_hash) = (before.secret, before.code_hash);
    }
}

pub fn expired_keeps_its_queue(slot: &mut Slot, (): &(), now: Ms) {
    let before = slot.record.clone();
    (right().expire)(slot, &(), now);
    if let (Some(record), Some(before)) = (&mut slot.record, before) {
        record.deliveries = before.deliveries;
    }
}

pub fn renewed_by_anybody(slot: &mut Slot, op: &Renew, now: Ms) -> Renewed {
    let token = standing(slot, op.id.n, op.lease.token);
    (right().renew)(slot, &Renew { lease: Lease { token, ..op.lease }, ..*op }, now)
}

pub fn the_ended_are_renewed(slot: &mut Slot, op: &Renew, now: Ms) -> Renewed {
    match (right().renew)(slot, op, now) {
        Renewed::Ended if delivery(slot, op.id.n).is_some() => Renewed::Held,
        answer => answer,
    }
}

pub fn begun_by_anybody(slot: &mut Slot, op: &Begin, now: Ms) -> Begun {
    let token = standing(slot, op.id.n, op.token);
    (right().begin)(slot, &Begin { token, ..op.clone() }, now)
}

pub fn begun_after_expiry(slot: &mut Slot, op: &Begin, now: Ms) -> Begun {
    let expires = slot.record.as_ref().map_or(0, |record| record.expires);
    slot.record.iter_mut().for_each(|record| record.expires = Ms::MAX);
    let answer = (right().begin)(slot, op, now);
    slot.record.iter_mut().for_each(|record| record.expires = expires);
    answer
}

pub fn intents_stay_open(slot: &mut Slot, op: &Begin, now: Ms) -> Begun {
    let before = delivery(slot, op.id.n).map(|delivery| delivery.attempts.clone()).unwrap_or_default();
    let answer = (right().begin)(slot, op, now);
    if let Some(delivery) = delivery(slot, op.id.n) {
        delivery.attempts.iter_mut().zip(before).for_each(|(attempt, before)| *attempt = before);
    }
    answer
}

pub fn senders_are_dropped(slot: &mut Slot, op: &Begin, now: Ms) -> Begun {
    (right().begin)(slot, &Begin { sender: None, ..op.clone() }, now)
}

pub fn senders_keep_the_old_layout(slot: &mut Slot, op: &Begin, now: Ms) -> Begun {
    let answer = (right().begin)(slot, op, now);
    slot.record.iter_mut().for_each(|record| record.v = Record::PLAIN);
    answer
}

pub fn settled_by_anybody(slot: &mut Slot, op: &Settle, now: Ms) -> Settled {
    let token = standing(slot, op.id.delivery.n, op.token);
    (right().settle)(slot, &Settle { token, ..op.clone() }, now)
}

pub fn later_than_expiry(slot: &mut Slot, op: &Settle, now: Ms) -> Settled {
    let expires = slot.record.as_ref().map_or(0, |record| record.expires);
    slot.record.iter_mut().for_each(|record| record.expires = Ms::MAX);
    let answer = (right().settle)(slot, op, now);
    slot.record.iter_mut().for_each(|record| record.expires = expires);
    settled(slot, answer)
}

pub fn retries_are_not_counted(slot: &mut Slot, op: &Settle, now: Ms) -> Settled {
    let before = delivery(slot, op.id.delivery.n).map_or(0, |delivery| delivery.retries);
    let answer = (right().settle)(slot, op, now);
    delivery(slot, op.id.delivery.n).into_iter().for_each(|delivery| delivery.retries = before);
    settled(slot, answer)
}

pub fn submitted_stays_due(slot: &mut Slot, op: &Settle, now: Ms) -> Settled {
    let answer = (right().settle)(slot, op, now);
    if let (Settled::Done(_), Moved::Submitted { .. }) = (&answer, &op.moved) {
        let unfinished = delivery(slot, op.id.delivery.n).filter(|delivery| !delivery.state.is_final());
        unfinished.into_iter().for_each(|delivery| delivery.due = Some(now));
    }
    settled(slot, answer)
}

pub fn the_receipt_is_overwritten(slot: &mut Slot, op: &Settle, now: Ms) -> Settled {
    if let (Moved::Submitted { .. }, Some(delivery)) = (&op.moved, delivery(slot, op.id.delivery.n)) {
        let failed = delivery.attempts.last_mut().filter(|attempt| attempt.state == AttemptState::Failed);
        failed.into_iter().for_each(|attempt| (attempt.state, attempt.cause) = (AttemptState::Submitting, None));
    }
    (right().settle)(slot, op, now)
}

pub fn another_gives_the_lease_away(slot: &mut Slot, op: &Settle, now: Ms) -> Settled {
    let answer = (right().settle)(slot, op, now);
    if let (Settled::Done(_), Moved::Failed(_, Next::Another)) = (&answer, &op.moved) {
        delivery(slot, op.id.delivery.n).into_iter().for_each(|delivery| delivery.lease = None);
    }
    settled(slot, answer)
}

pub fn released_by_anybody(slot: &mut Slot, op: &Release, now: Ms) {
    let token = standing(slot, op.id.n, op.token);
    (right().release)(slot, &Release { token, ..*op }, now);
}

pub fn released_is_kept(slot: &mut Slot, op: &Release, now: Ms) {
    let open = slot.record.as_ref().is_some_and(|record| record.status == Status::Pending);
    if !open {
        (right().release)(slot, op, now);
    }
}
