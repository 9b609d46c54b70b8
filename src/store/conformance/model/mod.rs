//! A store as plain as can be: every record in a list, everything that ever
//! counted in a log, and each answer worked out anew from those. Written from
//! what the traits promise, so that a mistake in a store's rules is not made
//! here too: none of their code is used, only the words of records and answers.

mod codes;
mod counts;
mod jobs;

use std::sync::Arc;

use super::operation::{Answer, Operation, Recalled};
use crate::model::{
    Channel, DAY, DeliveryId, DeliveryState, Digest, Ms, NumberHash, NumberLimits, RecordId, RecordKind, Status,
    TenantId,
};
use crate::store::{Delivery, Memo, Received, Record, Settled, View};

/// All that a store should hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Grouped by tenant and number, and in the order of their starts there.
    records: Vec<Arc<Record>>,
    /// Everything that ever counted, in no order that matters.
    log: Vec<Event>,
    memos: Vec<Kept>,
    counted: Vec<Counted>,
    /// The span over which a number's deliveries of all tenants count.
    all_tenants_ms: Ms,
}

/// Something that counts for a number and tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    tenant: TenantId,
    number: NumberHash,
    at: Ms,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Sent(Channel),
    Failed,
    /// At an instant, until another: the person pressed 9.
    Paused(Ms),
}

/// A kept answer.
#[derive(Debug, Clone, PartialEq)]
struct Kept {
    memo: Memo,
    until: Ms,
    /// It has surely ended by then: later than `until` where the instant at which it was kept
    /// did not show.
    late: Ms,
    answer: Answer,
}

impl Kept {
    fn may_have_ended(&self, at: Moment) -> bool {
        self.until <= at.now && at.now < self.late
    }
}

/// One taken from a wide limit, between two instants.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Counted {
    key: Digest,
    per_ms: Ms,
    slice: u64,
    first: Ms,
    last: Ms,
}

/// When an operation happened: at `now`, as far as that shows; surely between
/// `first` and `last`.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    pub now: Ms,
    /// Records that a claim overlooked: it may list what is due before it takes it.
    pub missed: &'a [RecordId],
    pub first: Ms,
    pub last: Ms,
}

impl Model {
    /// An empty store, whose deliveries over all tenants count over this span.
    pub fn new(all_tenants_ms: Ms) -> Self {
        let (records, log, memos, counted) = Default::default();
        Model { records, log, memos, counted, all_tenants_ms }
    }

    /// Every record.
    pub fn records(&self) -> &[Arc<Record>] {
        &self.records
    }

    /// Does the operation, and compares: the error is the answer that this
    /// state would have given.
    pub fn apply(&mut self, op: &Operation, seen: &Answer, at: Moment) -> Result<(), String> {
        let doubtful = |kept: &Kept| op.memo().is_some_and(|memo| memo.key == kept.memo.key) && kept.may_have_ended(at);
        let ended = self.memos.iter().position(doubtful).map(|place| {
            let mut ended = self.clone();
            ended.memos.remove(place);
            self.memos[place].until = at.now + 1;
            ended
        });
        let done = self.act(op, seen, at);
        match ended {
            Some(mut ended) if done.is_err() => {
                ended.act(op, seen, at)?;
                *self = ended;
                Ok(())
            }
            _ => done,
        }
    }

    fn act(&mut self, op: &Operation, seen: &Answer, at: Moment) -> Result<(), String> {
        let now = at.now;
        let expected = match op {
            Operation::Start(op) => self.start(op, seen, now),
            Operation::Resend(op) => self.resend(op, seen, now),
            Operation::Check(op) => self.check(op, now),
            Operation::Cancel(op) => self.cancel(op, now),
            Operation::Get(id, tenant) => Answer::Got(self.owned(*id, tenant).map(|record| self.view(record, now))),
            Operation::FindOpen(tenant, to, subject) => {
                let found = self.open(tenant, to.hash, now).find(|record| record.subject == Some(*subject));
                Answer::Found(found.map(|record| record.id))
            }
            Operation::Recall(_, memo, _) => self.recall(memo, now),
            Operation::Claim(op) => self.claim(op, at),
            Operation::Renew(op) => self.renew(op, now),
            Operation::Begin(op) => self.begin(op, now),
            Operation::Settle(op) => self.settle(op, now),
            Operation::Receive(op) => self.receive(op, now),
            Operation::Release(op) => self.release(op, now),
            Operation::NextWake => Answer::Wakes(self.wakes().map(|(_, wake)| wake).min()),
            Operation::Take(takes) => return self.take(takes, seen, at),
            Operation::GiveBack(taken) => self.give_back(taken),
        };
        if let (None, Some(memo)) = (seen.instant(), op.memo()) {
            let just = |kept: &&mut Kept| kept.memo == *memo && kept.until == now + memo.keep_ms;
            if let Some(kept) = self.memos.iter_mut().find(just) {
                (kept.until, kept.late) = (at.first + memo.keep_ms, at.last + memo.keep_ms);
            }
        }
        let (expected, seen) = (self.tidy(expected), self.tidy(seen.clone()));
        if expected == seen { Ok(()) } else { Err(format!("{expected:?}")) }
    }

