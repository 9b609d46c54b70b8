//! The suite that every store passes: told cases, and random concurrent
//! histories that a plain model must be able to explain. Owns no store; a
//! [`Harness`] brings one. Nothing here knows how a store is made inside.
//!
//! ```text
//! run_all ─┬─ cases      small stories, one store each, exact answers
//!          └─ histories  random operations at the same time ──► model: could this be?
//! mutants: rules that are wrong in one place; the suite must notice each of them
//! ```

mod cases;
mod failure;
mod histories;
mod make;
mod model;
pub mod mutants;
mod operation;
mod random;
mod world;

#[cfg(test)]
mod reopening;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;

pub use cases::cases;
pub use failure::Failure;
pub use histories::histories;
pub use make::open_limits;

use super::Store;
use crate::model::Ms;

/// One store under test, and the time that it reads.
#[async_trait]
pub trait Harness: Send + Sync {
    /// The store.
    fn store(&self) -> Store;
    /// Lets the store's clock move on by at least this much: moves a manual
    /// clock by exactly that, or waits.
    async fn pass(&self, ms: Ms);
    /// How far two readings of the store's clock may be apart from what passed:
    /// 0 with a manual clock, about 20 with real time.
    fn tolerance_ms(&self) -> Ms;
}

/// Makes harnesses.
#[async_trait]
pub trait Harnesses: Send + Sync {
    /// A harness with an empty store that nothing else uses: claims and wakes
    /// are a store's own, so two cases on one store would disturb each other.
    async fn fresh(&self) -> Arc<dyn Harness>;
}

/// Runs every case and the histories of these seeds, `at_once` of them at a
/// time, and returns what failed. Must be called inside a Tokio runtime.
pub async fn run_all(harnesses: Arc<dyn Harnesses>, seeds: Range<u64>, at_once: usize) -> Vec<Failure> {
    let mut failures = cases(harnesses.clone(), at_once).await;
    failures.extend(histories(harnesses, seeds, at_once).await);
    failures
}
