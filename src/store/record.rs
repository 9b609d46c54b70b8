//! The record of a verification or message. It is stored whole, with a version;
//! a version that is newer than ours is left alone.

use serde::{Deserialize, Serialize};

use crate::model::{
    AskedBy, AttemptState, Cause, Channel, Country, DeliveryState, Digest, Locale, Ms, Network, NumberHash, NumberKind,
    Partition, RecordId, RecordKind, Sealed, Status, TenantId,
};

/// Where a record's messages go: the number as the store may know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// The partition of the number.
    pub partition: Partition,
    /// The number's keyed hash.
    pub hash: NumberHash,
    /// The number, sealed.
    pub sealed: Sealed,
    /// Country code and last two digits.
    pub masked: String,
    /// Its country.
    pub country: Country,
    /// Its kind.
    pub kind: NumberKind,
    /// Its network.
    pub network: Network,
}

/// A verification or a message, with everything that was done for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The oldest layout that can hold all of it, at most [`Record::VERSION`] when we
    /// wrote it: so a gateway of the version before works on it as long as it can.
    pub v: u16,
    /// Its id; the kind is in it.
    pub id: RecordId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Where it goes.
    pub to: Destination,
    /// Its state.
    pub status: Status,
    /// When it was accepted.
    pub created: Ms,
    /// After this instant the code is worth nothing and nothing is sent.
    pub expires: Ms,
    /// The language that was asked for.
    pub locale: Locale,
    /// The code (or a message's text and code), sealed. Erased at the end.
    pub secret: Option<Sealed>,
    /// The code's keyed hash, bound to this record. Erased at the end.
    pub code_hash: Option<Digest>,
    /// Hashes of codes that a newer one replaced. Erased at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub superseded: Vec<Digest>,
    /// Wrong codes so far.
    pub wrong: u32,
    /// Wrong codes that end it.
    pub max_wrong: u32,
    /// The keyed hash of the application's id of this login attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Digest>,
    /// The caller's own notes, as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
    /// Its deliveries, oldest first; the n-th has number n, from 1.
    pub deliveries: Vec<Delivery>,
}

/// One sending over one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// SMS or voice.
    pub channel: Channel,
    /// Who asked for it.
    pub asked_by: AskedBy,
    /// Its state.
    pub state: DeliveryState,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// When it was accepted.
    pub created: Ms,
    /// When its state last changed.
    pub changed: Ms,
    /// When it is to be worked on next; `None` when only receipts are awaited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Ms>,
    /// How often it went back to the schedule.
    #[serde(default)]
    pub retries: u32,
    /// Who works on it, until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<HeldUntil>,
    /// Its attempts, oldest first; the m-th has number m, from 1.
    pub attempts: Vec<Attempt>,
}

/// A lease as it stands in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldUntil {
    /// The holder's random token.
    pub token: Digest,
    /// When the lease ends by itself.
    pub until: Ms,
}

/// One submission to one carrier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The carrier's name in the configuration.
    pub carrier: String,
    /// Its state.
    pub state: AttemptState,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Why this carrier was chosen.
    pub reason: String,
    /// When the intent was written.
    pub started: Ms,
    /// When its state last changed.
    pub changed: Ms,
    /// The carrier's own id for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The number, short code or name that the person sees; `None` where the carrier
    /// chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
}

impl Attempt {
    /// Whether that carrier failed for what asking it again does not change. What its
    /// operator can cure is not lost.
    pub fn is_lost_on(&self, carrier: &str) -> bool {
        let curable = |cause: Cause| matches!(cause, Cause::AuthFailed | Cause::InsufficientFunds);
        let for_good = |cause: Cause| !cause.meaning().same_carrier_later && !curable(cause);
        self.carrier == carrier && self.state == AttemptState::Failed && self.cause.is_some_and(for_good)
    }
}

impl Record {
    /// The newest layout that this version reads and writes.
    pub const VERSION: u16 = 2;
    /// The layout of a record whose attempts name no sender.
    pub const PLAIN: u16 = 1;
    /// The first layout whose attempts may name a sender.
    pub const WITH_SENDERS: u16 = 2;

    /// A new one with nothing to check, without deliveries. A verification sets
    /// its code's fields over it.
    pub fn pending(id: RecordId, tenant: &TenantId, to: Destination, locale: Locale, created: Ms, life_ms: Ms) -> Self {
        Record {
            v: Record::PLAIN,
            id,
            tenant: tenant.clone(),
            to,
            status: Status::Pending,
            created,
            expires: created + life_ms,
            locale,
            secret: None,
            code_hash: None,
            superseded: Vec::new(),
            wrong: 0,
            max_wrong: 0,
            subject: None,
            metadata: None,
            deliveries: Vec::new(),
        }
    }

