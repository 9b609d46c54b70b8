//! How late typed codes and receipts come: sixteen half-octave bins from 1 s to 256 s per
//! cell, which lean on the curve of their channel.

use serde::{Deserialize, Serialize};

use super::maths::{exp2, ln};
use crate::model::Ms;

const BINS: usize = 16;
/// Counts are halved when a bin would pass this: a busy cell's curve follows its changes.
const BIN_MAX: u16 = 800;

/// Counted ages. A bin ends at 2^((i+1)/2) seconds; the last one takes all that is later.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    bins: [u16; BINS],
}

/// The share that has come by each bin's end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    by: [f32; BINS],
}

impl Curve {
    /// Counts something that came at this age.
    pub fn add(&mut self, age: Ms) {
        let bin = (2.0 * log2_seconds(age)).floor().clamp(0.0, (BINS - 1) as f64) as usize;
        if self.bins[bin] >= BIN_MAX {
            self.bins.iter_mut().for_each(|count| *count /= 2);
        }
        self.bins[bin] += 1;
    }

    /// How many are counted.
    pub fn total(&self) -> u32 {
        self.bins.iter().map(|count| u32::from(*count)).sum()
    }
}

impl Shape {
    /// A log-normal one.
    pub fn lognormal(median: Ms, spread: f64) -> Shape {
        let mut by = [0.0; BINS];
        for (bin, share) in by.iter_mut().enumerate() {
            let z = ((bin + 1) as f64 / 2.0 - log2_seconds(median)) * std::f64::consts::LN_2 / spread.max(0.05);
            // The logistic curve stands in for the normal one: off by less than 0.01.
            *share = (1.0 / (1.0 + exp2(-1.702 * std::f64::consts::LOG2_E * z))) as f32;
        }
        by[BINS - 1] = 1.0;
        Shape { by }
    }

    /// This shape, corrected by what was counted; it weighs as much as `weight` counts.
    pub fn corrected(&self, counted: &Curve, weight: f64) -> Shape {
        let total = f64::from(counted.total()) + weight;
        let (mut so_far, mut by) = (0u32, [0.0; BINS]);
        for (bin, share) in by.iter_mut().enumerate() {
            so_far += u32::from(counted.bins[bin]);
            *share = ((f64::from(so_far) + weight * f64::from(self.by[bin])) / total.max(1e-9)) as f32;
        }
        Shape { by }
    }

    /// The share that has come by this age.
    pub fn share(&self, age: Ms) -> f64 {
        let place = 2.0 * log2_seconds(age);
        if place >= BINS as f64 {
            return 1.0;
        }
        let bin = place.floor().max(0.0) as usize;
        let part = (place - bin as f64).clamp(-1.0, 1.0);
        let (before, upto) = (if bin == 0 { 0.0 } else { f64::from(self.by[bin - 1]) }, f64::from(self.by[bin]));
        if bin == 0 {
            // The first bin holds all below 1.4 s; it is spread over two widths.
            return upto * (part + 1.0) / 2.0;
        }
        before + (upto - before) * part
    }

    /// The age by which this share has come.
    pub fn age(&self, share: f64) -> Ms {
        let share = share as f32;
        let bin = self.by.iter().position(|by| *by >= share).unwrap_or(BINS - 1);
        let before = if bin == 0 { 0.0 } else { self.by[bin - 1] };
        let part = f64::from(((share - before) / (self.by[bin] - before).max(1e-6)).clamp(0.0, 1.0));
        let place = if bin == 0 { 2.0 * part - 1.0 } else { bin as f64 + part };
        (1000.0 * exp2(place / 2.0)) as Ms
    }
}

fn log2_seconds(age: Ms) -> f64 {
    // 0.5 s is as good as 0: nothing is typed or reported sooner.
    ln((age.max(500)) as f64 / 1000.0) * std::f64::consts::LOG2_E
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_inverse_of_a_share() {
        let shape = Shape::lognormal(20_000, 0.6);
        for share in [0.05, 0.5, 0.75, 0.9, 0.97] {
            assert!((shape.share(shape.age(share)) - share).abs() < 0.01, "{share}");
        }
        assert!((shape.age(0.5) as f64 / 20_000.0 - 1.0).abs() < 0.1, "{}", shape.age(0.5));
        assert_eq!((shape.share(0) < 0.01, shape.share(u64::MAX)), (true, 1.0));
    }

    #[test]
    fn what_is_counted_moves_the_curve_and_old_counts_fade() {
        let prior = Shape::lognormal(20_000, 0.6);
        let mut curve = Curve::default();
        for _ in 0..5_000 {
            curve.add(60_000);
        }
        let moved = prior.corrected(&curve, 10.0);
        assert!(moved.age(0.5) > 45_000 && moved.age(0.5) < 70_000, "{}", moved.age(0.5));
        for _ in 0..5_000 {
            curve.add(3_000);
        }
        assert!(prior.corrected(&curve, 10.0).age(0.5) < 4_500);
        assert!(curve.total() <= 2 * u32::from(BIN_MAX));
        curve.add(u64::MAX);
        curve.add(0);
    }
}
