//! Leases, intents, outcomes and receipts.

use std::sync::Arc;

use super::{Model, Moment, What, due, erase, is_over, status, wake};
use crate::model::{AttemptState, Cause, Channel, DeliveryId, DeliveryState, Digest, Ms, Status};
use crate::store::conformance::operation::Answer;
use crate::store::record::HeldUntil;
use crate::store::{
    Attempt, Begin, Begun, Claim, Claimed, Delivery, Lease, Moved, Next, Progress, Receive, Received, Record, Release,
    Renew, Renewed, Settle, Then,
};

/// A lease that begins now.
pub fn hold(lease: Lease, now: Ms) -> HeldUntil {
    HeldUntil { token: lease.token, until: now + lease.ms }
}

/// A carrier took the last attempt and may still report about it.
pub fn carrier_has(delivery: &Delivery) -> bool {
    delivery.state != DeliveryState::Queued && has_it(delivery, 0)
}

/// Another attempt than `but` is with its carrier, or has arrived.
fn has_it(delivery: &Delivery, but: u16) -> bool {
    let others = (1..).zip(&delivery.attempts).filter(|(m, _)| *m != but);
    let mut states = others.map(|(_, attempt)| attempt.state);
    states.any(|state| state == AttemptState::Submitted || state == AttemptState::Delivered)
}

/// Every attempt but one has failed.
fn all_fell(delivery: &Delivery, but: u16) -> bool {
    let mut others = (1..).zip(&delivery.attempts).filter(|(m, _)| *m != but);
    others.all(|(_, attempt)| attempt.state == AttemptState::Failed)
}

/// How far a state is; nothing comes after 4.
fn stage(state: DeliveryState) -> u8 {
    match state {
        DeliveryState::Queued => 0,
        DeliveryState::Submitted => 1,
        DeliveryState::Ringing => 2,
        DeliveryState::Answered => 3,
        DeliveryState::Delivered | DeliveryState::Failed | DeliveryState::Canceled => 4,
    }
}

fn progress(delivery: &mut Delivery, to: DeliveryState, cause: Option<Cause>, now: Ms) {
    if stage(to) > stage(delivery.state) {
        (delivery.state, delivery.cause, delivery.changed) = (to, cause, now);
        if is_over(to) {
            (delivery.lease, delivery.due) = (None, None);
        }
    }
}

fn certainty(state: AttemptState) -> u8 {
    match state {
        AttemptState::Submitting => 0,
        AttemptState::Unknown => 1,
        AttemptState::Submitted => 2,
        AttemptState::Delivered | AttemptState::Failed => 3,
    }
}

fn learn(attempt: &mut Attempt, to: AttemptState, cause: Option<Cause>, now: Ms) {
    if certainty(to) > certainty(attempt.state) {
        (attempt.state, attempt.cause, attempt.changed) = (to, cause, now);
    }
}

/// A text that somebody looks at again while its carrier has it.
fn is_looked_after(delivery: &Delivery) -> bool {
    let waits = delivery.lease.is_none() && delivery.due.is_some() && !is_over(delivery.state);
    waits && delivery.channel == Channel::Sms && carrier_has(delivery)
}

/// What a carrier has, and nobody holds, is left to it.
pub fn stop_looking(delivery: &mut Delivery) {
    if carrier_has(delivery) && delivery.lease.is_none() {
        delivery.due = None;
    }
}

impl Model {
    fn delivery_mut(&mut self, id: DeliveryId) -> Option<&mut Delivery> {
        self.record_mut(id.record)?.delivery_mut(id.n)
    }

    fn held(&mut self, id: DeliveryId, token: Digest) -> Option<&mut Delivery> {
        // Looked at before it is borrowed to be changed: a state is shared until then.
        self.delivery(id)?.lease.filter(|held| held.token == token)?;
        self.delivery_mut(id)
    }

