//! Leases, intents and outcomes. Only the holder of the lease's token writes.

use super::Slot;
use crate::model::{AttemptState, Cause, Channel, DeliveryState, Digest, Ms, Status};
use crate::store::ops::{Begin, Begun, Lease, Moved, Next, Release, Renew, Renewed, Settle, Settled};
use crate::store::record::{Attempt, Delivery, HeldUntil, Record};

fn held<'a>(record: &'a mut Option<Record>, n: u16, token: &Digest) -> Option<&'a mut Delivery> {
    let delivery = record.as_mut()?.delivery_mut(n)?;
    delivery.lease.is_some_and(|lease| lease.token == *token).then_some(delivery)
}

/// Takes the lease of delivery `n` if it is due and free.
pub fn claim_one(slot: &mut Slot, (n, lease): &(u16, Lease), now: Ms) -> bool {
    let Some(delivery) = slot.record.as_mut().and_then(|record| record.delivery_mut(*n)) else {
        return false;
    };
    let at = delivery.lease.map(|held| held.until).or(delivery.due);
    if delivery.state.is_final() || at.is_none_or(|at| at > now) {
        return false;
    }
    delivery.lease = Some(HeldUntil { token: lease.token, until: now + lease.ms });
    true
}

/// Ends a record whose time ran out.
pub fn expire(slot: &mut Slot, (): &(), now: Ms) {
    let Some(record) = slot.record.as_mut().filter(|record| record.status == Status::Pending && record.expires <= now)
    else {
        return;
    };
    record.status = Status::Expired;
    record.erase_secrets();
    for delivery in &mut record.deliveries {
        // Also one that a carrier gave back, if nobody was found to take it since.
        if !delivery.is_with_carrier() {
            delivery.advance(DeliveryState::Failed, Some(Cause::ExpiredUnsent), now);
        }
        delivery.uncover();
    }
    slot.close();
}

pub fn renew(slot: &mut Slot, op: &Renew, now: Ms) -> Renewed {
    let ended = slot
        .record
        .as_ref()
        .and_then(|record| record.delivery(op.id.n))
        .is_none_or(|delivery| delivery.state.is_final());
    if ended {
        return Renewed::Ended;
    }
    match held(&mut slot.record, op.id.n, &op.lease.token) {
        Some(delivery) => {
            delivery.lease = Some(HeldUntil { token: op.lease.token, until: now + op.lease.ms });
            Renewed::Held
        }
        None => Renewed::Lost,
    }
}

pub fn begin(slot: &mut Slot, op: &Begin, now: Ms) -> Begun {
    let open = slot.record.as_ref().is_some_and(|record| record.is_open(now));
    let ended = slot.record.as_ref().is_none_or(|record| {
        // What the person asked for since stands in for a cover.
        let replaced = |d: &Delivery| usize::from(op.id.n) < record.deliveries.len() && d.is_with_carrier();
        record.delivery(op.id.n).is_none_or(|d| d.state.is_final() || d.channel == Channel::Sms && replaced(d))
    });
    if !open || ended {
        return Begun::Ended;
    }
    let Some(delivery) = held(&mut slot.record, op.id.n, &op.token) else {
        return Begun::Lost;
    };
    // An intent that its owner never settled: that owner died, nobody knows.
    for attempt in delivery.attempts.iter_mut().filter(|a| a.state == AttemptState::Submitting) {
        attempt.state = AttemptState::Unknown;
        attempt.changed = now;
    }
    delivery.attempts.push(Attempt {
        carrier: op.carrier.clone(),
        state: AttemptState::Submitting,
        cause: None,
        reason: op.reason.clone(),
        started: now,
        changed: now,
        reference: None,
        sender: op.sender.clone(),
    });
    let attempt = op.id.attempt(delivery.attempts.len() as u16);
    if op.sender.is_some()
        && let Some(record) = &mut slot.record
    {
        record.v = record.v.max(Record::WITH_SENDERS);
    }
    Begun::Attempt(attempt)
}

