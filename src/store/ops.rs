//! The operations on one number and their answers. Each names what it needs and
//! nothing else; none carries a code or a number in clear.

use serde::{Deserialize, Serialize};

use super::record::Record;
use crate::model::{
    AskedBy, AttemptId, Cause, Channel, DeliveryId, Digest, Ms, Network, NumberLimits, Progress, RecordId, Refusal,
    Sealed, Status, TenantId, Usage,
};

/// An idempotency key as the store knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memo {
    /// Hash of tenant, endpoint, number or record, and the caller's key.
    pub key: Digest,
    /// Hash of the request's body.
    pub fingerprint: Digest,
    /// How long the answer is kept.
    pub keep_ms: Ms,
}

/// What is kept under an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recall {
    /// Nothing.
    Nothing,
    /// The key was used with another body.
    OtherBody,
    /// The first answer, as JSON.
    Kept(String),
}

/// A lease to be granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Random, made by the one who asks.
    pub token: Digest,
    /// How long it lasts unless renewed.
    pub ms: Ms,
}

/// A record with what its number has had, at one instant of the store's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// The record.
    pub record: Record,
    /// What its number has had lately.
    pub usage: Usage,
    /// The store's clock.
    pub now: Ms,
    /// A kept answer to an earlier request: nothing was done now.
    #[serde(skip)]
    pub replayed: bool,
}

/// A fresh code that replaces the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCode {
    /// The code, sealed for the record.
    pub sealed: Sealed,
    /// Its hash, bound to the record.
    pub hash: Digest,
}

/// A new record, or a resend in the open one with the same subject.
#[derive(Debug, Clone)]
pub struct Start {
    /// The record to be, without deliveries. The store's clock replaces
    /// `created` and shifts `expires` with it.
    pub record: Record,
    /// The first delivery's channel.
    pub channel: Channel,
    /// Who asked.
    pub asked_by: AskedBy,
    /// The limits that live with the number.
    pub limits: NumberLimits,
    /// The lease of the new delivery.
    pub lease: Lease,
    /// The caller's idempotency key.
    pub memo: Option<Memo>,
}

/// The answer to [`Start`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Started {
    /// A new record; its last delivery is to be run.
    Created(View),
    /// An open record with the same subject got one more delivery, to be run.
    Joined(View),
    /// It has one, and a limit refuses another delivery for now.
    JoinedWaiting(View, Refusal),
    /// A limit refuses; nothing was changed.
    Refused(Refusal, Ms),
    /// The idempotency key belongs to another body.
    OtherBody,
}

/// One more delivery of an open record.
#[derive(Debug, Clone)]
pub struct Resend {
    /// The record.
    pub id: RecordId,
    /// Whose it must be.
    pub tenant: TenantId,
    /// The channel.
    pub channel: Channel,
    /// Who asked.
    pub asked_by: AskedBy,
    /// The limits that live with the number.
    pub limits: NumberLimits,
    /// The lease of the new delivery.
    pub lease: Lease,
    /// Replaces the code when the tenant wants a new one each time.
    pub new_code: Option<NewCode>,
    /// The caller's idempotency key.
    pub memo: Option<Memo>,
}

/// The answer to [`Resend`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Resent {
    /// One more delivery, the record's last, to be run.
    Queued(View),
    /// A limit refuses; nothing was changed.
    Refused(View, Refusal),
    /// The record has ended like this.
    Ended(Status),
    /// No such record of this tenant.
    NotFound,
    /// The idempotency key belongs to another body.
    OtherBody,
}

/// A code to compare.
#[derive(Debug, Clone)]
pub struct Check {
    /// The record.
    pub id: RecordId,
    /// Whose it must be.
    pub tenant: TenantId,
    /// The given code's hash, bound to the record.
    pub code_hash: Digest,
    /// The caller's idempotency key.
    pub memo: Option<Memo>,
}

/// The answer to [`Check`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Checked {
    /// The right code, for the first time. Code and hash are gone.
    Approved(View),
    /// A wrong code, counted.
    Wrong(View),
    /// A code that a newer one replaced; not counted.
    Superseded(View),
    /// The record has ended like this, now or before.
    Ended(Status),
    /// No such record of this tenant, or nothing to check.
    NotFound,
    /// The idempotency key belongs to another body.
    OtherBody,
}

/// Ends an open record.
#[derive(Debug, Clone)]
pub struct Cancel {
    /// The record.
    pub id: RecordId,
    /// Whose it must be.
    pub tenant: TenantId,
}

