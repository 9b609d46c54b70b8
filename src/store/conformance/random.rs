//! Small seeded randomness, so that a failing history can be run again from its
//! seed alone. SplitMix64: <https://prng.di.unimi.it/splitmix64.c>

use crate::model::Digest;

/// A stream of numbers that a seed decides.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// The stream that belongs to a name.
    pub fn named(name: &str) -> Self {
        // FNV-1a.
        Random(name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)))
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.number() % (high - low + 1)
    }

    /// True so many times in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.number() % 100 < percent
    }

    /// One of these; `None` if there is none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let last = from.len().checked_sub(1)?;
        from.get(self.between(0, last as u64) as usize)
    }

    /// One of these kinds, each as often as its weight says.
    pub fn weighed<T: Copy>(&mut self, kinds: &[(u64, T)]) -> T {
        let mut left = self.between(1, kinds.iter().map(|(weight, _)| weight).sum());
        for (weight, kind) in kinds {
            if left <= *weight {
                return *kind;
            }
            left -= weight;
        }
        unreachable!("the weights add up to what was drawn from")
    }

    /// Sixteen bytes.
    pub fn digest(&mut self) -> Digest {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.number().to_be_bytes());
        bytes[8..].copy_from_slice(&self.number().to_be_bytes());
        Digest(bytes)
    }
}
