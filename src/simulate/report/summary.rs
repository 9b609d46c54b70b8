//! What the runs of a scenario came to, over all seeds.

use serde::Serialize;

use super::numbers::Spread;
use crate::simulate::judge::{BUCKETS, Outcome};
use crate::simulate::scenario::Plan;

/// The best plain policy must lose so many codes more than the oracle for a ratio to say something.
pub const WORTH_A_RATIO: f64 = 50.0;
/// The policies that know no radar, to compare with.
pub const PLAIN: [&str; 3] = ["fixed", "shift", "bandit"];

/// The runs of one policy, one per seed.
pub struct Runs {
    /// The policy's name.
    pub name: String,
    /// Whether it is our own, with its own or other settings.
    pub is_ours: bool,
    /// By seed.
    pub outcomes: Vec<Outcome>,
}

/// What one policy came to. Codes count as lost if they are not there within 60 s unless
/// the person asked again.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// The policy.
    pub policy: String,
    #[serde(skip)]
    pub is_ours: bool,
    /// Codes on the networks that something happened to, from then on; the median.
    pub codes: Option<f64>,
    /// Of those, lost.
    pub lost: Spread,
    /// Of those, there within 60 s because the person asked again.
    pub after_asking: Spread,
    /// Lost more than with the oracle, seed by seed.
    pub above_oracle: Option<Spread>,
    /// `above_oracle` as a part of the best plain policy's; only where that is 50 codes or more.
    pub excess_ratio: Option<f64>,
    /// Codes on all networks after the warm-up; the median.
    pub codes_in_all: Option<f64>,
    /// Of those, lost.
    pub lost_in_all: Spread,
    /// What all messages after the warm-up cost.
    pub spent: Spread,
    /// `spent` as a multiple of the oracle's, seed by seed.
    pub money_ratio: Option<Spread>,
    /// First tries of all seeds together.
    pub first_tries: u64,
    /// What it found; only for our own.
    pub radar: Option<Radar>,
    /// Part of the codes on the affected networks that came in time, over the length; all seeds together.
    pub delivered_over_time: Vec<Option<f64>>,
}

/// What our own policy found.
#[derive(Debug, Clone, Serialize)]
pub struct Radar {
    /// Harmed cells that had traffic, of all seeds together.
    pub harmed_cells: usize,
    /// Of those, found blocked.
    pub detected: usize,
    /// Judged first tries until suspect.
    pub judged_until_suspect: Spread,
    /// Judged first tries until blocked.
    pub judged: Spread,
    /// Seconds until blocked.
    pub seconds: Spread,
    /// Blocks of cells that were not worse than before, of all seeds together.
    pub false_blocks: u64,
    /// Network alarms where nothing was wrong, of all seeds together.
    pub false_network_alarms: u64,
    /// Network alarms where something was, of all seeds together.
    pub right_network_alarms: u64,
    /// Both kinds of false alarm in a million first tries.
    pub false_alarms_per_million: f64,
    /// Times that a cell became suspect in a thousand first tries.
    pub suspects_per_thousand: f64,
    /// Bursts: everything down, pumping, app faults; of all seeds together.
    pub bursts: usize,
    /// The part of bursts in which a cell was blocked.
    pub burst_block_share: Option<f64>,
    /// The part of bursts with a network alarm.
    pub burst_alarm_share: Option<f64>,
    /// Harms of blocked cells that ended, of all seeds together.
    pub lifts: usize,
    /// Minutes until traffic began to return.
    pub lift_minutes: Spread,
}

/// Sums up the runs of a scenario; each policy must have run the same seeds.
pub fn summaries(plan: &Plan, runs: &[Runs]) -> Vec<Summary> {
    let of = |name: &str| runs.iter().find(|runs| runs.name == name);
    let oracle = of("oracle");
    let excess = |name: &str| above(of(name)?, oracle?).median;
    let best_plain = PLAIN.iter().filter_map(|name| excess(name)).reduce(f64::min);
    runs.iter().map(|runs| summary(plan, runs, oracle, best_plain)).collect()
}

fn above(runs: &Runs, oracle: &Runs) -> Spread {
    let lost = |outcome: &Outcome| outcome.affected.lost as f64;
    Spread::of_all(runs.outcomes.iter().zip(&oracle.outcomes).map(|(ours, best)| lost(ours) - lost(best)))
}

