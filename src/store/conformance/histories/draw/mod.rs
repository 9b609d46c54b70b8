//! What happens in a history: people, limits and operations, drawn so that most
//! of them meet something and some name what is not there.

mod kinds;

use std::sync::Arc;

use super::super::make;
use super::super::model::Model;
use super::super::operation::{Answer, Keeps, Operation};
use super::super::random::Random;
use super::search::Call;
use crate::model::{
    AskedBy, Channel, DeliveryId, Digest, LimitName, LimitSpec, Ms, NumberLimits, Partition, RecordId, RecordKind,
    Status, TenantId,
};
use crate::store::{Delivery, Destination, Lease, Memo, Record, Take, Taken, Taking};

type Kind = fn(&mut Draw, &Model) -> Operation;

/// How often each operation is drawn.
const KINDS: &[(u64, Kind)] = &[
    (14, Draw::start),
    (12, Draw::resend),
    (14, Draw::check),
    (2, Draw::cancel),
    (3, Draw::get),
    (3, Draw::find_open),
    (4, Draw::recall),
    (9, Draw::claim),
    (5, Draw::renew),
    (14, Draw::begin),
    (15, Draw::settle),
    (15, Draw::receive),
    (3, Draw::release),
    (5, Draw::take),
    (3, Draw::give_back),
    (2, Draw::next_wake),
];

/// A history's people and what is known of them.
pub struct Draw {
    random: Random,
    /// The store's clock before the round.
    now: Ms,
    tenants: Vec<TenantId>,
    numbers: Vec<Destination>,
    limits: NumberLimits,
    lives: (Ms, Ms),
    subjects: Vec<Digest>,
    takes: Vec<Take>,
    /// Every record that was ever asked for, made or not.
    owners: Vec<(RecordId, TenantId)>,
    /// How many codes it has had, in the same order.
    codes: Vec<u64>,
    tokens: Vec<Digest>,
    memos: Vec<(Memo, Keeps)>,
    taken: Vec<Vec<Taken>>,
}

impl Draw {
    pub fn new(mut random: Random) -> Self {
        let partition = Partition(random.between(0, 127) as u16);
        let (tenants, numbers) = (random.between(1, 2), random.between(1, 2));
        let spec = |random: &mut Random, low, high| LimitSpec {
            count: random.between(low, high) as u32,
            per_ms: random.between(100, 500),
        };
        // One limit of three is out of the way, so that the others are seen too.
        let mut limits = make::open_limits();
        limits.sms_interval_ms = *random.pick(&[0, 0, 50, 120]).unwrap_or(&0);
        limits.voice_interval_ms = *random.pick(&[0, 0, 60, 200]).unwrap_or(&0);
        if random.chance(60) {
            limits.deliveries = spec(&mut random, 2, 6);
        }
        if random.chance(60) {
            limits.deliveries_all_tenants = spec(&mut random, 2, 7);
        }
        limits.open_verifications = random.between(1, 4) as u32;
        if random.chance(60) {
            limits.day_deliveries = random.between(2, 15) as u32;
            limits.day_failures = random.between(1, 2) as u32;
            limits.day_waits_ms = random.pick(&[vec![], vec![80], vec![50, 100, 200]]).cloned().unwrap_or_default();
        }
        let names = [LimitName::Address, LimitName::Prefix, LimitName::Tenant];
        let takes = names.map(|limit| {
            let (count, per_ms) = (random.between(1, 4) as u32, 12 * random.between(10, 40));
            Take { limit, key: random.digest(), spec: LimitSpec { count, per_ms } }
        });
        let shortest = random.between(80, 900);
        Draw {
            tenants: (0..tenants).map(|_| make::tenant(&mut random)).collect(),
            numbers: (0..numbers).map(|_| make::number(&mut random, partition)).collect(),
            limits,
            lives: (shortest, shortest * 3),
            subjects: (0..2).map(|_| random.digest()).collect(),
            takes: takes.to_vec(),
            owners: Vec::new(),
            codes: Vec::new(),
            tokens: vec![random.digest()],
            memos: Vec::new(),
            taken: Vec::new(),
            now: 0,
            random,
        }
    }

    /// The limits in force.
    pub fn limits(&self) -> &NumberLimits {
        &self.limits
    }

    /// Every record that was asked for, with its tenant.
    pub fn owners(&self) -> &[(RecordId, TenantId)] {
        &self.owners
    }

    /// What happens at once next, in a state of things.
    pub fn round(&mut self, state: &Model, now: Ms) -> Vec<Operation> {
        self.now = now;
        let count = self.random.between(1, 3);
        let kind = |random: &mut Random| {
            if state.records().is_empty() { Draw::start } else { random.weighed(KINDS) }
        };
        (0..count).map(|_| kind(&mut self.random)(self, state)).collect()
    }

