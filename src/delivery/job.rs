//! What the steps of a delivery hand to each other.

use super::carriers::Line;
use super::payload::Payload;
use crate::blocks::CellKey;
use crate::model::{Cause, Channel, Digest, E164, Ms, RecordId};
use crate::routing::Choice;
use crate::store::{Delivery, Record, StoreError, Take};

/// A delivery whose lease we hold.
pub struct Job {
    pub record: Record,
    pub n: u16,
    pub token: Digest,
    /// `None`: another gateway or an earlier run accepted it.
    pub accepted: Option<Accepted>,
}

/// What the gateway knows that accepted a delivery, and no other that runs it.
#[derive(Debug, Clone, Default)]
pub struct Accepted {
    /// The newest verifications of the number, this one or those before it, of the last day.
    pub before: Vec<RecordId>,
    /// What it took from the wide limits.
    pub took: Vec<Take>,
}

/// A job whose secrets are open.
pub(super) struct Opened {
    pub to: E164,
    pub payload: Payload,
}

/// Why a job stops here; all are normal.
pub(super) enum Stop {
    /// Not ours any more, not wanted any more, or done.
    Done,
    /// The store is away; the lease ends by itself and somebody takes over.
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Stop::Store(error)
    }
}

/// How an attempt ended.
pub(super) enum Tried {
    /// It is with the carrier.
    Submitted,
    /// Try the next carrier.
    Next,
    /// Nothing more to do now.
    Over,
}

impl Job {
    pub(super) fn delivery(&self) -> Option<&Delivery> {
        self.record.delivery(self.n)
    }

    /// Whether a carrier has the message, and another is to send it too.
    pub(super) fn is_covering(&self) -> bool {
        self.delivery().is_some_and(|delivery| delivery.channel == Channel::Sms && delivery.is_with_carrier())
    }
}

/// A carrier whose turn it is.
pub(super) struct Chosen<'a> {
    pub line: &'a Line,
    pub choice: &'a Choice,
    pub cell: CellKey,
    /// Others could be asked after it.
    pub others_left: bool,
}

/// What failed so far: whether it may pass, the longest wait that somebody asked for,
/// and the last cause.
#[derive(Default)]
pub(super) struct Retry {
    pub may_pass: bool,
    pub hint_ms: Option<Ms>,
    pub cause: Option<Cause>,
}

impl Retry {
    pub(super) fn note(&mut self, cause: Cause, may_pass: bool, hint_ms: Option<Ms>) {
        self.may_pass |= may_pass;
        self.hint_ms = self.hint_ms.max(hint_ms);
        self.cause = Some(cause);
    }
}
