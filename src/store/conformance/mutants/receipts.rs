//! Mutants of receipts, and of what goes on after them.

use super::jobs::{delivery, settled};
use super::right;
use crate::model::{Cause, DeliveryState, Ms, Progress, Status};
use crate::store::embedded::rules::Slot;
use crate::store::{Receive, Received, Settle, Settled, Then};

fn moved(slot: &Slot, answer: Received) -> Received {
    match (answer, &slot.record) {
        (Received::Moved(_), Some(record)) => Received::Moved(record.clone()),
        (answer, _) => answer,
    }
}

pub fn receipts_move_backward(slot: &mut Slot, op: &Receive, now: Ms) -> Received {
    let answer = (right().receive)(slot, op, now);
    let late = delivery(slot, op.id.delivery.n).filter(|delivery| delivery.state == DeliveryState::Answered);
    if let (Progress::Ringing, Received::Same, Some(delivery)) = (op.progress, &answer, late) {
        delivery.state = DeliveryState::Ringing;
    }
    answer
}

pub fn repeats_are_news(slot: &mut Slot, op: &Receive, now: Ms) -> Received {
    match ((right().receive)(slot, op, now), &slot.record) {
        (Received::Same, Some(record)) => Received::Moved(record.clone()),
        (answer, _) => answer,
    }
}

pub fn earlier_attempts_fail_it(slot: &mut Slot, op: &Receive, now: Ms) -> Received {
    let answer = (right().receive)(slot, op, now);
    if let (Progress::Failed(cause), Received::Moved(_)) = (op.progress, &answer)
        && let Some(delivery) = delivery(slot, op.id.delivery.n)
        && delivery.state == DeliveryState::Submitted
    {
        delivery.advance(DeliveryState::Failed, Some(cause), now);
    }
    moved(slot, answer)
}

pub fn strays_hit_the_last(slot: &mut Slot, op: &Receive, now: Ms) -> Received {
    let last = delivery(slot, op.id.delivery.n).map_or(0, |delivery| delivery.attempts.len()) as u16;
    let id = if op.id.m > last { op.id.delivery.attempt(last) } else { op.id };
    (right().receive)(slot, &Receive { id, ..op.clone() }, now)
}

pub fn declining_pauses_nothing(slot: &mut Slot, op: &Receive, now: Ms) -> Received {
    (right().receive)(slot, &Receive { pause_ms: 0, ..op.clone() }, now)
}

pub fn declining_again_pauses_longer(slot: &mut Slot, op: &Receive, now: Ms) -> Received {
    let answer = (right().receive)(slot, op, now);
    if let (Progress::Failed(Cause::DeclinedByPerson), Received::Same) = (op.progress, &answer) {
        slot.usage.paused_until = slot.usage.paused_until.max(now + op.pause_ms);
    }
    answer
}

pub fn networks_are_ignored(slot: &mut Slot, op: &Receive, now: Ms) -> Received {
    (right().receive)(slot, &Receive { network: None, ..op.clone() }, now)
}

pub fn another_is_never_tried(slot: &mut Slot, op: &Receive, now: Ms) -> Received {
    (right().receive)(slot, &Receive { then: Then::Fail, ..op.clone() }, now)
}

pub fn another_is_tried_after_the_end(slot: &mut Slot, op: &Receive, now: Ms) -> Received {
    let before = slot.record.as_ref().map(|record| (record.status, record.expires));
    slot.record.iter_mut().for_each(|record| (record.status, record.expires) = (Status::Pending, Ms::MAX));
    let answer = (right().receive)(slot, op, now);
    if let (Some(record), Some(before)) = (&mut slot.record, before) {
        (record.status, record.expires) = before;
    }
    moved(slot, answer)
}

pub fn another_takes_an_answered_call(slot: &mut Slot, op: &Receive, now: Ms) -> Received {
    if let (Then::Another, Some(delivery)) = (op.then, delivery(slot, op.id.delivery.n))
        && delivery.state == DeliveryState::Answered
    {
        delivery.state = DeliveryState::Ringing;
    }
    (right().receive)(slot, op, now)
}