    /// How long nothing happens then: often just until something turns.
    pub fn pass(&mut self, state: &Model, now: Ms) -> Ms {
        let turns: Vec<Ms> = state.turns(&self.limits).iter().filter_map(|turn| turn.checked_sub(now)).collect();
        let near: Vec<Ms> = turns.into_iter().filter(|left| (1..=250).contains(left)).collect();
        match self.random.between(0, 9) {
            0..=3 => 0,
            4..=7 if !near.is_empty() => {
                let left = *self.random.pick(&near).expect("not empty");
                left + self.random.between(0, 2) - 1
            }
            8 => self.random.between(0, 200),
            _ => self.random.between(0, 40),
        }
    }

    /// Remembers what a round brought to light.
    pub fn learn(&mut self, calls: &[Call]) {
        for call in calls {
            if let Answer::Taking(Taking::Taken(taken)) = &call.answer {
                self.taken.push(taken.clone());
            }
        }
    }

    fn channel(&mut self) -> Channel {
        if self.random.chance(60) { Channel::Sms } else { Channel::Voice }
    }

    fn tenant(&mut self) -> TenantId {
        self.random.pick(&self.tenants).expect("at least one").clone()
    }

    fn number(&mut self) -> Destination {
        self.random.pick(&self.numbers).expect("at least one").clone()
    }

    fn lease(&mut self) -> Lease {
        let ms = self.random.between(30, 250);
        let lease = make::lease(&mut self.random, ms);
        self.tokens.push(lease.token);
        lease
    }

    fn asked_by(&mut self) -> AskedBy {
        if self.random.chance(50) { AskedBy::Person } else { AskedBy::System }
    }

    /// A key for such an operation: none, a fresh one, one that was used, or
    /// one that was used for something else.
    fn memo(&mut self, keeps: Keeps) -> Option<Memo> {
        if self.random.chance(70) {
            return None;
        }
        let used: Vec<Memo> = self.memos.iter().filter(|memo| memo.1 == keeps).map(|memo| memo.0).collect();
        let recent = used.len().saturating_sub(3);
        match self.random.pick(&used[recent..]).copied() {
            Some(memo) if self.random.chance(60) => Some(memo),
            Some(memo) if self.random.chance(30) => Some(Memo { fingerprint: self.random.digest(), ..memo }),
            _ => {
                let keep_ms = self.random.between(50, 400);
                let memo = make::memo(&mut self.random, keep_ms);
                self.memos.push((memo, keeps));
                Some(memo)
            }
        }
    }

    /// A record that is there: rather an open one.
    fn record(&mut self, state: &Model) -> Option<Record> {
        let open = |record: &&Arc<Record>| record.status == Status::Pending && self.now < record.expires;
        let open: Vec<_> = state.records().iter().filter(open).collect();
        let any: Vec<_> = state.records().iter().collect();
        let from = if self.random.chance(80) && !open.is_empty() { open } else { any };
        self.random.pick(&from).map(|record| (***record).clone())
    }

    /// A record's id and tenant; sometimes not its tenant, or no record at all.
    fn named(&mut self, state: &Model) -> (RecordId, TenantId) {
        let other = self.tenant();
        match self.record(state) {
            Some(record) if self.random.chance(93) => (record.id, record.tenant),
            Some(record) if self.random.chance(70) => (record.id, other),
            _ => {
                let number = self.number();
                (make::id(&mut self.random, RecordKind::Verification, &number), other)
            }
        }
    }

    /// A delivery and its record: rather one as wished for. `None` is rather
    /// something else, since there is none.
    fn delivery(&mut self, state: &Model, wish: impl Fn(&Record, &Delivery) -> bool) -> Option<(DeliveryId, Record)> {
        let all = state.records().iter().flat_map(|r| r.deliveries.iter().zip(1..).map(move |(d, n)| (r, d, n)));
        let all: Vec<_> = all.collect();
        let wished: Vec<_> = all.iter().filter(|(record, delivery, _)| wish(record, delivery)).copied().collect();
        let from = if self.random.chance(88) { wished } else { all };
        let (record, _, n) = self.random.pick(&from)?;
        // Now and then one that is not there: the 0th, or the one after the last.
        let n = match self.random.between(0, 49) {
            0 => 0,
            1 => record.deliveries.len() as u16 + 1,
            _ => *n,
        };
        Some((record.id.delivery(n), (***record).clone()))
    }

    /// A delivery, its record and a token: mostly the one that holds it.
    fn held(
        &mut self,
        state: &Model,
        wish: impl Fn(&Record, &Delivery) -> bool,
    ) -> Option<(DeliveryId, Record, Digest)> {
        let (id, record) = self.delivery(state, wish)?;
        let lease = record.delivery(id.n).and_then(|delivery| delivery.lease);
        let any = *self.random.pick(&self.tokens).expect("at least one");
        let token = lease.filter(|_| self.random.chance(88)).map_or(any, |held| held.token);
        Some((id, record, token))
    }

    /// Something to work on.
    fn more(&mut self, state: &Model) -> Operation {
        if self.random.chance(40) { self.start(state) } else { self.resend(state) }
    }
}
