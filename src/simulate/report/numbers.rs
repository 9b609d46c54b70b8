//! Medians and percentiles over seeds, where some runs have no number at all.

use serde::Serialize;

/// The middle and the bad end of some numbers. Each is missing if there are no numbers, or
/// if it falls among those that never came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Spread {
    /// Half are at most this.
    pub median: Option<f64>,
    /// Nine of ten are at most this.
    pub p90: Option<f64>,
    /// 19 of 20 are at most this.
    pub p95: Option<f64>,
}

impl Spread {
    /// Of these numbers; `None` is larger than all.
    pub fn of(numbers: impl IntoIterator<Item = Option<f64>>) -> Self {
        let mut sorted: Vec<f64> = numbers.into_iter().map(|number| number.unwrap_or(f64::INFINITY)).collect();
        sorted.sort_by(f64::total_cmp);
        Spread { median: middle(&sorted), p90: quantile(&sorted, 0.9), p95: quantile(&sorted, 0.95) }
    }

    /// Of numbers that all came.
    pub fn of_all(numbers: impl IntoIterator<Item = f64>) -> Self {
        Spread::of(numbers.into_iter().map(Some))
    }
}

/// The smallest number that is not below so many of all.
fn quantile(sorted: &[f64], part: f64) -> Option<f64> {
    let rank = (part * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().filter(|number| number.is_finite())
}

/// The median; of an even count the mean of the two in the middle.
fn middle(sorted: &[f64]) -> Option<f64> {
    let half = sorted.len() / 2;
    let median = match sorted.len() {
        0 => return None,
        odd if odd % 2 == 1 => sorted[half],
        _ => (sorted[half - 1] + sorted[half]) / 2.0,
    };
    Some(median).filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_never_came_are_larger_than_all() {
        let spread = Spread::of([Some(3.0), None, Some(1.0), Some(2.0), None]);
        assert_eq!(spread, Spread { median: Some(3.0), p90: None, p95: None });
        assert_eq!(Spread::of([None, Some(1.0)]).median, None);
        assert_eq!(Spread::of([]), Spread::default());
    }

    #[test]
    fn percentiles_are_by_rank() {
        let spread = Spread::of_all((1..=20).map(f64::from));
        assert_eq!(spread, Spread { median: Some(10.5), p90: Some(18.0), p95: Some(19.0) });
    }
}
