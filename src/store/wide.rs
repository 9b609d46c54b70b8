//! Sliding windows for the wide limits. A span is cut into twelve slices; the
//! count of the running slice and the twelve before it never passes the limit,
//! so no span holds more than the limit, wherever it begins.

use serde::{Deserialize, Serialize};

use crate::model::{Digest, LimitName, LimitSpec, Ms, Refusal};

const SLICES: u64 = 12;

/// One to be taken from a wide limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Take {
    /// Which limit.
    pub limit: LimitName,
    /// Keyed hash of what it counts (an address, a prefix block …).
    pub key: Digest,
    /// How many in which span.
    pub spec: LimitSpec,
}

/// One that was taken, from which slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// What was asked.
    pub take: Take,
    /// The slice that counted it.
    pub slice: u64,
}

/// The answer to a round of takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taking {
    /// One from each.
    Taken(Vec<Taken>),
    /// One limit is full; none was used.
    Refused(Refusal),
}

/// The counts of one limit's slices.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// (slice number, count), oldest first, without empty ones.
    slices: Vec<(u64, u32)>,
}

/// The length of a slice.
pub fn slice_ms(spec: LimitSpec) -> Ms {
    spec.per_ms.div_ceil(SLICES)
}

impl Window {
    /// When one more may be taken; `None` is now.
    pub fn full_until(&self, spec: LimitSpec, now: Ms) -> Option<Ms> {
        let current = now / slice_ms(spec);
        let counted = || self.slices.iter().filter(move |(slice, _)| slice + SLICES >= current);
        let mut used: u64 = counted().map(|(_, count)| u64::from(*count)).sum();
        for (slice, count) in counted() {
            if used < u64::from(spec.count) {
                return None;
            }
            used -= u64::from(*count);
            if used < u64::from(spec.count) {
                return Some((slice + SLICES + 1) * slice_ms(spec));
            }
        }
        None
    }

    /// Counts one, and says in which slice.
    pub fn add(&mut self, spec: LimitSpec, now: Ms) -> u64 {
        let current = now / slice_ms(spec);
        self.slices.retain(|(slice, _)| slice + SLICES >= current);
        match self.slices.iter_mut().find(|(slice, _)| *slice == current) {
            Some((_, count)) => *count += 1,
            None => self.slices.push((current, 1)),
        }
        current
    }

    /// Takes one back out of the slice that counted it, if that is still kept.
    pub fn remove(&mut self, slice: u64) {
        if let Some((_, count)) = self.slices.iter_mut().find(|(kept, _)| *kept == slice) {
            *count = count.saturating_sub(1);
        }
        self.slices.retain(|(_, count)| *count > 0);
    }

    /// The last instant at which this window still matters.
    pub fn ends(spec: LimitSpec, now: Ms) -> Ms {
        now + spec.per_ms + 2 * slice_ms(spec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_span_ever_holds_more_than_the_limit() {
        let spec: LimitSpec = "50/h".parse().unwrap();
        let (mut window, mut now, mut taken) = (Window::default(), 17, Vec::new());
        for step in 0..5000u64 {
            now += (step * 7919) % 120_000;
            match window.full_until(spec, now) {
                None => {
                    window.add(spec, now);
                    taken.push(now);
                }
                Some(until) => {
                    assert!(until > now && until <= now + spec.per_ms + 2 * slice_ms(spec));
                    assert_eq!(window.full_until(spec, until), None);
                }
            }
        }
        assert!(taken.windows(51).all(|w| w[50] - w[0] >= spec.per_ms));
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let spec: LimitSpec = "1/m".parse().unwrap();
        let mut window = Window::default();
        let slice = window.add(spec, 1_000_000);
        assert!(window.full_until(spec, 1_000_001).is_some());
        window.remove(slice);
        assert_eq!(window, Window::default());
        window.remove(slice);
        assert_eq!(window.full_until(spec, 1_000_001), None);
    }
}
