//! Mutants of starts, and of the limits that starts and resends ask.

use super::{right, view};
use crate::model::{LimitSpec, Ms, NumberLimits, Sent};
use crate::store::embedded::rules::Slot;
use crate::store::{Record, Resend, Resent, Start, Started};

fn start(slot: &mut Slot, op: &Start, now: Ms) -> Started {
    (right().start)(slot, op, now)
}

fn start_under(slot: &mut Slot, op: &Start, now: Ms, limits: NumberLimits) -> Started {
    start(slot, &Start { limits, ..op.clone() }, now)
}

/// The answer with the slot as it is by now.
fn again(slot: &Slot, answer: Started, now: Ms) -> Started {
    match (answer, view(slot, now)) {
        (Started::Created(_), Some(view)) => Started::Created(view),
        (Started::Joined(_), Some(view)) => Started::Joined(view),
        (answer, _) => answer,
    }
}

pub fn start_is_not_counted(slot: &mut Slot, op: &Start, now: Ms) -> Started {
    let before = slot.usage.clone();
    let answer = start(slot, op, now);
    slot.usage = before;
    again(slot, answer, now)
}

pub fn a_join_waits_like_a_start(slot: &mut Slot, op: &Start, now: Ms) -> Started {
    let open =
        |record: &&Record| record.subject.is_some() && record.subject == op.record.subject && record.is_open(now);
    let refusal = slot.usage.refusal(&op.limits, op.channel, true, now);
    if let (Some(record), Some(refusal)) = (slot.others.iter().find(open).cloned(), refusal) {
        slot.record = Some(record);
        if let Some(view) = view(slot, now) {
            return Started::JoinedWaiting(view, refusal);
        }
    }
    start(slot, op, now)
}

pub fn subjects_are_ignored(slot: &mut Slot, op: &Start, now: Ms) -> Started {
    let mut alone = op.clone();
    alone.record.subject = None;
    let answer = start(slot, &alone, now);
    if let (Started::Created(_), Some(record)) = (&answer, &mut slot.record) {
        record.subject = op.record.subject;
        slot.open.iter_mut().last().into_iter().for_each(|open| open.subject = op.record.subject);
    }
    again(slot, answer, now)
}

pub fn open_limit_is_ignored(slot: &mut Slot, op: &Start, now: Ms) -> Started {
    start_under(slot, op, now, NumberLimits { open_verifications: u32::MAX, ..op.limits.clone() })
}

pub fn open_limit_is_one_more(slot: &mut Slot, op: &Start, now: Ms) -> Started {
    let open_verifications = op.limits.open_verifications + 1;
    start_under(slot, op, now, NumberLimits { open_verifications, ..op.limits.clone() })
}

pub fn the_newest_is_closed(slot: &mut Slot, op: &Start, now: Ms) -> Started {
    slot.open.retain(|open| open.expires > now);
    if slot.open.len() >= op.limits.open_verifications as usize && !slot.open.is_empty() {
        slot.open.rotate_right(1);
    }
    start(slot, op, now)
}

pub fn intervals_end_early(slot: &mut Slot, op: &Start, now: Ms) -> Started {
    let sms_interval_ms = op.limits.sms_interval_ms.saturating_sub(1);
    let voice_interval_ms = op.limits.voice_interval_ms.saturating_sub(1);
    start_under(slot, op, now, NumberLimits { sms_interval_ms, voice_interval_ms, ..op.limits.clone() })
}

pub fn a_pause_holds_nobody(slot: &mut Slot, op: &Start, now: Ms) -> Started {
    let paused_until = std::mem::take(&mut slot.usage.paused_until);
    let answer = start(slot, op, now);
    slot.usage.paused_until = paused_until;
    again(slot, answer, now)
}

pub fn a_bad_day_holds_nobody(slot: &mut Slot, op: &Start, now: Ms) -> Started {
    start_under(slot, op, now, NumberLimits { day_waits_ms: Vec::new(), ..op.limits.clone() })
}

pub fn other_tenants_do_not_count(slot: &mut Slot, op: &Start, now: Ms) -> Started {
    let all = std::mem::take(&mut slot.usage.sent_all_tenants);
    slot.usage.sent_all_tenants = slot.usage.sent.iter().map(|sent| sent.at).collect();
    let answer = start(slot, op, now);
    let counted = matches!(answer, Started::Created(_) | Started::Joined(_));
    slot.usage.sent_all_tenants = all;
    slot.usage.sent_all_tenants.extend(counted.then_some(now));
    again(slot, answer, now)
}

pub fn the_callers_clock_counts(slot: &mut Slot, op: &Start, now: Ms) -> Started {
    let answer = start(slot, op, now);
    if let (Started::Created(_), Some(record)) = (&answer, &mut slot.record) {
        record.created = op.record.created;
    }
    again(slot, answer, now)
}

pub fn refused_is_counted(slot: &mut Slot, op: &Resend, now: Ms) -> Resent {
    let answer = (right().resend)(slot, op, now);
    if let Resent::Refused(..) = answer {
        slot.usage.sent.push(Sent { at: now, channel: op.channel });
        slot.usage.sent_all_tenants.push(now);
    }
    answer
}

pub fn resend_is_not_counted(slot: &mut Slot, op: &Resend, now: Ms) -> Resent {
    let before = slot.usage.clone();
    match (right().resend)(slot, op, now) {
        Resent::Queued(_) => {
            slot.usage = before;
            view(slot, now).map_or(Resent::NotFound, Resent::Queued)
        }
        answer => answer,
    }
}

pub fn one_more_fits_the_window(slot: &mut Slot, op: &Resend, now: Ms) -> Resent {
    let more = |spec: LimitSpec| LimitSpec { count: spec.count + 1, ..spec };
    let (deliveries, all) = (more(op.limits.deliveries), more(op.limits.deliveries_all_tenants));
    let limits = NumberLimits { deliveries, deliveries_all_tenants: all, ..op.limits.clone() };
    (right().resend)(slot, &Resend { limits, ..op.clone() }, now)
}
