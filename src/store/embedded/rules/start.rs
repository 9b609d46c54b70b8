//! Starts and resends: the number's own limits, the record and the delivery are
//! one step.

use super::{Open, Slot};
use crate::model::{AskedBy, Channel, DeliveryState, Ms, NumberLimits, RecordKind, Sent, Status};
use crate::store::ops::{Lease, Resend, Resent, Start, Started};
use crate::store::record::{Delivery, HeldUntil, Record};

pub fn start(slot: &mut Slot, op: &Start, now: Ms) -> Started {
    slot.open.retain(|open| open.expires > now);
    let joined = op.record.subject.and_then(|subject| {
        let id = slot.open.iter().find(|open| open.subject == Some(subject))?.id;
        slot.others.iter().find(|record| record.id == id && record.is_open(now)).cloned()
    });
    let joins = joined.is_some();
    if let Some(refusal) = slot.usage.refusal(&op.limits, op.channel, !joins, now) {
        return match joined {
            Some(record) => {
                slot.record = Some(record);
                Started::JoinedWaiting(slot.view(now).expect("set above"), refusal)
            }
            None => Started::Refused(refusal, now),
        };
    }
    let record = joined.unwrap_or_else(|| {
        let mut record = op.record.clone();
        // Only the store's clock counts; the caller's told the time to live.
        record.expires = now + record.expires.saturating_sub(record.created);
        record.created = now;
        record
    });
    // Messages have nothing to guess: they neither fill nor close the list.
    if !joins && record.kind() == RecordKind::Verification {
        make_room(slot, op.limits.open_verifications, now);
        slot.open.push(Open { id: record.id, subject: record.subject, expires: record.expires });
    }
    slot.record = Some(record);
    deliver(slot, op.channel, op.asked_by, op.lease, &op.limits, now);
    let view = slot.view(now).expect("set above");
    if joins { Started::Joined(view) } else { Started::Created(view) }
}

pub fn resend(slot: &mut Slot, op: &Resend, now: Ms) -> Resent {
    let Some(record) = slot.record.as_mut().filter(|record| record.tenant == op.tenant) else {
        return Resent::NotFound;
    };
    match record.status_at(now) {
        Status::Pending => {}
        ended => return Resent::Ended(ended),
    }
    if let Some(refusal) = slot.usage.refusal(&op.limits, op.channel, false, now) {
        return Resent::Refused(slot.view(now).expect("checked above"), refusal);
    }
    if let Some(new) = &op.new_code {
        record.superseded.extend(record.code_hash);
        record.code_hash = Some(new.hash);
        record.secret = Some(new.sealed.clone());
    }
    deliver(slot, op.channel, op.asked_by, op.lease, &op.limits, now);
    Resent::Queued(slot.view(now).expect("checked above"))
}

/// Adds a delivery to the slot's record and counts it.
fn deliver(slot: &mut Slot, channel: Channel, asked_by: AskedBy, lease: Lease, limits: &NumberLimits, now: Ms) {
    if let Some(record) = &mut slot.record {
        let held = HeldUntil { token: lease.token, until: now + lease.ms };
        // What the person asked for stands in for what was to cover an older one.
        record.deliveries.iter_mut().for_each(Delivery::uncover);
        record.deliveries.push(Delivery::queued(channel, asked_by, now, held));
    }
    slot.usage.sent.push(Sent { at: now, channel });
    slot.usage.sent_all_tenants.push(now);
    slot.usage.prune(limits, now);
}

/// Closes the oldest open records until one more fits.
fn make_room(slot: &mut Slot, most: u32, now: Ms) {
    while slot.open.len() >= most.max(1) as usize {
        let oldest = slot.open.remove(0);
        if let Some(record) = slot.others.iter_mut().find(|record| record.id == oldest.id) {
            end(record, Status::Canceled, now);
        }
    }
}

/// Ends a record: secrets go, and what is not yet with a carrier is not sent.
pub fn end(record: &mut Record, status: Status, now: Ms) {
    record.status = status;
    record.erase_secrets();
    for delivery in &mut record.deliveries {
        // An SMS that a carrier has cannot be called back; its receipt may come.
        if delivery.channel == Channel::Voice || !delivery.is_with_carrier() {
            delivery.advance(DeliveryState::Canceled, None, now);
        }
        delivery.uncover();
    }
}
