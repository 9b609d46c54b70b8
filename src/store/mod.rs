//! What is kept, and the atomic steps that change it.
//!
//! Owns the traits that every store fulfils and the words they speak in: the
//! [`Record`] of a verification or message with its deliveries and attempts, the
//! operations on one number ([`Numbers`]), the wide limits ([`Limits`]), the log of
//! attempts ([`Archive`]), opt-outs ([`Consents`]), the log of evidence ([`Evidence`]),
//! the gateways ([`Fleet`]) and the few facts about the store itself ([`Facts`]). It
//! knows no keys of its own (sealed values and hashes come in ready) and decides nothing
//! about carriers.
//!
//! ```text
//! partition ── number (keyed hash) ── per tenant: sent, failures, paused, open records
//!           │                      └─ over all tenants: sent
//!           ├─ record ── deliveries ── attempts
//!           │           ├─ log of its attempts, longer than their records
//!           │           └─ opt-outs
//!           ├─ wakes: when a delivery is due, a lease ends, or a record expires
//!           └─ memos: kept answers by idempotency key
//! wide limits: address, prefix, country, tenant; each its own key, on no partition
//! names of attempts at carriers, counters of ten minutes: on no partition either
//! ```

mod archive;
pub mod conformance;
mod consents;
pub mod embedded;
mod evidence;
mod fleet;
mod ops;
mod record;
pub mod redis;
mod wide;

use std::sync::Arc;

use async_trait::async_trait;

pub use archive::{
    Archive, AttemptLog, LogEntry, Logged, PARKED_BYTES, PARKED_MOST, Reported, TALLY_KEPT_MS, TALLY_MS,
};
pub use consents::{Consents, OptOut};
pub use evidence::{BATCH_BYTES, Batch, Evidence, Kept, Placed};
pub use fleet::{BEAT_MS, Crew, Fleet, Switch};
pub use ops::{
    Begin, Begun, Cancel, Canceled, Check, Checked, Claim, Claimed, Lease, Memo, Moved, NewCode, Next, REFERENCE_BYTES,
    Recall, Receive, Received, Release, Renew, Renewed, Resend, Resent, Settle, Settled, Start, Started, Then, View,
};
pub use record::{Attempt, Delivery, Destination, Record};
pub use wide::{Take, Taken, Taking, Window};

pub use crate::model::Progress;

use crate::model::{Ms, Partition, RecordId, TenantId};

/// Why the store could not answer. Nothing of the operation happened, as far as
/// the store could tell; repeating it with the same [`Memo`] is safe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The store does not answer. It is tried again with the next operation.
    #[error("store is away: {0}")]
    Away(String),
    /// The disk or the memory is full; what was accepted stays.
    #[error("store is full")]
    Full,
    /// A newer version of the gateway wrote this record; it is left alone.
    #[error("record was written by a newer version of the gateway")]
    Newer,
    /// The store is set up in a way that cannot work, or not safely; says what to do.
    #[error("{0}")]
    Misconfigured(String),
    /// What is stored cannot be read.
    #[error("stored data cannot be read: {0}")]
    Unreadable(String),
}

impl StoreError {
    /// What is stored cannot be read, for this reason.
    pub fn unreadable(why: impl ToString) -> Self {
        StoreError::Unreadable(why.to_string())
    }
}

/// Operations on one number. Each is one atomic step on that number's partition,
/// and reads the store's own clock; the answer carries that instant.
#[async_trait]
pub trait Numbers: Send + Sync {
    /// The kept answer to a request with this idempotency key, if there is one.
    async fn recall(&self, partition: Partition, memo: &Memo) -> Result<Recall, StoreError>;
    /// A new record with its first delivery, or a resend in the one it joins.
    async fn start(&self, op: Start) -> Result<Started, StoreError>;
    /// One more delivery of an open record.
    async fn resend(&self, op: Resend) -> Result<Resent, StoreError>;
    /// Compares a code, counts a wrong one, approves a right one once.
    async fn check(&self, op: Check) -> Result<Checked, StoreError>;
    /// Ends an open record.
    async fn cancel(&self, op: Cancel) -> Result<Canceled, StoreError>;
    /// A tenant's record as it is now.
    async fn get(&self, id: RecordId, tenant: &TenantId) -> Result<Option<View>, StoreError>;
    /// A record whoever it belongs to, for work on its deliveries.
    async fn read(&self, id: RecordId) -> Result<Option<Record>, StoreError>;
    /// The open record of a tenant and number with this subject.
    async fn find_open(
        &self,
        tenant: &TenantId,
        number: &Destination,
        subject: crate::model::Digest,
    ) -> Result<Option<RecordId>, StoreError>;

    /// Takes the leases of due deliveries, and ends what has expired.
    async fn claim(&self, op: Claim) -> Result<Vec<Claimed>, StoreError>;
    /// Keeps a lease, and learns whether its delivery is still wanted.
    async fn renew(&self, op: Renew) -> Result<Renewed, StoreError>;
    /// Writes down the intent to submit, before the submit.
    async fn begin(&self, op: Begin) -> Result<Begun, StoreError>;
    /// Writes down what became of the submit, and what comes next.
    async fn settle(&self, op: Settle) -> Result<Settled, StoreError>;
    /// A carrier's report about an attempt. Repeats and late ones are harmless.
    async fn receive(&self, op: Receive) -> Result<Received, StoreError>;
    /// Hands a lease back, to be taken at once by anybody.
    async fn release(&self, op: Release) -> Result<(), StoreError>;
    /// When the next delivery is due or the next record expires; `None` if none.
    async fn next_wake(&self) -> Result<Option<Ms>, StoreError>;
}

/// The wide limits: sends per address, prefix block, country and tenant. A limit
/// never admits more than its count in any span; it may refuse up to a twelfth
/// of the span too long.
#[async_trait]
pub trait Limits: Send + Sync {
    /// Takes one from each, or none at all.
    async fn take(&self, takes: Vec<Take>) -> Result<Taking, StoreError>;
    /// Gives back what was taken for a send that was then refused.
    async fn give_back(&self, taken: Vec<Taken>) -> Result<(), StoreError>;
}

/// Facts about the store itself, written once: wrapped keys, partition count.
#[async_trait]
pub trait Facts: Send + Sync {
    /// The fact, if it was ever written.
    async fn fact(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Writes the fact unless there is one, and returns the one that stands.
    async fn set_once(&self, name: &str, value: Vec<u8>) -> Result<Vec<u8>, StoreError>;
    /// Replaces the fact.
    async fn set(&self, name: &str, value: Vec<u8>) -> Result<(), StoreError>;
    /// Whether the store answers, and may be written.
    async fn ping(&self) -> Result<(), StoreError>;
}

/// One store with all its faces. Cloning shares it.
#[derive(Clone)]
pub struct Store {
    /// Operations on one number.
    pub numbers: Arc<dyn Numbers>,
    /// The wide limits.
    pub limits: Arc<dyn Limits>,
    /// Facts about the store itself.
    pub facts: Arc<dyn Facts>,
    /// The gateways that share the store.
    pub fleet: Arc<dyn Fleet>,
    /// What was sent, and what became of it.
    pub archive: Arc<dyn Archive>,
    /// Who wants nothing more.
    pub consents: Arc<dyn Consents>,
    /// What was seen of the carriers.
    pub evidence: Arc<dyn Evidence>,
}
