//! The gateways that share the store, and the pace that they share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::Redis;
use super::answer::{Answer, pairs};
use crate::model::{LimitSpec, Ms};
use crate::store::{Crew, Fleet, StoreError, Switch};

/// A gateway that was not heard of for so long is dead to the others.
const DEAD_MS: u64 = 4_500;
/// Turns of so long are waited for by one gateway at a time: so many are lost when it
/// dies, and a long queue here holds up no other gateway.
const TURNS_AHEAD_MS: u64 = 100;
/// A turn that was missed by more than this is not used: what slept through its turn
/// would submit together with those whose turn it is.
const LATE: Duration = Duration::from_millis(50);
/// So many in a row are missed where Redis is slow to answer: then late turns are as far
/// apart as others.
const TURNS_MISSED: usize = 3;

#[async_trait]
impl Fleet for Redis {
    async fn beat(&self) -> Result<Crew, StoreError> {
        let answer = self.tell_fleet("beat").await;
        // Not known there any more, or perhaps so: the store may have come back empty.
        if answer.as_ref().map_or(Ok(1), |answer| answer.int(2))? > 0 {
            self.facts_are_due.store(true, Ordering::Relaxed);
        }
        let answer = answer?;
        if self.facts_are_due.load(Ordering::Relaxed) {
            self.restore_facts().await?;
            self.facts_are_due.store(false, Ordering::Relaxed);
        }
        let alive: Vec<&[u8]> = (3..answer.len()).map(|place| answer.bytes(place)).collect();
        self.sweep.share(&self.me, &alive);
        Ok(Crew { alive: alive.len() })
    }

    async fn leave(&self) -> Result<(), StoreError> {
        self.tell_fleet("leave").await.map(drop)
    }

    async fn turn(&self, carrier: &str, pace: LimitSpec) -> Result<(), StoreError> {
        let (each, early) = spacing(pace);
        let asking = self.asking(carrier, pace);
        let _permit = asking.acquire().await.expect("never closed");
        for _ in 0..TURNS_MISSED {
            let call = self.scripts.turn.on([self.keys.pace(carrier)]).arg(each).arg(early);
            let asked = tokio::time::Instant::now();
            let wait = Duration::from_micros(self.call(&call).await?.int(2)?);
            let turn = tokio::time::Instant::now() + wait;
            tokio::time::sleep_until(turn).await;
            if turn.elapsed() <= LATE && asked.elapsed() <= wait + 2 * LATE {
                break;
            }
        }
        Ok(())
    }

    async fn switch(&self, carrier: &str, switch: Option<Switch>) -> Result<(), StoreError> {
        let call = self.scripts.switch.on([self.keys.switches()]).arg(carrier);
        let call = match switch {
            Some(Switch { until, strikes, cause }) => call.arg(format!("{until} {strikes} {}", cause.as_str())),
            None => call,
        };
        self.call(&call).await.map(drop)
    }

    async fn switches(&self) -> Result<BTreeMap<String, Switch>, StoreError> {
        let mut all = ::redis::cmd("HGETALL");
        all.arg(self.keys.switches());
        let all = pairs(&self.link.send(all).await?)?;
        // What this version cannot read a newer one wrote, which alone can act on it.
        Ok(all.into_iter().filter_map(|(carrier, open)| Some((carrier, read_switch(&open)?))).collect())
    }

    async fn only_one(&self, what: &str, ms: Ms) -> Result<bool, StoreError> {
        let call = self.scripts.once.on([self.keys.once(what)]).arg(&self.me[2..]).arg(&self.operation()[..]);
        Ok(self.call(&call.arg(ms.max(1))).await?.word().0 == "yes")
    }
}

/// A breaker as it rests: `until strikes cause`.
fn read_switch(text: &str) -> Option<Switch> {
    let mut words = text.split(' ');
    let (until, strikes) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let cause = serde_json::from_value(words.next()?.into()).ok()?;
    Some(Switch { until, strikes, cause })
}

impl Redis {
    async fn tell_fleet(&self, what: &str) -> Result<Answer, StoreError> {
        self.call(&self.scripts.beat.on([self.keys.fleet()]).arg(&self.me[..]).arg(DEAD_MS).arg(what)).await
    }

    /// Who may ask for a carrier's turns now, first come first served.
    fn asking(&self, carrier: &str, pace: LimitSpec) -> Arc<Semaphore> {
        let ahead = (u64::from(pace.count) * TURNS_AHEAD_MS / pace.per_ms).max(1) as usize;
        self.asking.get(carrier, pace, || Semaphore::new(ahead))
    }
}

/// Microseconds between turns, and how early one may come: a twentieth of the span's
/// turns may come together, and the pace is two in a hundred slower than asked, so
/// that clocks and timers which are not exact stay within it.
fn spacing(pace: LimitSpec) -> (u64, u64) {
    let each = pace.per_ms * 1_020 / u64::from(pace.count);
    (each, each * u64::from(pace.count / 20))
}
