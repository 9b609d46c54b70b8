//! When a delivery that failed for now is tried again.

use crate::model::Ms;

/// The wait before the next try: doubling from `first_ms` up to `most_ms`, with
/// jitter of plus or minus a half so that what failed together does not come back
/// together. A carrier's own hint counts, within the same bounds.
/// `draw` is uniform in (0, 1].
pub fn backoff(retries: u32, hint_ms: Option<Ms>, first_ms: Ms, most_ms: Ms, draw: f64) -> Ms {
    let doubled = first_ms.saturating_mul(1u64 << retries.min(20)).min(most_ms);
    let wait = (doubled as f64 * (0.5 + draw)) as Ms;
    wait.max(hint_ms.unwrap_or(0)).max(first_ms / 2).min(most_ms + most_ms / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_with_jitter_and_keep_their_bounds() {
        assert_eq!(backoff(0, None, 2_000, 60_000, 0.5), 2_000);
        assert_eq!(backoff(1, None, 2_000, 60_000, 1.0), 6_000);
        assert_eq!(backoff(3, None, 2_000, 60_000, 0.000_1), 8_001);
        assert_eq!(backoff(40, None, 2_000, 60_000, 1.0), 90_000);
        assert_eq!(backoff(0, Some(30_000), 2_000, 60_000, 0.5), 30_000);
        assert_eq!(backoff(0, Some(9_000_000), 2_000, 60_000, 0.5), 90_000);
    }
}
