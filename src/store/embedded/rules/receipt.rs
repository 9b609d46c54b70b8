//! Receipts: states only move forward, repeats and late ones change nothing.

use super::Slot;
use crate::model::{AttemptState, Cause, DeliveryState, Ms, Progress};
use crate::store::ops::{Receive, Received, Then};

pub fn receive(slot: &mut Slot, op: &Receive, now: Ms) -> Received {
    let Some(record) = slot.record.as_mut() else { return Received::Unknown };
    let (before, open) = (record.clone(), record.is_open(now));
    let Some(delivery) = record.delivery_mut(op.id.delivery.n) else { return Received::Unknown };
    let is_last = usize::from(op.id.m) == delivery.attempts.len();
    // The first of a covered text may fail after those that covered it.
    let waits = delivery.state == DeliveryState::Submitted && delivery.lease.is_none();
    let decides = is_last || waits && delivery.is_lost_but_for(op.id.m);
    let (covered, another_has_it) = (delivery.is_covered(), delivery.is_with_another(op.id.m));
    let Some(attempt) = delivery.attempt_mut(op.id.m) else { return Received::Unknown };
    let (attempt_state, delivery_state, cause) = match op.progress {
        Progress::Ringing => (AttemptState::Submitted, DeliveryState::Ringing, None),
        Progress::Answered => (AttemptState::Submitted, DeliveryState::Answered, None),
        Progress::Delivered => (AttemptState::Delivered, DeliveryState::Delivered, None),
        Progress::Failed(cause) => (AttemptState::Failed, DeliveryState::Failed, Some(cause)),
    };
    let was = attempt.state;
    if !was.is_final() && attempt_state > was {
        (attempt.state, attempt.cause, attempt.changed) = (attempt_state, cause, now);
    }
    if attempt.reference.is_none() {
        attempt.reference = op.kept_reference().map(str::to_owned);
    }
    let covered = covered && !delivery.state.is_final();
    if op.then == Then::Doubt && covered && delivery_state == DeliveryState::Delivered {
        // Its attempt has it; the delivery waits for what is more certain.
    } else if delivery_state == DeliveryState::Delivered {
        // A message that arrived has arrived, whichever attempt brought it.
        delivery.advance(delivery_state, cause, now);
    } else if is_last && delivery_state != DeliveryState::Failed {
        delivery.advance(delivery_state, cause, now);
    } else if decides && !was.is_final() && delivery_state == DeliveryState::Failed {
        // What an earlier attempt failed at says nothing about the one that runs now, and
        // one whose end is known has nothing to add: whoever noted it chose what follows.
        // While a worker is submitting, a failure is the worker's to judge: it may be on
        // its way to the next carrier. A call that a carrier has is held by one that only
        // looks after it, who notices that the lease is gone.
        let in_hands = delivery.lease.is_some() && was != AttemptState::Submitted;
        let answered = delivery.state >= DeliveryState::Answered;
        if op.then == Then::Another && open && !in_hands && !answered {
            delivery.lease = None;
            delivery.due = Some(now);
            delivery.retries += 1;
        } else if !in_hands && !another_has_it {
            delivery.advance(delivery_state, cause, now);
        }
    }
    if let Some(network) = &op.network {
        record.to.network = network.clone();
    }
    if *record == before {
        return Received::Same;
    }
    if cause == Some(Cause::DeclinedByPerson) {
        slot.usage.paused_until = slot.usage.paused_until.max(now + op.pause_ms);
    }
    Received::Moved(slot.record.clone().expect("checked above"))
}
