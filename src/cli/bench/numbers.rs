//! Phone numbers for a load: valid Japanese mobile numbers that nobody is sent
//! anything at, each once.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::Ms;

/// What may follow +8190: eight digits, the first of them not 0.
const SUBSCRIBERS: u64 = 90_000_000;
/// Nearly the golden section of [`SUBSCRIBERS`], with no divisor in common: the
/// walk meets every number once, and neighbours in time are no neighbours in
/// number, so that blocks of 1,000 fill evenly.
const STRIDE: u64 = 55_623_059;
/// How far a later run's first number lies ahead, for each millisecond between
/// the runs. A run that is slower than 20,000 a second never meets the next one's
/// numbers; they come round after 75 minutes.
const PER_MS: u64 = 20;

/// A walk through the numbers, shared by all who need one.
pub struct Numbers {
    next: AtomicU64,
}

impl Numbers {
    /// The walk of a run that begins now.
    pub fn starting_at(now: Ms) -> Self {
        Numbers { next: AtomicU64::new(now.wrapping_mul(PER_MS) % SUBSCRIBERS) }
    }

    /// A number that this run has not used.
    pub fn next(&self) -> String {
        let step = self.next.fetch_add(1, Ordering::Relaxed) % SUBSCRIBERS;
        format!("+8190{}", 10_000_000 + step * STRIDE % SUBSCRIBERS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{HashMap, HashSet};

    #[test]
    fn numbers_are_valid_and_each_comes_once() {
        let room = crate::number::Numbers::new();
        let numbers = Numbers::starting_at(1_795_574_816_989);
        let mut seen = HashSet::new();
        for i in 0..50_000 {
            let number = numbers.next();
            assert_eq!(number.len(), 13);
            if i % 1_000 == 0 {
                assert!(room.parse(&number, None).is_ok(), "{number}");
            }
            assert!(seen.insert(number));
        }
    }

    #[test]
    fn blocks_of_neighbours_fill_evenly_and_runs_keep_apart() {
        let (first, later) = (Numbers::starting_at(7_000), Numbers::starting_at(8_000));
        let (mut blocks, mut seen) = (HashMap::new(), HashSet::new());
        for _ in 0..20_000 {
            let number = first.next();
            *blocks.entry(number[..10].to_owned()).or_insert(0) += 1;
            seen.insert(number);
        }
        assert!(blocks.values().all(|count| *count <= 2));
        assert!((0..20_000).all(|_| !seen.contains(&later.next())));
    }
}