/// The answer to [`Cancel`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Canceled {
    /// Canceled, now or before.
    Done(View),
    /// It had ended like this.
    Ended(Status),
    /// No such record of this tenant.
    NotFound,
}

/// Takes leases of due deliveries.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// The lease of each.
    pub lease: Lease,
    /// At most so many.
    pub limit: usize,
}

/// A delivery whose lease was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Its record.
    pub record: Record,
    /// Its number there, from 1.
    pub n: u16,
}

/// Keeps a lease.
#[derive(Debug, Clone, Copy)]
pub struct Renew {
    /// The delivery.
    pub id: DeliveryId,
    /// The lease: its token must be the holder's.
    pub lease: Lease,
}

/// The answer to [`Renew`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    /// Still ours.
    Held,
    /// Somebody else's, or handed back.
    Lost,
    /// The delivery has ended: hang up.
    Ended,
}

/// The intent to submit to a carrier.
#[derive(Debug, Clone)]
pub struct Begin {
    /// The delivery.
    pub id: DeliveryId,
    /// The holder's token.
    pub token: Digest,
    /// The carrier.
    pub carrier: String,
    /// Why it was chosen.
    pub reason: String,
    /// What the person sees as the sender; at most 20 bytes are expected. `None`: the
    /// carrier chooses.
    pub sender: Option<String>,
}

/// The answer to [`Begin`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// Written; submit with this id.
    Attempt(AttemptId),
    /// Not ours any more.
    Lost,
    /// Not wanted any more: ended or expired.
    Ended,
}

/// What comes after an attempt that did not get through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Another carrier at once; the lease is kept.
    Another,
    /// Again in so many milliseconds, whoever is free then.
    Later(Ms),
    /// The delivery has failed.
    Never,
}

/// What became of a submit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// The carrier took it.
    Submitted {
        /// The carrier's own id for it.
        reference: Option<String>,
        /// A live call keeps its lease.
        keep_lease: bool,
    },
    /// The carrier took it, and somebody looks again in so many milliseconds: another one
    /// sends the same code then, unless the delivery or its record has ended.
    Covered {
        /// The carrier's own id for it.
        reference: Option<String>,
        /// When.
        again_ms: Ms,
    },
    /// The carrier refused.
    Failed(Cause, Next),
    /// Nobody knows: the carrier may have it.
    Unknown(Next),
}

/// Writes down what became of a submit.
#[derive(Debug, Clone)]
pub struct Settle {
    /// The attempt. Number 0 of a delivery: none was made (no carrier is left).
    pub id: AttemptId,
    /// The holder's token.
    pub token: Digest,
    /// What became of it.
    pub moved: Moved,
}

/// The answer to [`Settle`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// Written; the record as it is now.
    Done(Record),
    /// Not ours any more: nothing was written.
    Lost,
}

/// A carrier's report about an attempt.
#[derive(Debug, Clone)]
pub struct Receive {
    /// The attempt.
    pub id: AttemptId,
    /// How far it got.
    pub progress: Progress,
    /// The network that it names, if any.
    pub network: Option<Network>,
    /// How long the number is paused if the person did not ask for this.
    pub pause_ms: Ms,
    /// The carrier's own id for it, for an attempt that has none yet. One that is longer
    /// than [`REFERENCE_BYTES`] is not kept.
    pub reference: Option<String>,
    /// What follows a failure of the delivery's last attempt.
    pub then: Then,
}

/// The longest id of a carrier that is kept. They come from outside.
pub const REFERENCE_BYTES: usize = 128;

impl Receive {
    /// The carrier's own id, if it may be kept.
    pub fn kept_reference(&self) -> Option<&str> {
        self.reference.as_deref().filter(|reference| reference.len() <= REFERENCE_BYTES)
    }
}

/// What follows when a carrier reports that the last attempt of a delivery failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The delivery has failed.
    Fail,
    /// The delivery keeps its state and is due at once, for another carrier. If that
    /// cannot be (the record has ended, a submit runs, or a call was answered): as `Fail`.
    Another,
    /// As `Fail`; and a report of success is noted for its attempt alone while the delivery
    /// is covered: this carrier's receipts are not to be believed.
    Doubt,
}

/// The answer to [`Receive`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// Something moved; the record as it is now.
    Moved(Record),
    /// Known already, or late: nothing moved.
    Same,
    /// No such attempt.
    Unknown,
}

/// Hands a lease back.
#[derive(Debug, Clone, Copy)]
pub struct Release {
    /// The delivery.
    pub id: DeliveryId,
    /// The holder's token.
    pub token: Digest,
}