    /// Verification or message.
    pub fn kind(&self) -> RecordKind {
        self.id.kind()
    }

    /// The n-th delivery, from 1.
    pub fn delivery(&self, n: u16) -> Option<&Delivery> {
        self.deliveries.get(usize::from(n).checked_sub(1)?)
    }

    /// The n-th delivery, from 1.
    pub fn delivery_mut(&mut self, n: u16) -> Option<&mut Delivery> {
        self.deliveries.get_mut(usize::from(n).checked_sub(1)?)
    }

    /// Waiting for its code and not yet expired.
    pub fn is_open(&self, now: Ms) -> bool {
        self.status == Status::Pending && now < self.expires
    }

    /// Its status at `now`: a pending record whose time ran out has expired,
    /// whether or not the sweep has come by.
    pub fn status_at(&self, now: Ms) -> Status {
        match self.status {
            Status::Pending if now >= self.expires => Status::Expired,
            status => status,
        }
    }

    /// Carriers that any delivery of this record was handed to, with the channel.
    pub fn tried(&self) -> impl Iterator<Item = (Channel, &str)> {
        self.deliveries.iter().flat_map(|d| d.attempts.iter().map(move |a| (d.channel, a.carrier.as_str())))
    }

    /// Removes every secret. What is left may be kept and shown.
    pub fn erase_secrets(&mut self) {
        self.secret = None;
        self.code_hash = None;
        self.superseded.clear();
    }

    /// When somebody must look at this record again: 0 stands for its expiry,
    /// n for its n-th delivery.
    pub fn wakes(&self) -> Vec<(u16, Ms)> {
        let expiry = (self.status == Status::Pending).then_some((0, self.expires));
        let deliveries = self.deliveries.iter().enumerate().filter_map(|(i, delivery)| {
            let at = delivery.lease.map(|lease| lease.until).or(delivery.due)?;
            (!delivery.state.is_final()).then_some((i as u16 + 1, at))
        });
        expiry.into_iter().chain(deliveries).collect()
    }
}

impl Delivery {
    /// A new one, whose lease the accepting gateway already holds.
    pub fn queued(channel: Channel, asked_by: AskedBy, now: Ms, lease: HeldUntil) -> Self {
        Delivery {
            channel,
            asked_by,
            state: DeliveryState::Queued,
            cause: None,
            created: now,
            changed: now,
            due: Some(now),
            retries: 0,
            lease: Some(lease),
            attempts: Vec::new(),
        }
    }

    /// The m-th attempt, from 1.
    pub fn attempt(&self, m: u16) -> Option<&Attempt> {
        self.attempts.get(usize::from(m).checked_sub(1)?)
    }

    /// The m-th attempt, from 1.
    pub fn attempt_mut(&mut self, m: u16) -> Option<&mut Attempt> {
        self.attempts.get_mut(usize::from(m).checked_sub(1)?)
    }

    /// Whether a carrier took an attempt, and has said nothing else than that it arrived.
    pub fn is_with_carrier(&self) -> bool {
        self.is_with_another(0)
    }

    /// The same for any other attempt than the `m`-th.
    pub fn is_with_another(&self, m: u16) -> bool {
        let has = |attempt: &Attempt| matches!(attempt.state, AttemptState::Submitted | AttemptState::Delivered);
        let mut others = (1..).zip(&self.attempts).filter(|(other, _)| *other != m);
        self.state > DeliveryState::Queued && others.any(|(_, attempt)| has(attempt))
    }

    /// Whether all attempts but the `m`-th have failed.
    pub fn is_lost_but_for(&self, m: u16) -> bool {
        let mut others = (1..).zip(&self.attempts).filter(|(other, _)| *other != m);
        others.all(|(_, attempt)| attempt.state == AttemptState::Failed)
    }

    /// Whether a carrier has the text, and another one is to send it too.
    pub fn is_covered(&self) -> bool {
        self.channel == Channel::Sms && self.lease.is_none() && self.due.is_some() && self.is_with_carrier()
    }

    /// Nobody looks again after what a carrier has: it is not needed any more.
    pub fn uncover(&mut self) {
        if self.lease.is_none() && self.is_with_carrier() {
            self.due = None;
        }
    }

    /// Moves to `state` if that lies ahead. A final state ends lease and schedule.
    pub fn advance(&mut self, state: DeliveryState, cause: Option<Cause>, now: Ms) -> bool {
        if !self.state.may_become(state) {
            return false;
        }
        self.state = state;
        self.cause = cause;
        self.changed = now;
        if state.is_final() {
            self.lease = None;
            self.due = None;
        }
        true
    }
}
