//! The pace of one carrier as this gateway keeps it: the configured one, halved with
//! every 429 and doubled again after quiet times. The store shares the turns among
//! gateways; each learns from its own 429 how long they must be.

use std::sync::Mutex;

use crate::model::{LimitSpec, Ms, SECOND};

/// A pace is halved at most so often: to a thirty-second.
const MOST_HALVINGS: u32 = 5;
/// One more 429 within this time says nothing new: those submits were under way.
const SETTLES_MS: Ms = SECOND;
/// After so long without a 429 the pace is doubled.
const QUIET_MS: Ms = 10 * SECOND;

/// A carrier's pace.
#[derive(Debug)]
pub struct Pace {
    configured: Option<LimitSpec>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    halvings: u32,
    changed: Ms,
    rests_until: Ms,
    /// Submits in the second that runs and in the one before, for a carrier whose pace
    /// nobody told.
    second: Ms,
    counts: [u32; 2],
    measured: Option<LimitSpec>,
}

impl Pace {
    /// The configured pace; `None`: any number, until the carrier complains.
    pub fn new(configured: Option<LimitSpec>) -> Self {
        Pace { configured, state: Mutex::default() }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no panic while held")
    }

    /// The pace to keep at `now`.
    pub fn spec(&self, now: Ms) -> Option<LimitSpec> {
        let mut state = self.state();
        while state.halvings > 0 && now >= state.changed + QUIET_MS {
            state.halvings -= 1;
            state.changed += QUIET_MS;
        }
        if state.halvings == 0 {
            state.measured = None;
        }
        let base = self.configured.or(state.measured)?;
        Some(LimitSpec { per_ms: base.per_ms << state.halvings, ..base })
    }

    /// A submit goes out.
    pub fn submitted(&self, now: Ms) {
        let mut state = self.state();
        let second = now / SECOND;
        if second != state.second {
            state.counts = [if second == state.second + 1 { state.counts[1] } else { 0 }, 0];
            state.second = second;
        }
        state.counts[1] += 1;
    }

    /// The carrier asked to slow down, and perhaps for how long to stop.
    pub fn slow_down(&self, now: Ms, wait_ms: Option<Ms>) {
        let mut state = self.state();
        state.rests_until = state.rests_until.max(now + wait_ms.unwrap_or(0));
        if state.halvings > 0 && now < state.changed + SETTLES_MS {
            return;
        }
        if self.configured.is_none() && state.measured.is_none() {
            let count = state.counts[0].max(state.counts[1]).max(1);
            state.measured = Some(LimitSpec { count, per_ms: SECOND });
        }
        state.halvings = (state.halvings + 1).min(MOST_HALVINGS);
        state.changed = now;
    }

    /// Until when nothing is to be sent.
    pub fn rests_until(&self) -> Ms {
        self.state().rests_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn per_second(spec: Option<LimitSpec>) -> f64 {
        spec.map_or(f64::INFINITY, |spec| f64::from(spec.count) * 1e3 / spec.per_ms as f64)
    }

    #[test]
    fn it_halves_with_each_complaint_and_comes_back() {
        let pace = Pace::new(Some("40/1s".parse().unwrap()));
        assert_eq!(per_second(pace.spec(0)), 40.0);
        pace.slow_down(1_000, Some(3_000));
        pace.slow_down(1_500, None);
        assert_eq!((per_second(pace.spec(1_500)), pace.rests_until()), (20.0, 4_000));
        pace.slow_down(2_500, None);
        assert_eq!(per_second(pace.spec(2_500)), 10.0);
        assert_eq!(per_second(pace.spec(12_500)), 20.0);
        assert_eq!(per_second(pace.spec(60_000)), 40.0);
        (0..20).for_each(|n| pace.slow_down(100_000 + 2_000 * n, None));
        assert_eq!(per_second(pace.spec(139_000)), 40.0 / 32.0);
    }

    #[test]
    fn a_pace_that_nobody_told_is_measured() {
        let pace = Pace::new(None);
        (0..100).for_each(|n| pace.submitted(5_000 + n * 10));
        assert_eq!(pace.spec(5_990), None);
        pace.slow_down(6_100, None);
        assert_eq!(per_second(pace.spec(6_100)), 50.0);
        assert_eq!(pace.spec(17_000), None);
    }
}
