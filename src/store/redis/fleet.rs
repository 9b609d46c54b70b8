//! The gateways that share the store, and the pace that they share.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::Redis;
use crate::model::LimitSpec;
use crate::store::{Crew, Fleet, StoreError};

/// A gateway that was not heard of for so long is dead to the others.
const DEAD_MS: u64 = 4_500;
/// Turns of so long are waited for by one gateway at a time: so many are lost when it
/// dies, and a long queue here holds up no other gateway.
const TURNS_AHEAD_MS: u64 = 100;
/// A turn that was missed by more than this is not used: what slept through its turn
/// would submit together with those whose turn it is.
const LATE: Duration = Duration::from_millis(50);

#[async_trait]
impl Fleet for Redis {
    async fn beat(&self) -> Result<Crew, StoreError> {
        let call = self.scripts.beat.on([self.keys.fleet()]).arg(&self.me[..]).arg(DEAD_MS).arg("beat");
        let answer = self.call(&call).await?;
        if answer.int(2)? > 0 {
            self.restore_facts().await?;
        }
        let alive: Vec<&[u8]> = (3..answer.len()).map(|place| answer.bytes(place)).collect();
        self.sweep.share(&self.me, &alive);
        Ok(Crew { alive: alive.len() })
    }

    async fn leave(&self) -> Result<(), StoreError> {
        let call = self.scripts.beat.on([self.keys.fleet()]).arg(&self.me[..]).arg(DEAD_MS).arg("leave");
        self.call(&call).await.map(drop)
    }

    async fn turn(&self, carrier: &str, pace: LimitSpec) -> Result<(), StoreError> {
        let (each, early) = spacing(pace);
        let asking = self.asking(carrier, pace);
        let _permit = asking.acquire().await.expect("never closed");
        loop {
            let call = self.scripts.turn.on([self.keys.pace(carrier)]).arg(each).arg(early);
            let asked = tokio::time::Instant::now();
            let wait = Duration::from_micros(self.call(&call).await?.int(2)?);
            // Counted from before the question: never later than the script meant, and
            // earlier by no more than the answer took.
            let turn = tokio::time::Instant::now() + wait;
            tokio::time::sleep_until(turn).await;
            if turn.elapsed() <= LATE && asked.elapsed() <= wait + 2 * LATE {
                return Ok(());
            }
        }
    }
}

impl Redis {
    /// Who may ask for a carrier's turns now, first come first served.
    fn asking(&self, carrier: &str, pace: LimitSpec) -> Arc<Semaphore> {
        let mut asking = self.asking.lock().expect("no panic while held");
        let ahead = (u64::from(pace.count) * TURNS_AHEAD_MS / pace.per_ms).max(1) as usize;
        asking.entry(carrier.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(ahead))).clone()
    }
}

/// Microseconds between turns, and how early one may come: a twentieth of the span's
/// turns may come together, and the pace is two in a hundred slower than asked, so
/// that clocks and timers which are not exact stay within it.
fn spacing(pace: LimitSpec) -> (u64, u64) {
    let each = pace.per_ms * 1_020 / u64::from(pace.count);
    (each, each * u64::from(pace.count / 20))
}
