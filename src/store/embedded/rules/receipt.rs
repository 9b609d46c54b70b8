//! Receipts: states only move forward, repeats and late ones change nothing.

use super::Slot;
use crate::model::{AttemptState, Cause, Channel, DeliveryState, Ms, Progress};
use crate::store::ops::{Receive, Received};

pub fn receive(slot: &mut Slot, op: &Receive, now: Ms) -> Received {
    let Some(record) = slot.record.as_mut() else { return Received::Unknown };
    let before = record.clone();
    let Some(delivery) = record.delivery_mut(op.id.delivery.n) else { return Received::Unknown };
    let is_last = usize::from(op.id.m) == delivery.attempts.len();
    let Some(attempt) = usize::from(op.id.m).checked_sub(1).and_then(|i| delivery.attempts.get_mut(i)) else {
        return Received::Unknown;
    };
    let (attempt_state, delivery_state, cause) = match op.progress {
        Progress::Ringing => (AttemptState::Submitted, DeliveryState::Ringing, None),
        Progress::Answered => (AttemptState::Submitted, DeliveryState::Answered, None),
        Progress::Delivered => (AttemptState::Delivered, DeliveryState::Delivered, None),
        Progress::Failed(cause) => (AttemptState::Failed, DeliveryState::Failed, Some(cause)),
    };
    if !attempt.state.is_final() && attempt_state > attempt.state {
        (attempt.state, attempt.cause, attempt.changed) = (attempt_state, cause, now);
    }
    // What an earlier attempt failed at says nothing about the one that runs now,
    // but a message that arrived has arrived, whoever brought it.
    if is_last || delivery_state == DeliveryState::Delivered {
        // While a worker holds a queued SMS, a failure is the worker's to judge:
        // it may be on its way to the next carrier.
        let in_hands = delivery.channel == Channel::Sms
            && delivery.state == DeliveryState::Queued
            && delivery.lease.is_some()
            && delivery_state == DeliveryState::Failed;
        if !in_hands {
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