    pub fn claim(&mut self, op: &Claim, at: Moment) -> Answer {
        let (now, mut claimed) = (at.now, Vec::new());
        let is_seen = |record: &Record| wake(record).is_some_and(|wake| wake <= now) && !at.missed.contains(&record.id);
        for record in self.records.iter_mut().filter(|record| is_seen(record)) {
            let record = Arc::make_mut(record);
            if record.status == Status::Pending && status(record, now) == Status::Expired {
                record.status = Status::Expired;
                erase(record);
                for delivery in record.deliveries.iter_mut().filter(|d| !carrier_has(d)) {
                    progress(delivery, DeliveryState::Failed, Some(Cause::ExpiredUnsent), now);
                }
                record.deliveries.iter_mut().for_each(stop_looking);
            }
            let mut taken = Vec::new();
            for (delivery, n) in record.deliveries.iter_mut().zip(1..) {
                if due(delivery).is_some_and(|due| due <= now) {
                    delivery.lease = Some(hold(op.lease, now));
                    taken.push(n);
                }
            }
            claimed.extend(taken.into_iter().map(|n| Claimed { record: record.clone(), n }));
        }
        Answer::Claimed(claimed)
    }

    pub fn renew(&mut self, op: &Renew, now: Ms) -> Answer {
        Answer::Renewed(if self.delivery(op.id).is_none_or(|delivery| is_over(delivery.state)) {
            Renewed::Ended
        } else if let Some(delivery) = self.held(op.id, op.lease.token) {
            delivery.lease = Some(hold(op.lease, now));
            Renewed::Held
        } else {
            Renewed::Lost
        })
    }

