//! Opens and closes the breakers, and tells the other gateways.

use std::sync::atomic::Ordering;

use super::Deliveries;
use super::carriers::Line;
use crate::carrier::Probed;
use crate::model::{Cause, SECOND};
use crate::routing::{BreakerRules, Open, Sign, Turn};
use crate::store::Switch;

/// A half-open breaker lets one message through in so long, over all gateways.
const TRIAL_MS: u64 = 5 * SECOND;

impl Deliveries {
    fn rules(&self) -> BreakerRules {
        let options = &self.parts.routing;
        BreakerRules {
            failures: options.breaker_failures,
            first_ms: options.breaker_seconds * SECOND,
            most_ms: options.breaker_most_seconds * SECOND,
        }
    }

    /// What an answer says about its carrier.
    pub(super) async fn note(&self, line: &Line, sign: Sign) {
        let name = line.name();
        let failures = line.failures();
        match sign {
            Sign::Well => line.failed.store(0, Ordering::Relaxed),
            Sign::Ill(_) => drop(line.failed.fetch_add(1, Ordering::Relaxed)),
            Sign::Nothing => {}
        }
        let open = match self.rules().turn(self.parts.carriers.open(name), failures, sign, self.parts.clock.now()) {
            Turn::Same => return,
            Turn::Close => {
                tracing::info!(carrier = name, "Carrier works again.");
                None
            }
            Turn::Open(open) => {
                let seconds = open.until.saturating_sub(self.parts.clock.now()) / SECOND;
                // An alarm: with wrong keys or no money nothing gets better by itself.
                tracing::error!(carrier = name, cause = %open.cause, seconds, "Carrier is left alone for a while.");
                Some(open)
            }
        };
        self.parts.carriers.set_open(name, open);
        self.parts.metrics.breaker(name, open.is_some());
        let switch = open.map(|Open { until, strikes, cause }| Switch { until, strikes, cause });
        if let Err(error) = self.parts.store.fleet.switch(name, switch).await {
            tracing::warn!(carrier = name, %error, "The other gateways could not be told; each finds out by itself.");
        }
    }

    /// Learns what the other gateways found out.
    pub(super) async fn learn_breakers(&self) {
        let version = self.parts.carriers.breakers_version();
        match self.parts.store.fleet.switches().await {
            // What this gateway found meanwhile is newer, and told the others.
            Ok(_) if version != self.parts.carriers.breakers_version() => {}
            Ok(switches) => {
                let open = |(name, Switch { until, strikes, cause })| (name, Open { until, strikes, cause });
                let all = switches.into_iter().map(open).collect::<std::collections::BTreeMap<_, _>>();
                for line in self.parts.carriers.lines() {
                    let is_open = all.contains_key(line.name());
                    self.parts.metrics.breaker(line.name(), is_open);
                    if !is_open && self.parts.carriers.open(line.name()).is_some() {
                        // Another gateway saw it work.
                        line.failed.store(0, Ordering::Relaxed);
                    }
                }
                self.parts.carriers.set_all_open(all);
            }
            Err(error) => tracing::debug!(%error, "Store is away, breakers stay as they are."),
        }
    }

    /// Whether a carrier answers a question that sends nothing, if it can be asked one. A
    /// refusal is the next sign of its breaker.
    pub(super) async fn answers(&self, line: &Line) -> bool {
        let cause = match line.carrier().probe().await {
            Probed::Fine(_) | Probed::CannotSay => return true,
            Probed::Refused(refused) => refused.cause,
            Probed::Away(_) => Cause::TemporaryCarrierFault,
        };
        self.note(line, Sign::Ill(cause)).await;
        false
    }

    /// Whether this gateway is the one that tries a half-open carrier now.
    pub(super) async fn may_try(&self, line: &Line) -> bool {
        self.parts.store.fleet.only_one(&format!("trial/{}", line.name()), TRIAL_MS).await.unwrap_or(false)
    }
}
