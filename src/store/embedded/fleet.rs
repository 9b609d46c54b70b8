//! A gateway with a store of its own is alone, and keeps its carriers' pace by itself.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use crate::model::LimitSpec;
use crate::store::{Crew, Fleet, StoreError};

/// The only gateway.
#[derive(Default)]
pub struct Alone {
    paces: Mutex<HashMap<String, Arc<DefaultDirectRateLimiter>>>,
}

impl Alone {
    fn pace(&self, carrier: &str, pace: LimitSpec) -> Arc<DefaultDirectRateLimiter> {
        let mut paces = self.paces.lock().expect("no panic while held");
        let make = || {
            let each = Duration::from_millis(pace.per_ms) / pace.count;
            // A twentieth of the span's submits may come together, at least one.
            let burst = NonZeroU32::new(pace.count / 20).unwrap_or(NonZeroU32::MIN);
            let quota = Quota::with_period(each).unwrap_or(Quota::per_second(burst)).allow_burst(burst);
            Arc::new(RateLimiter::direct(quota))
        };
        paces.entry(carrier.to_owned()).or_insert_with(make).clone()
    }
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
        self.pace(carrier, pace).until_ready().await;
        Ok(())
    }
}
