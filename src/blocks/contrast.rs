//! Is it this cell, or do all carriers of the network have a bad hour? Messages drawn at
//! the same time with known shares (and what was still open of those sent just before),
//! looked at at the same ages, feed a filter over the
//! factor that all carriers share; once as if the cell were as usual, once per level of a
//! block. What counts is the ratio of how well these foretold what came.

use serde::{Deserialize, Serialize};

use super::maths::ln;
use super::rules::CompareRules;
use super::score::LEVELS;

const FACTORS: usize = 9;

/// The filter of one observable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Filter {
    /// How likely each shared factor is: as usual, in a full, in a half block.
    like: [[f32; FACTORS]; 1 + LEVELS],
    /// Logarithm of the ratio of each level to "as usual", in nats.
    ratio: [f32; LEVELS],
}

/// One look at one message.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// The message is of the judged cell.
    pub own: bool,
    /// It is the first look at this message.
    pub first: bool,
    /// How likely it comes at all, at a factor of 1.
    pub usual: f64,
    /// The share of what comes that was due at the look before ...
    pub due_before: f64,
    /// ... and is due at this one.
    pub due: f64,
    /// Whether it has come by now.
    pub came: bool,
}

impl Filter {
    /// Nothing seen yet.
    pub fn new(rules: &CompareRules) -> Filter {
        Filter { like: [rules.likely; 1 + LEVELS], ratio: [0.0; LEVELS] }
    }

    /// The evidence for a block, nats: the better of the two levels.
    pub fn ratio(&self) -> f64 {
        f64::from(self.ratio[0].max(self.ratio[1]))
    }

    /// Learns from a look.
    pub fn see(&mut self, look: Look, levels: [f64; LEVELS], rules: &CompareRules) {
        let mut foretold = [0.0f32; 1 + LEVELS];
        for (hypothesis, like) in self.like.iter_mut().enumerate() {
            let level = if look.own && hypothesis > 0 { levels[hypothesis - 1] } else { 1.0 };
            let mut sum = 0.0;
            for (state, weight) in like.iter_mut().enumerate() {
                if look.first {
                    *weight = *weight * (1.0 - rules.change) + rules.change * rules.likely[state];
                }
                let usual = (look.usual * level * f64::from(rules.factors[state])).min(0.98);
                let comes = usual * (look.due - look.due_before).max(0.0) / (1.0 - usual * look.due_before);
                *weight *= (if look.came { comes } else { 1.0 - comes }) as f32;
                sum += *weight;
            }
            let sum = sum.max(1e-12);
            like.iter_mut().for_each(|weight| *weight /= sum);
            foretold[hypothesis] = sum;
        }
        for level in 0..LEVELS {
            let gain = ln(f64::from(foretold[1 + level]) / f64::from(foretold[0])) as f32;
            self.ratio[level] = (self.ratio[level] + gain).max(rules.floor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(own: u32, other: u32) -> Filter {
        let rules = CompareRules::default();
        let mut filter = Filter::new(&rules);
        for n in 0..12 {
            for (is_own, share) in [(true, own), (false, other), (false, other)] {
                let came = n * 100 % 1200 < share * 12;
                let look = Look { own: is_own, first: true, usual: 0.8, due_before: 0.0, due: 0.97, came };
                filter.see(look, [0.1, 0.5], &rules);
            }
        }
        filter
    }

    #[test]
    fn a_block_is_told_from_a_bad_hour() {
        assert!(run(0, 80).ratio() > 9.0);
        assert!(run(33, 80).ratio() > 2.0);
        for all in [0, 10, 25, 40, 80] {
            assert!(run(all, all).ratio() < 2.0, "{all}: {}", run(all, all).ratio());
        }
        assert!(run(80, 80).ratio() < -0.5);
    }

    #[test]
    fn it_stays_finite_whatever_it_sees() {
        let rules = CompareRules::default();
        let mut filter = Filter::new(&rules);
        for usual in [0.0, 1.0, 5.0] {
            for came in [true, false] {
                for own in [true, false] {
                    filter.see(Look { own, first: true, usual, due_before: 0.0, due: 1.0, came }, [0.1, 0.5], &rules);
                    filter.see(Look { own, first: false, usual, due_before: 1.0, due: 1.0, came }, [0.1, 0.5], &rules);
                }
            }
        }
        assert!(filter.ratio().is_finite());
    }
}
