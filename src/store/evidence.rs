//! The log of evidence about carriers, which every gateway reads in the same order, and
//! the state that somebody made of it last. What an event means is `blocks`'; this keeps
//! lines and bytes.

use async_trait::async_trait;

use super::StoreError;
use crate::model::Ms;

/// The longest batch, in bytes of its lines.
pub const BATCH_BYTES: usize = 256 << 10;
/// Most batches that the log holds; older ones go, kept or not.
pub const LOG_BATCHES: usize = 100_000;

/// What one gateway saw since its last batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Which gateway.
    pub replica: String,
    /// Which run of it: later runs have higher ones.
    pub epoch: u64,
    /// Counts its batches from 1. One that is not above the highest so far is a repeat.
    pub sequence: u64,
    /// The events, oldest first, as JSON of one line each.
    pub events: Vec<String>,
}

/// A batch in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Its place, counted from 1 without gaps.
    pub place: u64,
    /// When it came, by the store's clock. Never before that of an earlier place.
    pub at: Ms,
    /// The batch.
    pub batch: Batch,
}

impl Placed {
    /// Which batch it is: another one at the same place is of another log.
    pub fn mark(&self) -> (String, u64, u64) {
        (self.batch.replica.clone(), self.batch.epoch, self.batch.sequence)
    }
}

/// What was made of the log up to a place, for gateways that come later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The last place that is in it; 0 is none.
    pub place: u64,
    /// The state.
    pub state: Vec<u8>,
    /// The same to be read by people: names with JSON.
    pub cells: Vec<(String, String)>,
}

/// The log of evidence. A store that lost its data has an empty one, whose places begin
/// at 1 again: readers compare what they read with what they knew.
#[async_trait]
pub trait Evidence: Send + Sync {
    /// Adds a batch, unless it is a repeat. [`StoreError::Full`] when there is no room:
    /// the caller drops it.
    async fn append(&self, batch: Batch) -> Result<(), StoreError>;
    /// The batches from `place` on, in order, at most `limit`, beginning with the first
    /// one that is still there.
    async fn since(&self, place: u64, limit: usize) -> Result<Vec<Placed>, StoreError>;
    /// Keeps a state, unless one of the same or a later place is kept, and drops the log
    /// before `cut`. Says whether it was kept.
    async fn keep(&self, kept: Kept, cut: u64) -> Result<bool, StoreError>;
    /// The place and state that were kept last.
    async fn kept(&self) -> Result<Option<(u64, Vec<u8>)>, StoreError>;
}
