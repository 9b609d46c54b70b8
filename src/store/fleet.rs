//! The gateways that share a store: who lives, and the pace of a carrier that they
//! keep together.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::StoreError;
use crate::model::{Cause, LimitSpec, Ms};

/// How often a gateway says that it lives, in milliseconds.
pub const BEAT_MS: u64 = 2_000;

/// The gateways that live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crew {
    /// How many, this one included.
    pub alive: usize,
}

/// A carrier's breaker that is open, as all gateways see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch {
    /// Until when, by the store's clock. The store closes nothing by itself: whoever
    /// reads this compares.
    pub until: Ms,
    /// How often in a row it was opened.
    pub strikes: u32,
    /// What it was opened for.
    pub cause: Cause,
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
    /// together keep its pace. A turn that is not used is lost. The pace may be another
    /// one at each call: it is lowered for a while when a carrier says "too many".
    async fn turn(&self, carrier: &str, pace: LimitSpec) -> Result<(), StoreError>;
    /// Opens a carrier's breaker for all gateways, or changes it; `None` closes it. Works
    /// in a full store. With Redis it stays for a day after it ended; the embedded store
    /// keeps it in memory, and a new process begins with every breaker closed.
    async fn switch(&self, carrier: &str, switch: Option<Switch>) -> Result<(), StoreError>;
    /// The breakers that were opened and not closed, by carrier.
    async fn switches(&self) -> Result<BTreeMap<String, Switch>, StoreError>;
    /// True for one of all callers that ask for the same within `ms`. Works in a full
    /// store.
    async fn only_one(&self, what: &str, ms: Ms) -> Result<bool, StoreError>;
}

/// Most paces of one carrier that are known at the same time.
const PACES: usize = 16;

/// Something that is kept for each pace of each carrier: a carrier's pace changes, and an
/// old one must not stand for ever.
pub(super) struct Paces<T>(Mutex<HashMap<(String, LimitSpec), Arc<T>>>);

impl<T> Default for Paces<T> {
    fn default() -> Self {
        Paces(Mutex::default())
    }
}

impl<T> Paces<T> {
    /// What stands for that pace, made if there is nothing.
    pub fn get(&self, carrier: &str, pace: LimitSpec, make: impl FnOnce() -> T) -> Arc<T> {
        let mut all = self.0.lock().expect("no panic while held");
        let key = (carrier.to_owned(), pace);
        if !all.contains_key(&key) && all.keys().filter(|(name, _)| name == carrier).count() >= PACES {
            // Those in use are held by who waits on them.
            all.retain(|(name, _), _| name != carrier);
        }
        all.entry(key).or_insert_with(|| Arc::new(make())).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pace_has_its_own_and_few_are_kept() {
        let (paces, pace) = (Paces::default(), |count| LimitSpec { count, per_ms: 1_000 });
        assert!(Arc::ptr_eq(&paces.get("acme", pace(1), || 1), &paces.get("acme", pace(1), || 2)));
        assert_eq!(*paces.get("acme", pace(2), || 3), 3, "a lowered pace");
        assert_eq!(*paces.get("acme", pace(1), || 4), 1, "and back");
        assert_eq!(*paces.get("birch", pace(1), || 5), 5);
        for count in 1..1_000 {
            paces.get("acme", pace(count), || 6);
        }
        assert!(paces.0.lock().unwrap().len() <= PACES + 1);
        assert_eq!(*paces.get("birch", pace(1), || 7), 5, "another carrier's stands");
    }
}