fn summary(plan: &Plan, runs: &Runs, oracle: Option<&Runs>, best_plain: Option<f64>) -> Summary {
    let each = |number: fn(&Outcome) -> f64| Spread::of_all(runs.outcomes.iter().map(number));
    let above_oracle = oracle.map(|oracle| above(runs, oracle));
    let money = |oracle: &Runs| {
        let pairs = runs.outcomes.iter().zip(&oracle.outcomes);
        Spread::of_all(pairs.map(|(ours, best)| if best.spent > 0.0 { ours.spent / best.spent } else { 1.0 }))
    };
    let excess = above_oracle.and_then(|above| above.median).zip(best_plain.filter(|best| *best >= WORTH_A_RATIO));
    let mut in_time = vec![[0_u64, 0]; BUCKETS];
    for outcome in &runs.outcomes {
        in_time.iter_mut().zip(&outcome.timeline).for_each(|(sum, one)| {
            sum[0] += one[0];
            sum[1] += one[1];
        });
    }
    Summary {
        policy: runs.name.clone(),
        is_ours: runs.is_ours,
        codes: each(|outcome| outcome.affected.codes as f64).median,
        lost: each(|outcome| outcome.affected.lost as f64),
        after_asking: each(|outcome| outcome.affected.after_asking as f64),
        above_oracle,
        excess_ratio: excess.map(|(ours, best)| ours / best),
        codes_in_all: each(|outcome| outcome.all.codes as f64).median,
        lost_in_all: each(|outcome| outcome.all.lost as f64),
        spent: each(|outcome| outcome.spent),
        money_ratio: oracle.map(money),
        first_tries: runs.outcomes.iter().map(|outcome| outcome.first_tries).sum(),
        radar: runs.is_ours.then(|| radar(plan, runs)),
        delivered_over_time: in_time
            .iter()
            .map(|[all, there]| (*all > 0).then(|| *there as f64 / *all as f64))
            .collect(),
    }
}

fn radar(plan: &Plan, runs: &Runs) -> Radar {
    let outcomes = &runs.outcomes;
    let sum = |number: fn(&Outcome) -> u64| outcomes.iter().map(number).sum::<u64>();
    let detections: Vec<_> = outcomes.iter().flat_map(|o| &o.detections).filter(|d| d.carrying).collect();
    let bursts: Vec<_> = outcomes.iter().flat_map(|outcome| &outcome.bursts).collect();
    let lifts: Vec<_> = outcomes.iter().flat_map(|outcome| &outcome.lifts).collect();
    let first_tries = sum(|outcome| outcome.first_tries).max(1) as f64;
    let false_alarms = sum(|outcome| outcome.false_blocks + outcome.false_alarms) as f64;
    let share = |count: usize| (!bursts.is_empty()).then(|| count as f64 / bursts.len() as f64);
    debug_assert!(detections.iter().all(|detection| plan.happenings[detection.happening].harms()));
    Radar {
        harmed_cells: detections.len(),
        detected: detections.iter().filter(|detection| detection.judged.is_some()).count(),
        judged_until_suspect: Spread::of(detections.iter().map(|d| d.judged_suspect.map(|judged| judged as f64))),
        judged: Spread::of(detections.iter().map(|detection| detection.judged.map(|judged| judged as f64))),
        seconds: Spread::of(detections.iter().map(|detection| detection.took.map(|took| took as f64 / 1e3))),
        false_blocks: sum(|outcome| outcome.false_blocks),
        false_network_alarms: sum(|outcome| outcome.false_alarms),
        right_network_alarms: sum(|outcome| outcome.right_alarms),
        false_alarms_per_million: false_alarms / first_tries * 1e6,
        suspects_per_thousand: sum(|outcome| outcome.suspects) as f64 / first_tries * 1e3,
        bursts: bursts.len(),
        burst_block_share: share(bursts.iter().filter(|burst| burst.blocked).count()),
        burst_alarm_share: share(bursts.iter().filter(|burst| burst.alarmed).count()),
        lifts: lifts.len(),
        lift_minutes: Spread::of(lifts.iter().map(|lift| lift.map(|took| took as f64 / 6e4))),
    }
}
