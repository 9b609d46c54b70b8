//! Mutants of checks, cancels, and what a resend does to the code.

use super::{right, view};
use crate::model::{Channel, DeliveryState, Ms, RecordKind, Status};
use crate::store::embedded::rules::Slot;
use crate::store::{Cancel, Canceled, Check, Checked, Record, Resend, Resent};

fn check(slot: &mut Slot, op: &Check, now: Ms) -> Checked {
    (right().check)(slot, op, now)
}

/// The same with the record changed while the rule looks at it.
fn with<T>(slot: &mut Slot, change: impl Fn(&mut Record), then: impl Fn(&mut Slot) -> T) -> T {
    slot.record.iter_mut().for_each(change);
    then(slot)
}

pub fn wrong_is_not_counted(slot: &mut Slot, op: &Check, now: Ms) -> Checked {
    match check(slot, op, now) {
        Checked::Wrong(_) => {
            slot.record.iter_mut().for_each(|record| record.wrong -= 1);
            view(slot, now).map_or(Checked::NotFound, Checked::Wrong)
        }
        answer => answer,
    }
}

pub fn the_last_wrong_one_ends_nothing(slot: &mut Slot, op: &Check, now: Ms) -> Checked {
    let most = slot.record.as_ref().map_or(0, |record| record.max_wrong);
    let answer = with(slot, |record| record.max_wrong = u32::MAX, |slot| check(slot, op, now));
    slot.record.iter_mut().for_each(|record| record.max_wrong = most);
    match answer {
        Checked::Wrong(_) => view(slot, now).map_or(Checked::NotFound, Checked::Wrong),
        answer => answer,
    }
}

pub fn approval_keeps_the_code(slot: &mut Slot, op: &Check, now: Ms) -> Checked {
    let before = slot.record.clone();
    let answer = check(slot, op, now);
    if let (Checked::Approved(_), Some(record), Some(before)) = (&answer, &mut slot.record, before) {
        record.secret = before.secret;
    }
    answer
}

pub fn approved_twice(slot: &mut Slot, op: &Check, now: Ms) -> Checked {
    let before = slot.clone();
    let answer = check(slot, op, now);
    if let Checked::Approved(_) = answer {
        *slot = before;
    }
    answer
}

pub fn superseded_is_right(slot: &mut Slot, op: &Check, now: Ms) -> Checked {
    let record = slot.record.as_ref().filter(|record| record.superseded.contains(&op.code_hash));
    let hash = record.and_then(|record| record.code_hash).unwrap_or(op.code_hash);
    check(slot, &Check { code_hash: hash, ..op.clone() }, now)
}

pub fn superseded_is_wrong(slot: &mut Slot, op: &Check, now: Ms) -> Checked {
    let old = slot.record.as_ref().map(|record| record.superseded.clone()).unwrap_or_default();
    let answer = with(slot, |record| record.superseded.clear(), |slot| check(slot, op, now));
    if let (Checked::Wrong(_), Some(record)) = (&answer, &mut slot.record) {
        record.superseded = old;
        return view(slot, now).map_or(Checked::NotFound, Checked::Wrong);
    }
    answer
}

/// Checks at another instant than the store's.
fn early(slot: &mut Slot, op: &Check, now: Ms, by: Ms) -> Checked {
    let pending = slot.record.as_ref().is_some_and(|record| record.status == Status::Pending);
    match slot.record.as_ref().map(|record| record.expires) {
        Some(expires) if pending && expires <= now && now < expires.saturating_add(by) => {
            let change = |record: &mut Record| record.expires = now + 1;
            let answer = with(slot, change, |slot| check(slot, op, now));
            slot.record.iter_mut().for_each(|record| record.expires = expires);
            answer
        }
        _ => check(slot, op, now),
    }
}

pub fn expired_is_right(slot: &mut Slot, op: &Check, now: Ms) -> Checked {
    early(slot, op, now, Ms::MAX)
}

pub fn lives_a_millisecond_longer(slot: &mut Slot, op: &Check, now: Ms) -> Checked {
    early(slot, op, now, 1)
}

pub fn checked_by_anybody(slot: &mut Slot, op: &Check, now: Ms) -> Checked {
    let tenant = slot.record.as_ref().map_or(&op.tenant, |record| &record.tenant).clone();
    check(slot, &Check { tenant, ..op.clone() }, now)
}

/// Puts the deliveries back as they were, where `which` says so.
fn restore(slot: &mut Slot, before: Option<Record>, which: impl Fn(Channel, DeliveryState) -> bool) {
    if let (Some(record), Some(before)) = (&mut slot.record, before) {
        for (delivery, before) in record.deliveries.iter_mut().zip(before.deliveries) {
            if which(before.channel, before.state) {
                *delivery = before;
            }
        }
    }
}

pub fn approval_stops_nothing(slot: &mut Slot, op: &Check, now: Ms) -> Checked {
    let before = slot.record.clone();
    match check(slot, op, now) {
        Checked::Approved(_) => {
            restore(slot, before, |_, _| true);
            view(slot, now).map_or(Checked::NotFound, Checked::Approved)
        }
        answer => answer,
    }
}

pub fn failure_is_not_noted(slot: &mut Slot, op: &Check, now: Ms) -> Checked {
    let before = slot.usage.failures.clone();
    let answer = check(slot, op, now);
    slot.usage.failures = before;
    answer
}

pub fn canceled_by_anybody(slot: &mut Slot, op: &Cancel, now: Ms) -> Canceled {
    let tenant = slot.record.as_ref().map_or(&op.tenant, |record| &record.tenant).clone();
    (right().cancel)(slot, &Cancel { tenant, ..op.clone() }, now)
}

pub fn cancel_lets_calls_go_on(slot: &mut Slot, op: &Cancel, now: Ms) -> Canceled {
    let before = slot.record.clone();
    match (right().cancel)(slot, op, now) {
        Canceled::Done(_) => {
            restore(slot, before, |channel, state| channel == Channel::Voice && state > DeliveryState::Queued);
            view(slot, now).map_or(Canceled::NotFound, Canceled::Done)
        }
        answer => answer,
    }
}

pub fn cancel_keeps_it_open(slot: &mut Slot, op: &Cancel, now: Ms) -> Canceled {
    let before = slot.open.clone();
    let answer = (right().cancel)(slot, op, now);
    slot.open = before;
    answer
}

pub fn resent_by_anybody(slot: &mut Slot, op: &Resend, now: Ms) -> Resent {
    let tenant = slot.record.as_ref().map_or(&op.tenant, |record| &record.tenant).clone();
    (right().resend)(slot, &Resend { tenant, ..op.clone() }, now)
}

pub fn the_old_code_is_forgotten(slot: &mut Slot, op: &Resend, now: Ms) -> Resent {
    match (right().resend)(slot, op, now) {
        Resent::Queued(view) if view.record.kind() == RecordKind::Verification => {
            slot.record.iter_mut().for_each(|record| record.superseded.clear());
            super::view(slot, now).map_or(Resent::NotFound, Resent::Queued)
        }
        answer => answer,
    }
}

pub fn the_new_code_is_ignored(slot: &mut Slot, op: &Resend, now: Ms) -> Resent {
    (right().resend)(slot, &Resend { new_code: None, ..op.clone() }, now)
}
