//! Checks and cancels: compare, count, single use.

use subtle::ConstantTimeEq;

use super::Slot;
use super::start::end;
use crate::model::{Digest, Ms, RecordKind, Status};
use crate::store::ops::{Cancel, Canceled, Check, Checked};

fn same(a: &Digest, b: &Digest) -> bool {
    a.0.ct_eq(&b.0).into()
}

pub fn check(slot: &mut Slot, op: &Check, now: Ms) -> Checked {
    let Some(record) =
        slot.record.as_mut().filter(|record| record.tenant == op.tenant && record.kind() == RecordKind::Verification)
    else {
        return Checked::NotFound;
    };
    match record.status_at(now) {
        Status::Pending => {}
        ended => return Checked::Ended(ended),
    }
    if record.code_hash.is_some_and(|hash| same(&hash, &op.code_hash)) {
        end(record, Status::Approved, now);
        slot.close();
        return Checked::Approved(slot.view(now).expect("checked above"));
    }
    if record.superseded.iter().any(|old| same(old, &op.code_hash)) {
        return Checked::Superseded(slot.view(now).expect("checked above"));
    }
    record.wrong += 1;
    if record.wrong >= record.max_wrong {
        end(record, Status::MaxAttemptsReached, now);
        slot.usage.failures.push(now);
        slot.close();
        return Checked::Ended(Status::MaxAttemptsReached);
    }
    Checked::Wrong(slot.view(now).expect("checked above"))
}

pub fn cancel(slot: &mut Slot, op: &Cancel, now: Ms) -> Canceled {
    let Some(record) = slot.record.as_mut().filter(|record| record.tenant == op.tenant) else {
        return Canceled::NotFound;
    };
    match record.status_at(now) {
        Status::Pending => {
            end(record, Status::Canceled, now);
            slot.close();
            Canceled::Done(slot.view(now).expect("checked above"))
        }
        Status::Canceled => Canceled::Done(slot.view(now).expect("checked above")),
        ended => Canceled::Ended(ended),
    }
}
