//! Starts, resends, checks and cancels, and the answers that are kept.

use std::sync::Arc;

use super::jobs::carrier_has;
use super::{Kept, Model, What, erase, is_over, status};
use crate::model::{AskedBy, Channel, DeliveryState, Ms, RecordId, RecordKind, Status};
use crate::store::conformance::operation::{Answer, Recalled};
use crate::store::{
    Cancel, Canceled, Check, Checked, Delivery, Lease, Memo, Record, Resend, Resent, Start, Started, View,
};

impl Model {
    /// The kept answer to this key, if there is one for this body.
    fn kept(&self, memo: &Memo, now: Ms) -> Option<Option<&Answer>> {
        let kept = self.memos.iter().find(|kept| kept.memo.key == memo.key && now < kept.until)?;
        Some((kept.memo.fingerprint == memo.fingerprint).then_some(&kept.answer))
    }

    pub fn recall(&self, memo: &Memo, now: Ms) -> Answer {
        Answer::Recalled(match self.kept(memo, now) {
            None => Recalled::Nothing,
            Some(None) => Recalled::OtherBody,
            Some(Some(answer)) => Recalled::Kept(Box::new(answer.clone())),
        })
    }

    /// What a repeat is told, if this is one.
    fn repeated(&self, memo: Option<&Memo>, other_body: Answer, now: Ms) -> Option<Answer> {
        let Some(answer) = self.kept(memo?, now)? else { return Some(other_body) };
        let mut answer = answer.clone();
        if let Some(view) = answer.view_mut() {
            view.replayed = true;
        }
        Some(answer)
    }

    fn keep(&mut self, memo: Option<&Memo>, answer: Answer, now: Ms) -> Answer {
        if let Some(memo) = memo.filter(|_| answer.is_kept()) {
            let mut kept = self.tidy(answer.clone());
            if let Some(view) = kept.view_mut() {
                erase(&mut view.record);
            }
            self.memos.retain(|other| other.memo.key != memo.key);
            let place = self.memos.partition_point(|other| other.memo.key < memo.key);
            let until = now + memo.keep_ms;
            self.memos.insert(place, Kept { memo: *memo, until, late: until, answer: kept });
        }
        answer
    }

    pub fn start(&mut self, op: &Start, seen: &Answer, now: Ms) -> Answer {
        if let Some(answer) = self.repeated(op.memo.as_ref(), Answer::Started(Started::OtherBody), now) {
            return answer;
        }
        let (tenant, number) = (&op.record.tenant, op.record.to.hash);
        let joins = self.open(tenant, number, now).find(|r| r.subject.is_some() && r.subject == op.record.subject);
        let joins = joins.map(|record| record.id);
        let refusal = self.refusal((tenant, number), &op.limits, (op.channel, joins.is_none()), (now, seen));
        let answer = match (joins, refusal) {
            (None, Some(refusal)) => Started::Refused(refusal, now),
            (Some(id), Some(refusal)) => Started::JoinedWaiting(self.view_of(id, now), refusal),
            (Some(id), None) => Started::Joined(self.deliver(id, op.channel, op.asked_by, op.lease, now)),
            (None, None) => {
                if op.record.kind() == RecordKind::Verification {
                    self.make_room(op, now);
                }
                let id = self.insert(&op.record, now);
                Started::Created(self.deliver(id, op.channel, op.asked_by, op.lease, now))
            }
        };
        self.keep(op.memo.as_ref(), Answer::Started(answer), now)
    }

    /// Closes the oldest until the new one is at most the last that may be open.
    fn make_room(&mut self, op: &Start, now: Ms) {
        let open: Vec<_> = self.open(&op.record.tenant, op.record.to.hash, now).map(|record| record.id).collect();
        let stay = op.limits.open_verifications.saturating_sub(1) as usize;
        for id in &open[..open.len().saturating_sub(stay)] {
            self.end(*id, Status::Canceled, now);
        }
    }

    fn insert(&mut self, record: &Record, now: Ms) -> RecordId {
        let lives = record.expires - record.created;
        let made = Record { created: now, expires: now + lives, ..record.clone() };
        let group = |record: &Record| (record.tenant.clone(), record.to.hash);
        let place = self.records.partition_point(|other| group(other) <= group(&made));
        self.records.insert(place, Arc::new(made));
        record.id
    }

    fn view_of(&self, id: RecordId, now: Ms) -> View {
        self.view(self.record(id).expect("the caller has just seen it"), now)
    }