    /// An answer without what a store may do as it likes: keep counts that no
    /// limit looks at any more, or order a claim's deliveries.
    fn tidy(&self, mut answer: Answer) -> Answer {
        if let Some(view) = answer.view_mut() {
            let now = view.now;
            view.usage.sent.retain(|sent| sent.at + DAY > now);
            view.usage.sent.sort_by_key(|sent| (sent.at, sent.channel));
            view.usage.failures.retain(|at| at + DAY > now);
            view.usage.sent_all_tenants.retain(|at| at + self.all_tenants_ms > now);
            if view.usage.paused_until <= now {
                view.usage.paused_until = 0;
            }
        }
        if let Answer::Recalled(Recalled::Kept(kept)) = answer {
            return Answer::Recalled(Recalled::Kept(Box::new(self.tidy(*kept))));
        }
        if let Answer::Claimed(claimed) = &mut answer {
            claimed.sort_by_key(|claimed| (claimed.record.id, claimed.n));
            for claimed in claimed {
                // One claim may take two deliveries of a record, one after the other.
                let others = claimed.record.deliveries.iter_mut().zip(1..).filter(|(_, n)| *n != claimed.n);
                others.for_each(|(delivery, _)| delivery.lease = None);
            }
        }
        answer
    }

    /// Forgets memos that have ended, so that states which differ in nothing
    /// else are one.
    pub fn forget(&mut self, now: Ms) {
        self.memos.retain(|kept| kept.late > now);
    }

    /// Instants at which something may change by itself.
    pub fn turns(&self, limits: &NumberLimits) -> Vec<Ms> {
        let mut turns = Vec::new();
        for record in &self.records {
            turns.push(record.expires);
            turns.extend(record.deliveries.iter().filter_map(due));
        }
        for event in &self.log {
            let spans = [
                limits.sms_interval_ms,
                limits.voice_interval_ms,
                limits.deliveries.per_ms,
                limits.deliveries_all_tenants.per_ms,
            ];
            turns.extend(spans.iter().chain(&limits.day_waits_ms).map(|span| event.at + span));
            if let What::Paused(until) = event.what {
                turns.push(until);
            }
        }
        turns.extend(self.memos.iter().flat_map(|kept| [kept.until, kept.late]));
        turns.extend(self.counted.iter().map(|counted| counted.first + counted.per_ms));
        turns
    }

    /// When each record wants to be looked at.
    fn wakes(&self) -> impl Iterator<Item = (&Record, Ms)> {
        self.records.iter().filter_map(|record| Some((record.as_ref(), wake(record)?)))
    }

    /// The records that have wanted it since an instant; whether a lease would be taken, too.
    pub fn woken(&self, since: Ms, now: Ms) -> impl Iterator<Item = (RecordId, bool)> {
        let woken = self.wakes().filter(move |(_, wake)| (since..=now).contains(wake));
        woken.map(move |(record, _)| (record.id, status(record, now) != Status::Expired))
    }

    fn record(&self, id: RecordId) -> Option<&Record> {
        self.records.iter().find(|record| record.id == id).map(AsRef::as_ref)
    }

    fn record_mut(&mut self, id: RecordId) -> Option<&mut Record> {
        self.records.iter_mut().find(|record| record.id == id).map(Arc::make_mut)
    }

    fn owned(&self, id: RecordId, tenant: &TenantId) -> Option<&Record> {
        self.record(id).filter(|record| record.tenant == *tenant)
    }

    fn delivery(&self, id: DeliveryId) -> Option<&Delivery> {
        self.record(id.record)?.delivery(id.n)
    }

    /// A tenant's open verifications for a number, oldest first.
    fn open(&self, tenant: &TenantId, number: NumberHash, now: Ms) -> impl Iterator<Item = &Record> {
        let of = move |record: &&Record| {
            record.kind() == RecordKind::Verification && record.tenant == *tenant && record.to.hash == number
        };
        self.records.iter().map(AsRef::as_ref).filter(of).filter(move |record| status(record, now) == Status::Pending)
    }

    fn view(&self, record: &Record, now: Ms) -> View {
        let usage = self.usage(&record.tenant, record.to.hash, now);
        View { record: record.clone(), usage, now, replayed: false }
    }

    fn note(&mut self, tenant: &TenantId, number: NumberHash, at: Ms, what: What) {
        let event = Event { tenant: tenant.clone(), number, at, what };
        let place = self.log.partition_point(|other| *other < event);
        self.log.insert(place, event);
    }
}

/// A record's status, whether or not somebody has swept it.
fn status(record: &Record, now: Ms) -> Status {
    if record.status == Status::Pending && record.expires <= now { Status::Expired } else { record.status }
}

fn is_over(state: DeliveryState) -> bool {
    matches!(state, DeliveryState::Delivered | DeliveryState::Failed | DeliveryState::Canceled)
}

/// When a delivery may be claimed.
fn due(delivery: &Delivery) -> Option<Ms> {
    match delivery.lease {
        _ if is_over(delivery.state) => None,
        Some(held) => Some(held.until),
        None => delivery.due,
    }
}

/// When a record wants to be looked at.
fn wake(record: &Record) -> Option<Ms> {
    let expiry = (record.status == Status::Pending).then_some(record.expires);
    record.deliveries.iter().filter_map(due).chain(expiry).min()
}

/// Takes every secret out.
fn erase(record: &mut Record) {
    (record.secret, record.code_hash, record.superseded) = (None, None, Vec::new());
}

impl From<Option<&Record>> for Answer {
    fn from(record: Option<&Record>) -> Self {
        Answer::Settled(record.map_or(Settled::Lost, |record| Settled::Done(record.clone())))
    }
}

impl From<Received> for Answer {
    fn from(received: Received) -> Self {
        Answer::Received(received)
    }
}
