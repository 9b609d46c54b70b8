//! What a case plays in: its store, two tenants, two numbers, and short words
//! for what a story does with them.

use std::sync::{Arc, Mutex};

use super::failure::{Told, Wrong, expected, holds};
use super::random::Random;
use super::{Harness, make};
use crate::model::{
    AttemptId, Channel, DeliveryId, Digest, HOUR, MINUTE, Ms, NumberLimits, Partition, RecordId, Refusal, TenantId,
};
use crate::store::{
    Begin, Begun, Cancel, Canceled, Check, Checked, Claim, Claimed, Destination, Lease, Moved, Progress, Receive,
    Received, Record, Renew, Renewed, Resend, Settle, Settled, Start, Started, Store, Then, View,
};

/// A store with people. Every name and number in it is its own.
pub struct World {
    pub harness: Arc<dyn Harness>,
    random: Mutex<Random>,
    clock: (RecordId, TenantId),
    /// The store.
    pub store: Store,
    /// Whose story it is.
    pub tenant: TenantId,
    /// Another tenant.
    pub stranger: TenantId,
    /// The number of the story.
    pub number: Destination,
    /// Another number.
    pub neighbour: Destination,
}

impl World {
    /// A world of that name. The same name gives the same ids.
    pub async fn new(harness: Arc<dyn Harness>, name: &str) -> Told<Self> {
        let (store, mut random) = (harness.store(), Random::named(name));
        let clock = make_clock(&store, &mut random).await?;
        let partition = Partition(random.between(0, 127) as u16);
        Ok(World {
            tenant: make::tenant(&mut random),
            stranger: make::tenant(&mut random),
            number: make::number(&mut random, partition),
            neighbour: make::number(&mut random, partition),
            random: Mutex::new(random),
            harness,
            store,
            clock,
        })
    }

    /// Something from the world's randomness.
    pub fn draw<T>(&self, make: impl FnOnce(&mut Random) -> T) -> T {
        make(&mut self.random.lock().expect("no case panics while drawing"))
    }

    /// A token that nobody has.
    pub fn token(&self) -> Digest {
        self.draw(Random::digest)
    }

    /// Time with nothing tolerated: the store's clock stands still unless told.
    pub fn is_exact(&self) -> bool {
        self.harness.tolerance_ms() == 0
    }

    /// Lets time pass.
    pub async fn pass(&self, ms: Ms) {
        self.harness.pass(ms).await;
    }

    /// Lets time pass until that instant of the store's clock.
    pub async fn pass_until(&self, instant: Ms) -> Told {
        while let Some(left) = instant.checked_sub(self.now().await?).filter(|left| *left > 0) {
            self.harness.pass(left).await;
        }
        Ok(())
    }

    /// The store's clock.
    pub async fn now(&self) -> Told<Ms> {
        let (id, tenant) = &self.clock;
        read_clock(&self.store, *id, tenant).await
    }

    /// A start of a new record of the world's tenant and number, that lives an hour.
    pub fn start(&self) -> Start {
        self.start_for(&self.tenant, &self.number)
    }

    /// The same for anybody.
    pub fn start_for(&self, tenant: &TenantId, number: &Destination) -> Start {
        self.draw(|random| {
            let record = make::record(random, tenant, number, HOUR);
            make::start(random, record)
        })
    }

    /// The same start with a change to the record that is to be.
    pub fn start_with(&self, change: impl FnOnce(&mut Record)) -> Start {
        let mut start = self.start();
        change(&mut start.record);
        start
    }

    /// A start that must make a record.
    pub async fn created(&self, start: Start) -> Told<View> {
        Ok(expected!(self.store.numbers.start(start).await?, Started::Created(view) => view))
    }

    /// A new record that lives so long.
    pub async fn lives(&self, ttl_ms: Ms) -> Told<View> {
        self.created(self.start_with(|record| record.expires = record.created + ttl_ms)).await
    }

    /// A start that must be refused.
    pub async fn refused(&self, start: Start) -> Told<(Refusal, Ms)> {
        Ok(expected!(self.store.numbers.start(start).await?, Started::Refused(refusal, now) => (refusal, now)))
    }

    /// A resend over SMS in a record, without limits.
    pub fn resend(&self, id: RecordId) -> Resend {
        let start = self.start();
        let Start { channel, asked_by, limits, lease, memo, .. } = start;
        Resend { id, tenant: self.tenant.clone(), channel, asked_by, limits, lease, new_code: None, memo }
    }

    /// A record's `k`-th code, given by the world's tenant.
    pub fn try_code(&self, id: RecordId, k: u64) -> Check {
        Check { id, tenant: self.tenant.clone(), code_hash: make::code(id, k), memo: None }
    }

    /// Checks a record's `k`-th code; the 0th is right until a resend replaces it.
    pub async fn check(&self, id: RecordId, k: u64) -> Told<Checked> {
        Ok(self.store.numbers.check(self.try_code(id, k)).await?)
    }

