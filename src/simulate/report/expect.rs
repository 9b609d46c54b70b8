//! `[expect]`: what a scenario promises of our own policy, for CI.

use serde::Serialize;

use super::numbers::Spread;
use super::summary::{PLAIN, Radar, Summary};
use crate::simulate::scenario::written::Expect;

/// One expectation and whether it holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// The policy.
    pub policy: String,
    /// The key in `[expect]`.
    pub key: &'static str,
    /// What was found; missing if it never came, for example a block that was not found.
    pub found: Option<f64>,
    /// What it may be.
    pub limit: f64,
    /// Whether `limit` is the most or the least.
    pub is_most: bool,
    /// Whether it holds.
    pub holds: bool,
}

/// Compares what our own policies came to with what is expected. What compares with a
/// policy that did not run is left out.
pub fn verdicts(expect: &Expect, seeds: usize, summaries: &[Summary]) -> Vec<Verdict> {
    let ran = |name: &&str| summaries.iter().any(|summary| summary.policy == **name);
    let compared = ran(&"oracle");
    let mut expect = expect.clone();
    if !compared {
        (expect.lost_above_oracle, expect.money_ratio) = (None, None);
    }
    if !compared || !PLAIN.iter().all(ran) {
        expect.excess_ratio = None;
    }
    let ours = summaries.iter().filter_map(|summary| Some((summary, summary.radar.as_ref()?)));
    ours.flat_map(|(summary, radar)| of_one(&expect, seeds, summary, radar)).collect()
}

fn of_one(expect: &Expect, seeds: usize, summary: &Summary, radar: &Radar) -> Vec<Verdict> {
    let median = |spread: &Option<Spread>| spread.and_then(|spread| spread.median);
    let per_run = |count: u64| Some(count as f64 / seeds.max(1) as f64);
    let detected = (radar.harmed_cells > 0).then(|| radar.detected as f64 / radar.harmed_cells as f64);
    let most = [
        ("lost_above_oracle", expect.lost_above_oracle, median(&summary.above_oracle)),
        ("excess_ratio", expect.excess_ratio, summary.excess_ratio),
        ("detection_judged_median", expect.detection_judged_median, radar.judged.median),
        ("detection_judged_p95", expect.detection_judged_p95, radar.judged.p95),
        ("detection_seconds_median", expect.detection_seconds_median, radar.seconds.median),
        ("false_blocks", expect.false_blocks, per_run(radar.false_blocks)),
        ("false_network_alarms", expect.false_network_alarms, per_run(radar.false_network_alarms)),
        ("suspects_per_thousand", expect.suspects_per_thousand, Some(radar.suspects_per_thousand)),
        ("lift_minutes_median", expect.lift_minutes_median, radar.lift_minutes.median),
        ("lift_minutes_p90", expect.lift_minutes_p90, radar.lift_minutes.p90),
        ("money_ratio", expect.money_ratio, median(&summary.money_ratio)),
    ];
    let most = most.into_iter().filter_map(|(key, limit, found)| Some((key, limit?.0, found, true)));
    let burst_blocks = ("burst_block_share", expect.burst_block_share, radar.burst_block_share, true);
    let shares = [
        burst_blocks,
        ("burst_alarm_share", expect.burst_alarm_share, radar.burst_alarm_share, false),
        ("detected_share", expect.detected_share, detected, false),
    ];
    let shares = shares.into_iter().filter_map(|(key, limit, found, is_most)| Some((key, limit?.0, found, is_most)));
    most.chain(shares)
        .map(|(key, limit, found, is_most)| {
            let holds = found.is_some_and(|found| if is_most { found <= limit } else { found >= limit });
            Verdict { policy: summary.policy.clone(), key, found, limit, is_most, holds }
        })
        .collect()
}

impl Verdict {
    /// One line, for a broken expectation.
    pub fn line(&self, scenario: &str) -> String {
        let found = self.found.map_or_else(|| "nothing to measure".into(), short);
        let bound = if self.is_most { "at most" } else { "at least" };
        format!("{scenario}: {}: {} is {found}, expected {bound} {}", self.policy, self.key, short(self.limit))
    }
}

/// A number without needless digits.
pub fn short(number: f64) -> String {
    if number.fract() == 0.0 {
        format!("{number:.0}")
    } else if number.abs() < 10.0 {
        format!("{number:.3}").trim_end_matches('0').to_owned()
    } else {
        format!("{number:.1}")
    }
}
