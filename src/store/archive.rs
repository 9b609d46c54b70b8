//! The log of attempts, kept longer than the records that they belong to; the names that
//! carriers give to attempts; and counters by time. Nothing here holds a code or a
//! number: numbers stand as keyed hashes.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{REFERENCE_BYTES, StoreError};
use crate::model::{
    AttemptId, AttemptState, Cause, Channel, Country, Digest, HOUR, MINUTE, Money, Ms, Network, NumberHash, Partition,
    TenantId,
};

/// The span of one counter, in milliseconds.
pub const TALLY_MS: Ms = 10 * MINUTE;
/// How long a counter is kept after its span began, in milliseconds: two days can be
/// compared, and the running hour.
pub const TALLY_KEPT_MS: Ms = 49 * HOUR;
/// Most reports that are parked under one name.
pub const PARKED_MOST: usize = 8;
/// Most bytes of a parked report.
pub const PARKED_BYTES: usize = 4_096;
/// The longest name of a network that is kept. They come from outside.
const NETWORK_BYTES: usize = 64;
/// The longest code of a carrier's that is kept.
const CODE_BYTES: usize = 40;

/// What the log knows of a submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logged {
    /// The attempt.
    pub id: AttemptId,
    /// The partition of its number.
    pub partition: Partition,
    /// The number's keyed hash.
    pub number: NumberHash,
    /// Whose it was.
    pub tenant: TenantId,
    /// SMS or voice.
    pub channel: Channel,
    /// The number's country.
    pub country: Country,
    /// The number's network, as it was known then.
    pub network: Network,
    /// The carrier's name in the configuration.
    pub carrier: String,
    /// What the person saw as the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// Why this carrier was chosen.
    pub reason: String,
    /// What the carrier's answer made of it.
    pub state: AttemptState,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// The carrier's own code for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The carrier's own id for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// What it costs, if the answer said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// When its delivery was accepted.
    pub accepted: Ms,
    /// When the intent was written.
    pub started: Ms,
    /// When the carrier answered that it took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted: Option<Ms>,
}

/// What a receipt added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported {
    /// The attempt.
    pub id: AttemptId,
    /// The number's keyed hash.
    pub number: NumberHash,
    /// How it ended, or how far it got.
    pub state: AttemptState,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// The carrier's own code for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The carrier's own id, which some tell only here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The network that the receipt names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
    /// What it cost, if the receipt says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// When the receipt came.
    pub at: Ms,
}

/// One entry of the log. The partition is in the id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogEntry {
    /// A carrier was given something.
    Submitted(Logged),
    /// A carrier reported about it.
    Reported(Reported),
}

/// An attempt as the log shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptLog {
    /// What was submitted.
    pub submitted: Logged,
    /// What was reported last.
    pub reported: Option<Reported>,
}

/// The log of attempts, names of attempts, and counters.
#[async_trait]
pub trait Archive: Send + Sync {
    /// Writes entries; each replaces the one of its id and kind, so a repeat is harmless.
    /// A report whose submission is not there is kept, and shown once that comes. All are
    /// kept for `keep_ms` after they were written. Several numbers are not one atomic
    /// step: after an error some may be written.
    ///
    /// [`StoreError::Full`] when there is no room: the caller drops them, nothing waits.
    async fn log(&self, entries: Vec<LogEntry>, keep_ms: Ms) -> Result<(), StoreError>;
    /// The attempts to a number, the last started first, at most `limit`.
    async fn attempts(
        &self,
        partition: Partition,
        number: NumberHash,
        limit: usize,
    ) -> Result<Vec<AttemptLog>, StoreError>;
    /// Names an attempt, for `keep_ms`: `name` is a digest of the carrier and the carrier's
    /// own id. Gives what was parked under that name, oldest first, and forgets it. Works
    /// in a full store.
    async fn index(&self, name: Digest, attempt: AttemptId, keep_ms: Ms) -> Result<Vec<Vec<u8>>, StoreError>;
    /// The attempt of that name. If there is none, parks a report for so many
    /// milliseconds: a receipt may overtake the answer to its own submit. The same bytes
    /// are parked once; at most [`PARKED_MOST`] stay, of at most [`PARKED_BYTES`] each,
    /// and more are dropped. Works in a full store.
    async fn find(&self, name: Digest, park: Option<(Vec<u8>, Ms)>) -> Result<Option<AttemptId>, StoreError>;
    /// Adds to the counters of the [`TALLY_MS`] that run. A lost answer may be counted
    /// twice. Names are the caller's, of a closed set; [`StoreError::Full`] as for
    /// [`Archive::log`].
    async fn tally(&self, adds: Vec<(String, u64)>) -> Result<(), StoreError>;
    /// The sums of all counters since then, at most [`TALLY_KEPT_MS`] ago; the span that
    /// `since` falls in counts whole.
    async fn tallies(&self, since: Ms) -> Result<BTreeMap<String, u64>, StoreError>;
}

impl LogEntry {
    /// The attempt.
    pub fn id(&self) -> AttemptId {
        match self {
            LogEntry::Submitted(logged) => logged.id,
            LogEntry::Reported(reported) => reported.id,
        }
    }

    /// The number's keyed hash.
    pub fn number(&self) -> NumberHash {
        match self {
            LogEntry::Submitted(logged) => logged.number,
            LogEntry::Reported(reported) => reported.number,
        }
    }

    /// The entry without what comes from outside and is too long to be kept.
    pub(super) fn fitting(mut self) -> Self {
        let is_long = |network: &Network| match network {
            Network::Known(name) | Network::Guessed(name) => name.len() > NETWORK_BYTES,
            Network::Unknown => false,
        };
        match &mut self {
            LogEntry::Submitted(logged) => {
                logged.reference = logged.reference.take().filter(|reference| reference.len() <= REFERENCE_BYTES);
                logged.code = logged.code.take().filter(|code| code.len() <= CODE_BYTES);
                if is_long(&logged.network) {
                    logged.network = Network::Unknown;
                }
            }
            LogEntry::Reported(reported) => {
                reported.network = reported.network.take().filter(|it| !is_long(it));
                reported.code = reported.code.take().filter(|code| code.len() <= CODE_BYTES);
                reported.reference = reported.reference.take().filter(|reference| reference.len() <= REFERENCE_BYTES);
            }
        }
        self
    }
}

/// What may be parked of a report.
pub(super) fn parkable(park: Option<(Vec<u8>, Ms)>) -> Option<(Vec<u8>, Ms)> {
    park.filter(|(what, keep_ms)| what.len() <= PARKED_BYTES && *keep_ms > 0)
}
