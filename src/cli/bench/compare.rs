//! What the rounds of a comparison come to: medians with their range, ratios taken
//! within a round, and whether the goals are met; as a table and as JSON.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::arms::Arm;
use super::drive::Driven;
use super::measure::{Errors, Latencies};

/// The gateway answers at least this share of what a server with the same calls does.
const SAME_CALLS_GOAL: f64 = 0.6;
/// The gateway adds at most so many milliseconds at the 99th percentile.
const P99_ADDED_GOAL_MS: f64 = 3.0;

/// One round.
pub struct Round {
    /// Each arm driven to its limit, in the order of [`Arm::ALL`].
    pub driven: [Driven; Arm::ALL.len()],
    /// Starts of the gateway at a fixed rate.
    pub gateway: Latencies,
    /// The same of the server that only parses.
    pub parse: Latencies,
}

/// A median of rounds with its range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

impl Spread {
    /// `None` without values, or if one of them is no number (a ratio to nothing).
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.collect();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 };
        (min.is_finite() && max.is_finite()).then_some(Spread { median, min, max })
    }
}

/// All rounds.
pub struct Comparison {
    /// At least one.
    pub rounds: Vec<Round>,
    /// The fixed rate.
    pub rate: u32,
    /// What went wrong anywhere, also before the first round.
    pub errors: Errors,
}

/// One line of the comparison.
struct Line {
    /// For people.
    name: String,
    /// For scripts.
    key: &'static str,
    spread: Option<Spread>,
    /// Digits after the point.
    digits: usize,
    /// Whether the goal is met, and the goal in words.
    goal: Option<(bool, String)>,
}

impl Comparison {
    fn spread(&self, of: impl Fn(&Round) -> f64) -> Option<Spread> {
        Spread::of(self.rounds.iter().map(of))
    }

    fn lines(&self) -> [Line; 5] {
        let at_least = |spread: Option<Spread>| {
            let met = spread.is_some_and(|spread| spread.median >= SAME_CALLS_GOAL);
            Some((met, format!("at least {SAME_CALLS_GOAL}")))
        };
        let below = |spread: Option<Spread>| {
            let met = spread.is_some_and(|spread| spread.median < P99_ADDED_GOAL_MS);
            Some((met, format!("below {P99_ADDED_GOAL_MS}")))
        };
        let started = |arm| self.spread(|round| round.ratio(arm, Driven::starts_per_second));
        let delivered = self.spread(|round| round.ratio(Arm::SameCalls, Driven::delivered_per_second));
        let added = |share| self.spread(|round| round.gateway.quantile_ms(share) - round.parse.quantile_ms(share));
        let (same, p99) = (started(Arm::SameCalls), added(0.99));
        let line = |name: &str, key, spread, digits, goal| Line { name: name.into(), key, spread, digits, goal };
        let added_name = |quantile| format!("{quantile} added to parse at {}/s, ms", self.rate);
        [
            line("starts, gateway / same-calls", "starts_to_same_calls", same, 2, at_least(same)),
            line(
                "with deliveries, gateway / same-calls",
                "deliveries_to_same_calls",
                delivered,
                2,
                at_least(delivered),
            ),
            line("starts, gateway / one-call", "starts_to_one_call", started(Arm::OneCall), 2, None),
            line(&added_name("p50"), "p50_added_ms", added(0.5), 2, None),
            line(&added_name("p99"), "p99_added_ms", p99, 2, below(p99)),
        ]
    }

    /// Starts that were tried, for the hint about errors.
    pub fn tried(&self) -> u64 {
        let starts = |round: &Round| -> u64 {
            round.driven.iter().map(|driven| driven.starts).sum::<u64>() + round.gateway.count() + round.parse.count()
        };
        self.rounds.iter().map(starts).sum::<u64>() + self.errors.total()
    }

    /// The same for scripts.
    pub fn json(&self) -> Value {
        let arm = |arm: Arm| {
            let row = json!({
                "starts_per_second": self.spread(|round| round.of(arm).starts_per_second()),
                "delivered_per_second": self.spread(|round| round.of(arm).delivered_per_second()),
                "undone": self.undone(arm),
                "drained_seconds": self.spread(|round| round.of(arm).drained.as_secs_f64()),
            });
            (arm.as_str().to_owned(), row)
        };
        let line = |line: Line| {
            let goal = line.goal.map(|(met, words)| json!({ "met": met, "goal": words }));
            (line.key.to_owned(), json!({ "value": line.spread, "goal": goal }))
        };
        json!({
            "rounds": self.rounds.len(),
            "rate": self.rate,
            "arms": Arm::ALL.into_iter().map(arm).collect::<Map<_, _>>(),
            "compared": self.lines().into_iter().map(line).collect::<Map<_, _>>(),
            "errors": self.errors,
        })
    }

