//! Each kind of operation, as it is drawn in a state of things.

use super::Draw;
use crate::model::{Cause, Channel, Network, RecordKind, Sealed, Status};
use crate::store::conformance::make;
use crate::store::conformance::model::Model;
use crate::store::conformance::operation::{Keeps, Operation};
use crate::store::{
    Begin, Cancel, Check, Claim, Delivery, Lease, Memo, Moved, NewCode, Next, Progress, Receive, Record, Release,
    Renew, Resend, Settle, Then,
};

impl Draw {
    pub fn start(&mut self, _: &Model) -> Operation {
        let (tenant, number) = (self.tenant(), self.number());
        let ttl_ms = self.random.between(self.lives.0, self.lives.1);
        let mut record = make::record(&mut self.random, &tenant, &number, ttl_ms);
        if self.random.chance(10) {
            record.id = make::id(&mut self.random, RecordKind::Message, &number);
        }
        record.max_wrong = self.random.between(1, 4) as u32;
        record.subject = self.random.pick(&self.subjects).copied().filter(|_| self.random.chance(40));
        self.owners.push((record.id, tenant));
        self.codes.push(1);
        let mut start = make::start(&mut self.random, record);
        (start.channel, start.asked_by) = (self.channel(), self.asked_by());
        (start.limits, start.lease) = (self.limits.clone(), self.lease());
        start.memo = self.memo(Keeps::Start);
        Operation::Start(Box::new(start))
    }

    pub fn resend(&mut self, state: &Model) -> Operation {
        let (id, tenant) = self.named(state);
        let codes = self.owners.iter().position(|owner| owner.0 == id).map(|i| &mut self.codes[i]);
        let new_code = codes.filter(|_| self.random.chance(55)).map(|count| {
            // Now and then an old code comes back.
            let k = if self.random.chance(10) { 0 } else { *count };
            *count += 1;
            NewCode { sealed: Sealed(self.random.digest().0.to_vec()), hash: make::code(id, k) }
        });
        let (channel, asked_by, lease) = (self.channel(), self.asked_by(), self.lease());
        let (limits, memo) = (self.limits.clone(), self.memo(Keeps::Resend));
        Operation::Resend(Box::new(Resend { id, tenant, channel, asked_by, limits, lease, new_code, memo }))
    }

    pub fn check(&mut self, state: &Model) -> Operation {
        let (id, tenant) = self.named(state);
        let count = self.owners.iter().position(|owner| owner.0 == id).map_or(1, |i| self.codes[i]);
        let k = match self.random.between(0, 9) {
            0..=1 => count - 1,
            2..=4 => self.random.between(0, count - 1),
            _ => 1_000 + self.random.between(0, 5),
        };
        Operation::Check(Check { id, tenant, code_hash: make::code(id, k), memo: self.memo(Keeps::Check) })
    }

    pub fn cancel(&mut self, state: &Model) -> Operation {
        let (id, tenant) = self.named(state);
        Operation::Cancel(Cancel { id, tenant })
    }

    pub fn get(&mut self, state: &Model) -> Operation {
        let (id, tenant) = self.named(state);
        Operation::Get(id, tenant)
    }

    pub fn find_open(&mut self, _: &Model) -> Operation {
        let subject = *self.random.pick(&self.subjects).expect("there are two");
        Operation::FindOpen(self.tenant(), Box::new(self.number()), subject)
    }

    pub fn recall(&mut self, _: &Model) -> Operation {
        let partition = self.number().partition;
        let (memo, keeps) = match self.random.pick(&self.memos).copied() {
            Some((memo, keeps)) if self.random.chance(80) => (memo, keeps),
            Some((memo, keeps)) => (Memo { fingerprint: self.random.digest(), ..memo }, keeps),
            None => (make::memo(&mut self.random, 100), Keeps::Start),
        };
        Operation::Recall(partition, memo, keeps)
    }

    pub fn claim(&mut self, _: &Model) -> Operation {
        // All that is due: which ones a smaller claim takes is the store's to choose.
        Operation::Claim(Claim { lease: self.lease(), limit: 1_000 })
    }

    pub fn renew(&mut self, state: &Model) -> Operation {
        let Some((id, _, token)) = self.held(state, |_, delivery| delivery.lease.is_some()) else {
            return self.more(state);
        };
        Operation::Renew(Renew { id, lease: Lease { token, ms: self.random.between(30, 250) } })
    }

