//! The gateways that share a store: who lives, and the pace of a carrier that they
//! keep together.

use async_trait::async_trait;

use super::StoreError;
use crate::model::LimitSpec;

/// How often a gateway says that it lives, in milliseconds.
pub const BEAT_MS: u64 = 2_000;

/// The gateways that live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crew {
    /// How many, this one included.
    pub alive: usize,
}

/// What gateways that share a store tell each other.
#[async_trait]
pub trait Fleet: Send + Sync {
    /// Says that this gateway lives, and learns who else does. To be called every
    /// [`BEAT_MS`]: a gateway that is silent for 4.5 seconds counts as dead, and others
    /// look after its share of the work.
    async fn beat(&self) -> Result<Crew, StoreError>;
    /// Says that this gateway goes.
    async fn leave(&self) -> Result<(), StoreError>;
    /// Waits for this gateway's turn to submit to a carrier, so that all gateways
    /// together keep its pace. A turn that is not used is lost.
    async fn turn(&self, carrier: &str, pace: LimitSpec) -> Result<(), StoreError>;
}
