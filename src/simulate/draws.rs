//! Random numbers that depend only on the seed and on what they are for, so that every
//! policy meets the same people and the same verdicts.

use rand_distr::{Distribution, OpenClosed01, StandardNormal};
use rand_pcg::Pcg64Mcg;

/// What a stream of random numbers is for.
#[derive(Debug, Clone, Copy)]
pub enum Purpose {
    /// When people of a network come.
    Arrivals,
    /// When made-up requests for a network come.
    Pumping,
    /// What one person does.
    Person,
    /// What becomes of one person's message by one route.
    Message,
    /// The draws of a policy for one person.
    Choice,
    /// What a cell is like.
    Cell,
    /// A scenario out of stated ranges.
    World,
}

/// The stream for a purpose: always the same for the same numbers.
pub fn stream(seed: u64, purpose: Purpose, a: u64, b: u64) -> Pcg64Mcg {
    let mut state = mixed(seed ^ 0x5eed);
    for part in [purpose as u64 + 1, a, b] {
        state = mixed(state ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    }
    Pcg64Mcg::new(u128::from(state) << 64 | u128::from(mixed(state)))
}

/// A number that looks random and is the same for the same input (the finalizer of SplitMix64).
pub fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Even in (0, 1].
pub fn even(rng: &mut Pcg64Mcg) -> f64 {
    OpenClosed01.sample(rng)
}

/// Even between two numbers.
pub fn between(rng: &mut Pcg64Mcg, low: f64, high: f64) -> f64 {
    low + (high - low) * even(rng)
}

/// Lognormal with this median and spread, in the median's unit.
pub fn lognormal(rng: &mut Pcg64Mcg, median: f64, spread: f64) -> f64 {
    let z: f64 = StandardNormal.sample(rng);
    median * (spread * z).exp()
}

/// The standard normal distribution function, within 1e-7 (Abramowitz and Stegun 26.2.17).
pub fn normal_below(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let series =
        t * (0.319_381_530 + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    let tail = series * (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    if x >= 0.0 { 1.0 - tail } else { tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_each_number_and_repeat() {
        let first = |seed, a, b| even(&mut stream(seed, Purpose::Person, a, b));
        assert_eq!(first(1, 2, 3), first(1, 2, 3));
        let others = [first(2, 2, 3), first(1, 3, 3), first(1, 2, 4), even(&mut stream(1, Purpose::Message, 2, 3))];
        assert!(others.iter().all(|other| *other != first(1, 2, 3)));
    }

    #[test]
    fn neighbouring_streams_are_even_together() {
        let mean = (0..20_000).map(|i| even(&mut stream(1, Purpose::Message, i, 0))).sum::<f64>() / 20_000.0;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
    }

    #[test]
    fn the_normal_distribution_has_its_known_values() {
        for (x, below) in [(0.0, 0.5), (1.0, 0.841_345), (-1.96, 0.024_998), (3.0, 0.998_650)] {
            assert!((normal_below(x) - below).abs() < 1e-5, "{x}");
        }
    }
}