    fn deliver(&mut self, id: RecordId, channel: Channel, asked_by: AskedBy, lease: Lease, now: Ms) -> View {
        let record = self.record_mut(id).expect("the caller has just seen it");
        record.deliveries.iter_mut().for_each(super::jobs::stop_looking);
        record.deliveries.push(Delivery {
            channel,
            asked_by,
            state: DeliveryState::Queued,
            cause: None,
            created: now,
            changed: now,
            due: Some(now),
            retries: 0,
            lease: Some(super::jobs::hold(lease, now)),
            attempts: Vec::new(),
        });
        let (tenant, number) = (record.tenant.clone(), record.to.hash);
        self.note(&tenant, number, now, What::Sent(channel));
        self.view_of(id, now)
    }

    /// Ends a record: no secret stays, and what needs not be sent is not.
    fn end(&mut self, id: RecordId, to: Status, now: Ms) {
        let record = self.record_mut(id).expect("the caller has just seen it");
        record.status = to;
        erase(record);
        for delivery in &mut record.deliveries {
            let stops = !carrier_has(delivery) || delivery.channel == Channel::Voice;
            if stops && !is_over(delivery.state) {
                (delivery.state, delivery.cause, delivery.changed) = (DeliveryState::Canceled, None, now);
                (delivery.lease, delivery.due) = (None, None);
            }
            super::jobs::stop_looking(delivery);
        }
    }

    pub fn resend(&mut self, op: &Resend, seen: &Answer, now: Ms) -> Answer {
        if let Some(answer) = self.repeated(op.memo.as_ref(), Answer::Resent(Resent::OtherBody), now) {
            return answer;
        }
        let Some(record) = self.owned(op.id, &op.tenant) else { return Answer::Resent(Resent::NotFound) };
        let answer = match status(record, now) {
            Status::Pending => {
                let who = (&record.tenant, record.to.hash);
                match self.refusal(who, &op.limits, (op.channel, false), (now, seen)) {
                    Some(refusal) => Resent::Refused(self.view(record, now), refusal),
                    None => {
                        if let (Some(new), Some(record)) = (&op.new_code, self.record_mut(op.id)) {
                            let old = record.code_hash.replace(new.hash);
                            record.superseded.extend(old);
                            record.secret = Some(new.sealed.clone());
                        }
                        Resent::Queued(self.deliver(op.id, op.channel, op.asked_by, op.lease, now))
                    }
                }
            }
            ended => Resent::Ended(ended),
        };
        self.keep(op.memo.as_ref(), Answer::Resent(answer), now)
    }

    pub fn check(&mut self, op: &Check, now: Ms) -> Answer {
        if let Some(answer) = self.repeated(op.memo.as_ref(), Answer::Checked(Checked::OtherBody), now) {
            return answer;
        }
        let answer = self.compare(op, now);
        self.keep(op.memo.as_ref(), Answer::Checked(answer), now)
    }

    fn compare(&mut self, op: &Check, now: Ms) -> Checked {
        let Some(record) = self.owned(op.id, &op.tenant).filter(|r| r.kind() == RecordKind::Verification) else {
            return Checked::NotFound;
        };
        let ended = status(record, now);
        if ended != Status::Pending {
            return Checked::Ended(ended);
        }
        if record.code_hash == Some(op.code_hash) {
            self.end(op.id, Status::Approved, now);
            return Checked::Approved(self.view_of(op.id, now));
        }
        if record.superseded.contains(&op.code_hash) {
            return Checked::Superseded(self.view(record, now));
        }
        let (tenant, number, max_wrong) = (record.tenant.clone(), record.to.hash, record.max_wrong);
        let record = self.record_mut(op.id).expect("seen above");
        record.wrong += 1;
        if record.wrong < max_wrong {
            return Checked::Wrong(self.view_of(op.id, now));
        }
        self.end(op.id, Status::MaxAttemptsReached, now);
        self.note(&tenant, number, now, What::Failed);
        Checked::Ended(Status::MaxAttemptsReached)
    }

    pub fn cancel(&mut self, op: &Cancel, now: Ms) -> Answer {
        let Some(record) = self.owned(op.id, &op.tenant) else { return Answer::Canceled(Canceled::NotFound) };
        let ended = status(record, now);
        if ended == Status::Pending {
            self.end(op.id, Status::Canceled, now);
        }
        Answer::Canceled(match ended {
            Status::Pending | Status::Canceled => Canceled::Done(self.view_of(op.id, now)),
            ended => Canceled::Ended(ended),
        })
    }
}
