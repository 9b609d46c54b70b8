//! The comparison with what the machine can do at all: rounds in which the gateway
//! and the ceilings are driven one after the other, in an order that rotates, so
//! that what else the machine does falls on all of them.

use std::sync::Arc;
use std::time::Duration;

use super::arms::{Arm, Arms};
use super::compare::{Comparison, Round};
use super::connection::Target;
use super::drive::{Driven, drive};
use super::load::{self, Pace};
use super::measure::{Errors, Latencies, Step};
use super::numbers::Numbers;
use super::progress::Progress;
use crate::cli::Failure;

/// How long an arm is driven before its round counts.
const WARM_UP: Duration = Duration::from_secs(1);
/// The pause after an arm: the receipts of its last messages come a moment later.
const SETTLE: Duration = Duration::from_secs(1);

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Rounds.
    pub rounds: u32,
    /// Of each part of a round; its rate is that of the open loop.
    pub pace: Pace,
}

struct Bench {
    arms: Arms,
    numbers: Arc<Numbers>,
    plan: Plan,
    progress: Progress,
    errors: Errors,
}

/// Runs all rounds.
pub async fn compare(
    gateway: Arc<Target>,
    store: &str,
    relaxed: bool,
    numbers: Arc<Numbers>,
    plan: Plan,
    progress: Progress,
) -> Result<Comparison, Failure> {
    let arms = Arms::start(gateway, store, relaxed).await?;
    let mut bench = Bench { arms, numbers, plan, progress, errors: Errors::default() };
    let mut rounds = Vec::new();
    for round in 0..plan.rounds {
        rounds.push(bench.round(round).await?);
    }
    progress.end();
    Ok(Comparison { rounds, rate: plan.pace.rate, errors: bench.errors })
}

impl Bench {
    async fn round(&mut self, round: u32) -> Result<Round, Failure> {
        let mut driven: [Driven; Arm::ALL.len()] = Default::default();
        for arm in rotated(Arm::ALL, round) {
            self.show(round, arm, "driven to its limit");
            driven[arm as usize] = self.driven(arm).await?;
        }
        let (mut gateway, mut parse) = (Latencies::default(), Latencies::default());
        for arm in rotated([Arm::Gateway, Arm::Parse], round) {
            self.show(round, arm, &format!("at {} starts/s", self.plan.pace.rate));
            let latencies = self.paced(arm).await;
            if arm == Arm::Gateway { gateway = latencies } else { parse = latencies }
        }
        Ok(Round { driven, gateway, parse })
    }

    async fn driven(&mut self, arm: Arm) -> Result<Driven, Failure> {
        let Pace { connections, seconds, .. } = self.plan.pace;
        let target = self.arms.target(arm);
        let warm = drive(target, &self.numbers, connections, WARM_UP).await;
        // How fast a server refuses is not worth a round.
        if let Some(hint) = warm.errors.hint(warm.starts + warm.errors.total()) {
            self.progress.end();
            return Err(Failure(format!("{}: {hint}", arm.as_str())));
        }
        let driven = drive(target, &self.numbers, connections, Duration::from_secs(seconds.into())).await;
        tokio::time::sleep(SETTLE).await;
        self.errors.merge(driven.errors.clone());
        Ok(driven)
    }

    /// Starts at the fixed rate, whatever the answers.
    async fn paced(&mut self, arm: Arm) -> Latencies {
        let (target, numbers) = (self.arms.target(arm).clone(), self.numbers.clone());
        let tally = load::run(target, numbers, None, self.plan.pace, Progress::Silent).await;
        tokio::time::sleep(SETTLE).await;
        self.errors.merge(tally.errors.clone());
        tally.of(Step::Start).clone()
    }

    fn show(&self, round: u32, arm: Arm, what: &str) {
        self.progress.step(&format!("round {} of {}: {} {what}", round + 1, self.plan.rounds, arm.as_str()));
    }
}

/// The arms in the order of a round: each is first in its turn.
fn rotated<const N: usize>(mut arms: [Arm; N], round: u32) -> [Arm; N] {
    arms.rotate_left(round as usize % N);
    arms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_arm_is_first_in_its_turn() {
        let first = |round| rotated(Arm::ALL, round)[0];
        assert_eq!([first(0), first(1), first(2), first(3)], Arm::ALL);
        assert_eq!(rotated([Arm::Gateway, Arm::Parse], 1), [Arm::Parse, Arm::Gateway]);
    }
}