    pub fn begin(&mut self, state: &Model) -> Operation {
        let now = self.now;
        let wish = |record: &Record, delivery: &Delivery| {
            record.status == Status::Pending && now < record.expires && delivery.lease.is_some()
        };
        let Some((id, _, token)) = self.held(state, wish) else { return self.more(state) };
        let carrier = self.random.pick(&["acme", "birch", "cedar"]).expect("three").to_string();
        let sender = self.random.chance(40).then(|| "ACME".to_owned());
        Operation::Begin(Begin { id, token, carrier, reason: "drawn".into(), sender })
    }

    pub fn settle(&mut self, state: &Model) -> Operation {
        let wish = |_: &Record, delivery: &Delivery| delivery.lease.is_some() && !delivery.attempts.is_empty();
        let Some((id, record, token)) = self.held(state, wish) else { return self.begin(state) };
        let delivery = record.delivery(id.n);
        let last = delivery.map_or(0, |delivery| delivery.attempts.len()) as u64;
        let is_call = delivery.is_some_and(|delivery| delivery.channel == Channel::Voice);
        let m = if self.random.chance(88) { last } else { self.random.between(0, last) };
        let next = match self.random.between(0, 9) {
            0..=4 => Next::Another,
            5..=7 => Next::Later(self.random.between(10, 400)),
            _ => Next::Never,
        };
        let reference = self.random.chance(70).then(|| format!("{:x}", self.random.number()));
        let keep_lease = self.random.chance(if is_call { 70 } else { 15 });
        let moved = match self.random.between(0, 9) {
            0..=2 => Moved::Submitted { reference, keep_lease },
            3..=4 => Moved::Covered { reference, again_ms: self.random.between(10, 400) },
            5..=7 => Moved::Failed(self.cause(), next),
            _ => Moved::Unknown(next),
        };
        Operation::Settle(Settle { id: id.attempt(m as u16), token, moved })
    }

    fn cause(&mut self) -> Cause {
        *self.random.pick(&[Cause::CarrierFiltered, Cause::RateLimited, Cause::NoAnswer]).expect("three")
    }

    pub fn receive(&mut self, state: &Model) -> Operation {
        let wish = |_: &Record, delivery: &Delivery| !delivery.attempts.is_empty();
        let Some((id, record)) = self.delivery(state, wish) else { return self.begin(state) };
        let delivery = record.delivery(id.n);
        let last = delivery.map_or(0, |delivery| delivery.attempts.len()) as u64;
        let m = if self.random.chance(75) { last } else { self.random.between(0, last + 1) };
        let progress = match self.random.between(0, 9) {
            0..=2 => Progress::Ringing,
            3..=4 => Progress::Answered,
            5..=6 => Progress::Delivered,
            7..=8 => Progress::Failed(self.cause()),
            _ => Progress::Failed(Cause::DeclinedByPerson),
        };
        let network = self.random.pick(&["440-10", "440-20"]).map(|name| Network::Known(name.to_string()));
        let network = network.filter(|_| self.random.chance(15));
        let pause_ms = self.random.between(50, 300);
        let reference = self.random.chance(25).then(|| format!("{:x}", self.random.number()));
        let then = *self.random.pick(&[Then::Another, Then::Another, Then::Fail, Then::Doubt]).expect("four");
        Operation::Receive(Receive { id: id.attempt(m as u16), progress, network, pause_ms, reference, then })
    }

    pub fn release(&mut self, state: &Model) -> Operation {
        let Some((id, _, token)) = self.held(state, |_, delivery| delivery.lease.is_some()) else {
            return self.more(state);
        };
        Operation::Release(Release { id, token })
    }

    pub fn take(&mut self, _: &Model) -> Operation {
        let takes = self.takes.clone();
        let some = takes.into_iter().filter(|_| self.random.chance(60)).collect();
        Operation::Take(some)
    }

    pub fn give_back(&mut self, state: &Model) -> Operation {
        match self.taken.pop() {
            Some(taken) => Operation::GiveBack(taken),
            None => self.take(state),
        }
    }

    pub fn next_wake(&mut self, _: &Model) -> Operation {
        Operation::NextWake
    }
}
