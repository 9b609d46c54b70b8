//! What a cell usually does: a Beta posterior whose prior is (network without this cell) x
//! (carrier without this cell) / country, with lower bounds for the test.

use super::groups::{Share, Sum};
use super::maths::left;
use super::rules::LearnRules;
use crate::model::Ms;

/// The sums around a cell, each without the cell itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Around {
    /// Its channel.
    pub all: Sum,
    /// Its country.
    pub country: Sum,
    /// Its carrier everywhere.
    pub carrier: Sum,
    /// Its carrier in its country.
    pub branch: Sum,
    /// Its network.
    pub network: Sum,
}

/// A share with its uncertainty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Best guess.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
}

impl Around {
    /// What a cell here does before it has told anything itself.
    pub fn prior(&self, start: f64, rules: &LearnRules) -> f64 {
        let lean = rules.lean_messages;
        let all = self.all.leaning(start, rules.start_messages);
        let country = self.country.leaning(all, lean);
        let network = self.network.leaning(country, lean);
        let carrier = self.carrier.leaning(all, lean) / all.max(1e-6);
        let branch = self.branch.leaning((country * carrier).min(0.99), lean) / country.max(1e-6);
        (network * branch).clamp(0.001, 0.99)
    }
}

/// The posterior of a share that leans on `prior` with `weight` messages and is `age` old.
pub fn estimate(own: Share, prior: f64, weight: f64, age: Ms, rules: &LearnRules) -> Estimate {
    let mean = own.leaning(prior, weight).clamp(0.0005, 0.995);
    let of = f64::from(own.of) + weight;
    let drift = rules.drift_per_day;
    // A random walk: its variance grows with the mean age of what is known.
    let days = age as f64 / 86_400_000.0;
    let variance = mean * (1.0 - mean) / (of + 1.0) + drift * drift * days.min(30.0);
    Estimate { mean, sd: variance.sqrt() }
}

/// Adds what was learned since to what is remembered.
pub fn remember(memory: Share, fresh: Share, elapsed: Ms, rules: &LearnRules) -> Share {
    let mut memory = memory;
    memory.scale(left(elapsed, rules.half_life_ms));
    memory.got += fresh.got;
    memory.of += fresh.of;
    let of = f64::from(memory.of);
    if of > rules.messages_max {
        memory.scale(rules.messages_max / of);
    }
    memory
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(share: f64, of: f64) -> Sum {
        Sum { got: share * of, of }
    }

    #[test]
    fn a_new_cell_takes_after_its_network_and_its_carrier() {
        let rules = LearnRules::default();
        let mut around = Around { all: sum(0.8, 5e4), country: sum(0.8, 5e3), ..Around::default() };
        assert!((around.prior(0.7, &rules) - 0.8).abs() < 0.01);
        around.network = sum(0.6, 1e3);
        assert!((around.prior(0.7, &rules) - 0.6).abs() < 0.02);
        (around.carrier, around.branch) = (sum(0.6, 1e3), sum(0.6, 1e3));
        assert!((around.prior(0.7, &rules) - 0.45).abs() < 0.02);
        assert!((Around::default().prior(0.7, &rules) - 0.7).abs() < 1e-6);
    }

    #[test]
    fn the_estimate_narrows_with_messages_and_widens_with_age() {
        let rules = LearnRules::default();
        let of = |of: f32| Share { got: 0.8 * of, of };
        let few = estimate(of(10.0), 0.7, 20.0, 0, &rules);
        let many = estimate(of(1000.0), 0.7, 20.0, 0, &rules);
        let old = estimate(of(1000.0), 0.7, 20.0, 10 * 86_400_000, &rules);
        assert!(few.mean < many.mean && few.sd > 3.0 * many.sd && old.sd > 2.0 * many.sd);
    }

    #[test]
    fn memory_fades_and_is_bounded() {
        let rules = LearnRules::default();
        let full = remember(Share { got: 900.0, of: 1000.0 }, Share { got: 100.0, of: 100.0 }, 0, &rules);
        assert!((f64::from(full.of) - rules.messages_max).abs() < 0.1);
        let faded = remember(full, Share::default(), rules.half_life_ms, &rules);
        assert!((2.0 * faded.of - full.of).abs() < 0.1 && (faded.got / faded.of - full.got / full.of).abs() < 1e-6);
    }
}
