//! The atomic steps as pure functions: what the slot of a number was, the
//! operation, the instant -> what the slot becomes, and the answer. No input or
//! output; the shell beside this folder loads and saves.

mod check;
mod jobs;
mod receipt;
mod start;

use serde::{Deserialize, Serialize};

use crate::model::{Digest, Ms, RecordId, Usage};
use crate::store::ops::*;
use crate::store::record::Record;

pub use jobs::abandoned;

/// Everything that one operation may read or change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slot {
    /// The record that the operation names, or makes.
    pub record: Option<Record>,
    /// What the number has had: the tenant's share and the total.
    pub usage: Usage,
    /// The tenant's open records for this number, oldest first.
    pub open: Vec<Open>,
    /// Those records, loaded for a start (it may join one or close one).
    pub others: Vec<Record>,
}

/// An open record in its number's list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// The record.
    pub id: RecordId,
    /// Its subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Digest>,
    /// When it expires.
    pub expires: Ms,
}

impl Slot {
    fn view(&self, now: Ms) -> Option<View> {
        let record = self.record.clone()?;
        Some(View { record, usage: self.usage.clone(), now, replayed: false })
    }

    /// Takes the slot's record off the number's open list.
    fn close(&mut self) {
        if let Some(record) = &self.record {
            self.open.retain(|open| open.id != record.id);
        }
    }
}

/// A rule for one operation.
pub type Rule<Op, Answer> = fn(&mut Slot, &Op, Ms) -> Answer;

/// The rules in force. A test replaces one to see that the suite notices.
#[derive(Clone, Copy)]
pub struct Rules {
    /// Starts.
    pub start: Rule<Start, Started>,
    /// Resends.
    pub resend: Rule<Resend, Resent>,
    /// Checks.
    pub check: Rule<Check, Checked>,
    /// Cancels.
    pub cancel: Rule<Cancel, Canceled>,
    /// Takes the lease of one delivery; answers whether it was free and due.
    pub claim: Rule<(u16, Lease), bool>,
    /// Ends a record whose time ran out.
    pub expire: Rule<(), ()>,
    /// Renewals.
    pub renew: Rule<Renew, Renewed>,
    /// Intents.
    pub begin: Rule<Begin, Begun>,
    /// Outcomes.
    pub settle: Rule<Settle, Settled>,
    /// Receipts.
    pub receive: Rule<Receive, Received>,
    /// Leases handed back.
    pub release: Rule<Release, ()>,
    /// Whether wide limits take what is given back.
    pub give_back: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            start: start::start,
            resend: start::resend,
            check: check::check,
            cancel: check::cancel,
            claim: jobs::claim_one,
            expire: jobs::expire,
            renew: jobs::renew,
            begin: jobs::begin,
            settle: jobs::settle,
            receive: receipt::receive,
            release: jobs::release,
            give_back: true,
        }
    }
}