    /// Cancels a record.
    pub async fn cancel(&self, id: RecordId) -> Told<Canceled> {
        Ok(self.store.numbers.cancel(Cancel { id, tenant: self.tenant.clone() }).await?)
    }

    /// A record of the world's tenant as it is now; it must be there.
    pub async fn get(&self, id: RecordId) -> Told<View> {
        self.get_for(&self.tenant, id).await
    }

    /// The same for anybody.
    pub async fn get_for(&self, tenant: &TenantId, id: RecordId) -> Told<View> {
        let view = self.store.numbers.get(id, tenant).await?;
        view.ok_or_else(|| Wrong::new(format!("{id} is there"), &"nothing"))
    }

    /// Claims with a lease of a minute; the deliveries of the answer by id.
    pub async fn claim(&self, limit: usize) -> Told<(Digest, Vec<DeliveryId>)> {
        let lease = Lease { token: self.token(), ms: MINUTE };
        let claimed = self.store.numbers.claim(Claim { lease, limit }).await?;
        for Claimed { record, n } in &claimed {
            let token = record.delivery(*n).and_then(|delivery| Some(delivery.lease?.token));
            holds("a claimed delivery is under the claim's token", token == Some(lease.token), record)?;
        }
        Ok((lease.token, claimed.iter().map(|claimed| claimed.record.id.delivery(claimed.n)).collect()))
    }

    /// Renews a lease for so long.
    pub async fn renew(&self, id: DeliveryId, token: Digest, ms: Ms) -> Told<Renewed> {
        Ok(self.store.numbers.renew(Renew { id, lease: Lease { token, ms } }).await?)
    }

    /// Writes an intent.
    pub async fn begin(&self, id: DeliveryId, token: Digest) -> Told<Begun> {
        let (carrier, reason) = ("acme".into(), "the first of the route".into());
        Ok(self.store.numbers.begin(Begin { id, token, carrier, reason, sender: None }).await?)
    }

    /// Writes an intent that must be taken.
    pub async fn begun(&self, id: DeliveryId, token: Digest) -> Told<AttemptId> {
        Ok(expected!(self.begin(id, token).await?, Begun::Attempt(id) => id))
    }

    /// Settles an attempt.
    pub async fn settle(&self, id: AttemptId, token: Digest, moved: Moved) -> Told<Settled> {
        Ok(self.store.numbers.settle(Settle { id, token, moved }).await?)
    }

    /// Settles an attempt whose token must hold.
    pub async fn settled(&self, id: AttemptId, token: Digest, moved: Moved) -> Told<Record> {
        Ok(expected!(self.settle(id, token, moved).await?, Settled::Done(record) => record))
    }

    /// A receipt that tells nothing else, and after which a failure is one.
    pub fn receipt(&self, id: AttemptId, progress: Progress) -> Receive {
        Receive { id, progress, network: None, pause_ms: MINUTE, reference: None, then: Then::Fail }
    }

    /// A receipt; a person who declines pauses the number for a minute.
    pub async fn receive(&self, id: AttemptId, progress: Progress) -> Told<Received> {
        Ok(self.store.numbers.receive(self.receipt(id, progress)).await?)
    }

    /// A receipt that must move something.
    pub async fn moved(&self, id: AttemptId, progress: Progress) -> Told<Record> {
        Ok(expected!(self.receive(id, progress).await?, Received::Moved(record) => record))
    }

    /// A new record whose first delivery is with a carrier, which it reached
    /// with attempt 1.
    pub async fn submitted(&self, channel: Channel, keep_lease: bool) -> Told<(Record, AttemptId, Digest)> {
        let start = Start { channel, ..self.start() };
        let (id, token) = (start.record.id, start.lease.token);
        self.created(start).await?;
        let attempt = self.begun(id.delivery(1), token).await?;
        let moved = Moved::Submitted { reference: Some("SM1".into()), keep_lease };
        Ok((self.settled(attempt, token, moved).await?, attempt, token))
    }

    /// Open limits with a change.
    pub fn limits(&self, change: impl FnOnce(&mut NumberLimits)) -> NumberLimits {
        let mut limits = make::open_limits();
        change(&mut limits);
        limits
    }
}

/// A record that serves as a clock: it is over, so nothing happens to it any
/// more, but a look at it tells the store's time.
pub async fn make_clock(store: &Store, random: &mut Random) -> Told<(RecordId, TenantId)> {
    let (tenant, number) = (make::tenant(random), make::number(random, Partition(0)));
    let record = make::record(random, &tenant, &number, HOUR);
    let id = record.id;
    expected!(store.numbers.start(make::start(random, record)).await?, Started::Created(_));
    store.numbers.cancel(Cancel { id, tenant: tenant.clone() }).await?;
    Ok((id, tenant))
}

/// What the clock record says.
pub async fn read_clock(store: &Store, id: RecordId, tenant: &TenantId) -> Told<Ms> {
    match store.numbers.get(id, tenant).await? {
        Some(view) => Ok(view.now),
        None => Err(Wrong::new("a canceled record is kept for a day", &"nothing")),
    }
}