pub fn another_waits_for_a_call_that_failed(slot: &mut Slot, op: &Receive, now: Ms) -> Received {
    let held = delivery(slot, op.id.delivery.n).is_some_and(|delivery| delivery.lease.is_some());
    let then = if held { Then::Fail } else { op.then };
    (right().receive)(slot, &Receive { then, ..op.clone() }, now)
}

pub fn a_submit_in_flight_is_taken_away(slot: &mut Slot, op: &Receive, now: Ms) -> Received {
    if let (Then::Another, Some(delivery)) = (op.then, delivery(slot, op.id.delivery.n)) {
        delivery.lease = None;
    }
    (right().receive)(slot, op, now)
}

pub fn what_overtook_its_answer_is_let_go(slot: &mut Slot, op: &Settle, now: Ms) -> Settled {
    let answer = (right().settle)(slot, op, now);
    if let (Settled::Done(_), crate::store::Moved::Submitted { keep_lease: false, .. }) = (&answer, &op.moved)
        && let Some(delivery) = delivery(slot, op.id.delivery.n)
    {
        delivery.lease = None;
    }
    settled(slot, answer)
}

pub fn another_is_no_retry(slot: &mut Slot, op: &Receive, now: Ms) -> Received {
    let before = delivery(slot, op.id.delivery.n).map_or(0, |delivery| delivery.retries);
    let answer = (right().receive)(slot, op, now);
    delivery(slot, op.id.delivery.n).into_iter().for_each(|delivery| delivery.retries = before);
    moved(slot, answer)
}

pub fn another_waits_a_while(slot: &mut Slot, op: &Receive, now: Ms) -> Received {
    let before = delivery(slot, op.id.delivery.n).map_or(0, |delivery| delivery.retries);
    let answer = (right().receive)(slot, op, now);
    let goes_on = delivery(slot, op.id.delivery.n).filter(|delivery| delivery.retries > before);
    goes_on.into_iter().for_each(|delivery| delivery.due = Some(now + 50));
    moved(slot, answer)
}

pub fn a_repeat_fails_what_goes_on(slot: &mut Slot, op: &Receive, now: Ms) -> Received {
    let answer = (right().receive)(slot, op, now);
    if let (Progress::Failed(cause), Received::Same) = (op.progress, &answer)
        && let Some(delivery) = delivery(slot, op.id.delivery.n)
        && delivery.attempts.len() == usize::from(op.id.m)
    {
        delivery.advance(DeliveryState::Failed, Some(cause), now);
    }
    answer
}

pub fn references_are_ignored(slot: &mut Slot, op: &Receive, now: Ms) -> Received {
    (right().receive)(slot, &Receive { reference: None, ..op.clone() }, now)
}

pub fn references_are_replaced(slot: &mut Slot, op: &Receive, now: Ms) -> Received {
    let m = usize::from(op.id.m).wrapping_sub(1);
    let attempt = delivery(slot, op.id.delivery.n).and_then(|delivery| delivery.attempts.get_mut(m));
    if let (Some(attempt), Some(_)) = (attempt, &op.reference) {
        attempt.reference = None;
    }
    (right().receive)(slot, op, now)
}

pub fn the_told_reference_is_forgotten(slot: &mut Slot, op: &Settle, now: Ms) -> Settled {
    let answer = (right().settle)(slot, op, now);
    let m = usize::from(op.id.m).wrapping_sub(1);
    if let (Settled::Done(_), crate::store::Moved::Submitted { reference: None, .. }) = (&answer, &op.moved)
        && let Some(attempt) = delivery(slot, op.id.delivery.n).and_then(|delivery| delivery.attempts.get_mut(m))
    {
        attempt.reference = None;
    }
    settled(slot, answer)
}

pub fn what_goes_on_outlives_its_record(slot: &mut Slot, (): &(), now: Ms) {
    let before = slot.record.clone();
    (right().expire)(slot, &(), now);
    if let (Some(record), Some(before)) = (&mut slot.record, before) {
        let both = record.deliveries.iter_mut().zip(before.deliveries);
        both.filter(|(_, before)| before.state > DeliveryState::Queued).for_each(|(after, before)| *after = before);
    }
}