    pub fn begin(&mut self, op: &Begin, now: Ms) -> Answer {
        let wanted = |record: &Record| status(record, now) == Status::Pending;
        let ended = !self.record(op.id.record).is_some_and(wanted)
            || self.delivery(op.id).is_none_or(|delivery| is_over(delivery.state));
        let newest = self.record(op.id.record).map_or(0, |record| record.deliveries.len());
        let is_replaced = |delivery: &Delivery| delivery.channel == Channel::Sms && carrier_has(delivery);
        let replaced = usize::from(op.id.n) != newest && self.delivery(op.id).is_some_and(is_replaced);
        if ended || replaced {
            return Answer::Begun(Begun::Ended);
        }
        let Some(delivery) = self.held(op.id, op.token) else { return Answer::Begun(Begun::Lost) };
        for attempt in &mut delivery.attempts {
            if attempt.state == AttemptState::Submitting {
                (attempt.state, attempt.changed) = (AttemptState::Unknown, now);
            }
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
        let begun = Begun::Attempt(op.id.attempt(delivery.attempts.len() as u16));
        if op.sender.is_some() {
            self.record_mut(op.id.record).expect("seen above").v = 2;
        }
        Answer::Begun(begun)
    }

    pub fn settle(&mut self, op: &Settle, now: Ms) -> Answer {
        let id = op.id.delivery;
        let expires = self.record(id.record).map(|record| record.expires);
        let is_newest = self.record(id.record).is_some_and(|record| record.deliveries.len() == usize::from(id.n));
        let (Some(expires), Some(delivery)) = (expires, self.held(id, op.token)) else {
            return Answer::from(None);
        };
        let arrived = delivery.attempts.iter().any(|attempt| attempt.state == AttemptState::Delivered);
        let lost = !delivery.attempts.is_empty() && all_fell(delivery, 0);
        let last = delivery.attempts.last().and_then(|attempt| attempt.cause);
        let attempt = delivery.attempt_mut(op.id.m);
        match &op.moved {
            Moved::Submitted { .. } if op.id.m == 0 && arrived => {
                progress(delivery, DeliveryState::Delivered, None, now);
            }
            Moved::Submitted { .. } if op.id.m == 0 && lost => {
                progress(delivery, DeliveryState::Failed, last, now);
            }
            Moved::Submitted { reference, .. } | Moved::Covered { reference, .. } => {
                let mut fell = false;
                if let Some(attempt) = attempt {
                    attempt.reference = reference.clone().or(attempt.reference.take());
                    learn(attempt, AttemptState::Submitted, None, now);
                    // A receipt came first, and it is the carrier's last word.
                    fell = attempt.state == AttemptState::Failed;
                }
                progress(delivery, DeliveryState::Submitted, None, now);
                let again = match op.moved {
                    Moved::Covered { again_ms, .. } => {
                        Some(now + again_ms).filter(|again| is_newest && *again < expires)
                    }
                    _ => None,
                };
                let held = matches!(op.moved, Moved::Submitted { keep_lease: true, .. });
                if !held && !fell {
                    (delivery.lease, delivery.due) = (None, again);
                }
            }
            Moved::Failed(cause, next) => {
                if let Some(attempt) = attempt {
                    learn(attempt, AttemptState::Failed, Some(*cause), now);
                }
                follow(delivery, *cause, *next, expires, now);
            }
            Moved::Unknown(next) => {
                let cause = Cause::TemporaryCarrierFault;
                if let Some(attempt) = attempt {
                    learn(attempt, AttemptState::Unknown, Some(cause), now);
                }
                follow(delivery, cause, *next, expires, now);
            }
        }
        Answer::from(self.record(id.record))
    }

    pub fn receive(&mut self, op: &Receive, now: Ms) -> Answer {
        let id = op.id.delivery;
        let Some(delivery) = self.delivery(id) else { return Received::Unknown.into() };
        let last = delivery.attempts.len();
        if op.id.m == 0 || usize::from(op.id.m) > last {
            return Received::Unknown.into();
        }
        let before = self.record(id.record).cloned();
        let is_open = before.as_ref().is_some_and(|record| status(record, now) == Status::Pending);
        let delivery = self.delivery_mut(id).expect("seen above");
        let (attempt_state, state, cause) = match op.progress {
            Progress::Ringing => (AttemptState::Submitted, DeliveryState::Ringing, None),
            Progress::Answered => (AttemptState::Submitted, DeliveryState::Answered, None),
            Progress::Delivered => (AttemptState::Delivered, DeliveryState::Delivered, None),
            Progress::Failed(cause) => (AttemptState::Failed, DeliveryState::Failed, Some(cause)),
        };
        let looked_after = is_looked_after(delivery);
        let another_has_it = delivery.state != DeliveryState::Queued && has_it(delivery, op.id.m);
        let attempt = delivery.attempt_mut(op.id.m).expect("counted above");
        let before_it = attempt.state;
        learn(attempt, attempt_state, cause, now);
        if let (None, Some(reference)) = (&attempt.reference, &op.reference) {
            attempt.reference = Some(reference.clone());
        }
        let is_last = usize::from(op.id.m) == last;
        let left_alone = delivery.state == DeliveryState::Submitted && delivery.lease.is_none();
        let decides = is_last || left_alone && all_fell(delivery, op.id.m);
        match op.progress {
            Progress::Delivered if op.then == Then::Doubt && looked_after => {}
            Progress::Delivered => progress(delivery, state, cause, now),
            Progress::Ringing | Progress::Answered if is_last => progress(delivery, state, cause, now),
            Progress::Failed(_) if decides && certainty(before_it) < 3 => {
                // A submit that runs is judged by whoever runs it.
                let with_carrier = delivery.lease.is_none() || before_it == AttemptState::Submitted;
                let unheard =
                    matches!(delivery.state, DeliveryState::Queued | DeliveryState::Submitted | DeliveryState::Ringing);
                if with_carrier && op.then == Then::Another && is_open && unheard {
                    (delivery.lease, delivery.due) = (None, Some(now));
                    delivery.retries += 1;
                } else if with_carrier && !another_has_it {
                    progress(delivery, state, cause, now);
                }
            }
            Progress::Ringing | Progress::Answered | Progress::Failed(_) => {}
        }
        let record = self.record_mut(id.record).expect("seen above");
        if let Some(network) = &op.network {
            record.to.network = network.clone();
        }
        let record = record.clone();
        if before.as_ref() == Some(&record) {
            return Received::Same.into();
        }
        if cause == Some(Cause::DeclinedByPerson) {
            self.note(&record.tenant, record.to.hash, now, What::Paused(now + op.pause_ms));
        }
        Received::Moved(record).into()
    }

    pub fn release(&mut self, op: &Release, now: Ms) -> Answer {
        if let Some(delivery) = self.held(op.id, op.token) {
            (delivery.lease, delivery.due) = (None, Some(now));
        }
        Answer::Released
    }
}

fn follow(delivery: &mut Delivery, cause: Cause, next: Next, expires: Ms, now: Ms) {
    match next {
        Next::Another => {}
        Next::Later(ms) if now + ms < expires => {
            (delivery.lease, delivery.due) = (None, Some(now + ms));
            delivery.retries += 1;
        }
        Next::Later(_) | Next::Never => {
            progress(delivery, DeliveryState::Failed, Some(cause), now);
        }
    }
}