pub fn settle(slot: &mut Slot, op: &Settle, now: Ms) -> Settled {
    let (expires, newest) = slot.record.as_ref().map_or((0, 0), |record| (record.expires, record.deliveries.len()));
    let is_newest = usize::from(op.id.delivery.n) == newest;
    let Some(delivery) = held(&mut slot.record, op.id.delivery.n, &op.token) else {
        return Settled::Lost;
    };
    let (state, cause) = match &op.moved {
        Moved::Submitted { .. } | Moved::Covered { .. } => (AttemptState::Submitted, None),
        Moved::Failed(cause, _) => (AttemptState::Failed, Some(*cause)),
        Moved::Unknown(_) => (AttemptState::Unknown, Some(Cause::TemporaryCarrierFault)),
    };
    let attempt = delivery.attempt_mut(op.id.m);
    // A receipt may have overtaken the answer to its own submit: then that stands, and the
    // lease stays, for its holder to choose what follows.
    let mut overtaken = false;
    if let Some(attempt) = attempt {
        // One that a receipt told first stands where the answer names none.
        if let Moved::Submitted { reference: Some(reference), .. } | Moved::Covered { reference: Some(reference), .. } =
            &op.moved
        {
            attempt.reference = Some(reference.clone());
        }
        if !attempt.state.is_final() && state > attempt.state {
            (attempt.state, attempt.cause, attempt.changed) = (state, cause, now);
        } else {
            overtaken = attempt.state == AttemptState::Failed;
        }
    }
    match op.moved {
        // Nobody else covers it, and meanwhile what was sent may have arrived, or failed.
        Moved::Submitted { keep_lease, .. } if op.id.m == 0 && !delivery.attempts.is_empty() => {
            left(delivery, keep_lease, now);
        }
        Moved::Submitted { keep_lease, .. } => taken(delivery, keep_lease || overtaken, None, now),
        Moved::Covered { again_ms, .. } => {
            // What the person asked for since stands in for a cover.
            let due = Some(now + again_ms).filter(|due| is_newest && *due < expires);
            taken(delivery, overtaken, due, now);
        }
        Moved::Failed(cause, next) => follow(delivery, cause, next, expires, now),
        Moved::Unknown(next) => follow(delivery, Cause::TemporaryCarrierFault, next, expires, now),
    }
    slot.record.clone().map_or(Settled::Lost, Settled::Done)
}

/// A carrier has it; unless its lease is kept, it is looked at again when it is `due`.
fn taken(delivery: &mut Delivery, keep_lease: bool, due: Option<Ms>, now: Ms) {
    delivery.advance(DeliveryState::Submitted, None, now);
    if !keep_lease {
        (delivery.lease, delivery.due) = (None, due);
    }
}

/// What becomes of a delivery that is left to those who have it.
fn left(delivery: &mut Delivery, keep_lease: bool, now: Ms) {
    let arrived = |attempt: &Attempt| attempt.state == AttemptState::Delivered;
    let last = delivery.attempts.last().and_then(|attempt| attempt.cause);
    if delivery.attempts.iter().any(arrived) {
        delivery.advance(DeliveryState::Delivered, None, now);
    } else if delivery.is_lost_but_for(0) {
        delivery.advance(DeliveryState::Failed, last, now);
    } else {
        taken(delivery, keep_lease, None, now);
    }
}

fn follow(delivery: &mut Delivery, cause: Cause, next: Next, expires: Ms, now: Ms) {
    match next {
        Next::Another => {}
        Next::Later(ms) if now + ms < expires => {
            delivery.lease = None;
            delivery.due = Some(now + ms);
            delivery.retries += 1;
        }
        Next::Later(_) | Next::Never => {
            delivery.advance(DeliveryState::Failed, Some(cause), now);
        }
    }
}

pub fn release(slot: &mut Slot, op: &Release, now: Ms) {
    if let Some(delivery) = held(&mut slot.record, op.id.n, &op.token) {
        delivery.lease = None;
        delivery.due = Some(now);
    }
}

/// Takes the lease of whoever worked on a delivery and is gone. An SMS that a
/// carrier has needs nobody; everything else unfinished is due at once. Says
/// whether anything changed.
pub fn abandoned(delivery: &mut Delivery, now: Ms) -> bool {
    if delivery.state.is_final() || delivery.lease.take().is_none() {
        return false;
    }
    let awaits_receipt = delivery.channel == Channel::Sms && delivery.is_with_carrier();
    delivery.due = (!awaits_receipt).then_some(now);
    true
}