    /// Deliveries undone at the end of a round; `None` if this arm has none.
    fn undone(&self, arm: Arm) -> Option<Spread> {
        let counts: Option<Vec<_>> =
            self.rounds.iter().map(|round| round.of(arm).undone.map(|count| count as f64)).collect();
        Spread::of(counts?.into_iter())
    }
}

impl Round {
    fn of(&self, arm: Arm) -> &Driven {
        &self.driven[arm as usize]
    }

    /// The gateway's share of what another arm does.
    fn ratio(&self, arm: Arm, speed: impl Fn(&Driven) -> f64) -> f64 {
        speed(self.of(Arm::Gateway)) / speed(self.of(arm))
    }
}

/// A spread with so many digits after the point: `0.71 [0.66-0.74]`.
fn shown(spread: Option<Spread>, digits: usize) -> String {
    match spread {
        Some(Spread { median, min, max }) => format!("{median:.digits$} [{min:.digits$} to {max:.digits$}]"),
        None => "-".into(),
    }
}

/// The table for people.
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounds = self.rounds.len();
        writeln!(f, "medians of {rounds} rounds [least to most]\n")?;
        writeln!(f, "{:<12}{:>30}{:>26}{:>22}", "", "starts/s", "undone at the end", "done after, s")?;
        for arm in Arm::ALL {
            let starts = shown(self.spread(|round| round.of(arm).starts_per_second()), 0);
            let undone = self.undone(arm);
            let drained = undone.and_then(|_| self.spread(|round| round.of(arm).drained.as_secs_f64()));
            let (undone, drained) = (shown(undone, 0), shown(drained, 2));
            writeln!(f, "{:<12}{starts:>30}{undone:>26}{drained:>22}", arm.as_str())?;
        }
        writeln!(f)?;
        for Line { name, spread, digits, goal, .. } in self.lines() {
            write!(f, "{name:<42}{:<24}", shown(spread, digits))?;
            match goal {
                Some((met, words)) => writeln!(f, "goal {words}: {}", if met { "met" } else { "missed" })?,
                None => writeln!(f)?,
            }
        }
        f.write_str(&self.errors.table())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn round(gateway: u64, undone_seconds: u64) -> Round {
        let took = Duration::from_secs(5);
        let driven = |starts, undone, drained| Driven {
            starts,
            took,
            undone,
            drained: Duration::from_secs(drained),
            errors: Errors::default(),
        };
        let latencies = |ms| {
            let mut latencies = Latencies::default();
            (0..100).for_each(|_| latencies.add(Duration::from_millis(ms)));
            latencies
        };
        Round {
            driven: [
                driven(gateway, Some(7), undone_seconds),
                driven(10_000, Some(0), 0),
                driven(20_000, None, 0),
                driven(40_000, None, 0),
            ],
            gateway: latencies(5),
            parse: latencies(1),
        }
    }

    #[test]
    fn ratios_are_taken_within_a_round_and_their_median_is_judged() {
        let rounds = vec![round(7_000, 5), round(5_000, 5), round(8_000, 5)];
        let comparison = Comparison { rounds, rate: 1_000, errors: Errors::default() };
        let json = comparison.json();
        let compared = &json["compared"];
        assert_eq!(compared["starts_to_same_calls"]["value"], json!({ "median": 0.7, "min": 0.5, "max": 0.8 }));
        assert_eq!(compared["starts_to_same_calls"]["goal"]["met"], true);
        // Those that were undone took as long again: the half is left.
        assert_eq!(compared["deliveries_to_same_calls"]["value"]["median"], 0.35);
        assert_eq!(compared["deliveries_to_same_calls"]["goal"]["met"], false);
        assert_eq!(compared["p99_added_ms"]["goal"]["met"], false);
        assert_eq!(json["arms"]["gateway"]["undone"]["median"], 7.0);
        assert_eq!(json["arms"]["parse"]["undone"], Value::Null);
        let table = comparison.to_string();
        assert!(table.contains("0.70 [0.50 to 0.80]") && table.contains("goal below 3: missed"), "{table}");
    }

    #[test]
    fn a_median_stands_in_the_middle() {
        let median = |values: &[f64]| Spread::of(values.iter().copied()).map(|spread| spread.median);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[1.0, f64::NAN]), None);
    }
}
