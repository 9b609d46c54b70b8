//! A gateway with a store of its own is alone: what gateways tell each other it keeps in
//! memory, and its carriers' pace by itself.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use crate::clock::Clock;
use crate::model::{LimitSpec, Ms};
use crate::store::fleet::Paces;
use crate::store::{Crew, Fleet, StoreError, Switch};

/// The only gateway.
pub struct Alone {
    clock: Clock,
    paces: Paces<DefaultDirectRateLimiter>,
    switches: Mutex<BTreeMap<String, Switch>>,
    /// What was given to one caller, until when.
    given: Mutex<HashMap<String, Ms>>,
}

impl Alone {
    /// With every breaker closed.
    pub fn new(clock: Clock) -> Self {
        Alone { clock, paces: Paces::default(), switches: Mutex::default(), given: Mutex::default() }
    }
}

fn limiter(pace: LimitSpec) -> DefaultDirectRateLimiter {
    let each = Duration::from_millis(pace.per_ms) / pace.count;
    // A twentieth of the span's submits may come together, at least one.
    let burst = NonZeroU32::new(pace.count / 20).unwrap_or(NonZeroU32::MIN);
    let quota = Quota::with_period(each).unwrap_or(Quota::per_second(burst)).allow_burst(burst);
    RateLimiter::direct(quota)
}

#[async_trait]
impl Fleet for Alone {
    async fn beat(&self) -> Result<Crew, StoreError> {
        Ok(Crew { alive: 1 })
    }

    async fn leave(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn turn(&self, carrier: &str, pace: LimitSpec) -> Result<(), StoreError> {
        self.paces.get(carrier, pace, || limiter(pace)).until_ready().await;
        Ok(())
    }

    async fn switch(&self, carrier: &str, switch: Option<Switch>) -> Result<(), StoreError> {
        let mut switches = self.switches.lock().expect("no panic while held");
        match switch {
            Some(switch) => switches.insert(carrier.to_owned(), switch),
            None => switches.remove(carrier),
        };
        Ok(())
    }

    async fn switches(&self) -> Result<BTreeMap<String, Switch>, StoreError> {
        Ok(self.switches.lock().expect("no panic while held").clone())
    }

    async fn only_one(&self, what: &str, ms: Ms) -> Result<bool, StoreError> {
        let (now, mut given) = (self.clock.now(), self.given.lock().expect("no panic while held"));
        given.retain(|_, until| *until > now);
        if given.contains_key(what) {
            return Ok(false);
        }
        given.insert(what.to_owned(), now + ms);
        Ok(true)
    }
}
