//! The words for amounts in a scenario: how long, how often, how likely. Each checks
//! its range when it is read, so that an error names the line.

use serde::Deserialize;

use crate::model::Ms;

/// Milliseconds in an hour.
pub const HOUR: Ms = 3_600_000;
/// Milliseconds in a day.
pub const DAY: Ms = 24 * HOUR;
/// The longest span that a scenario may name.
const LONGEST: Ms = 400 * DAY;

/// A span of time, written `"250ms"`, `"40s"`, `"1h30m"` or `"14d"`; in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(pub Ms);

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no span of time; write \"40s\", \"1h30m\" or \"14d\", at most \"400d\"");
        let (mut total, mut rest) = (0_u64, text.as_str());
        if rest.is_empty() || rest.len() > 40 {
            return Err(wrong());
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
            let count: u64 = rest[..digits].parse().map_err(|_| wrong())?;
            rest = &rest[digits..];
            let (unit, ms) = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", HOUR), ("d", DAY)]
                .into_iter()
                .find(|(unit, _)| rest.starts_with(unit))
                .ok_or_else(wrong)?;
            rest = &rest[unit.len()..];
            total = count.checked_mul(ms).and_then(|part| total.checked_add(part)).ok_or_else(wrong)?;
        }
        if total > LONGEST { Err(wrong()) } else { Ok(Span(total)) }
    }
}

/// How often, written `"1/h"`, `"10/min"` or `"5/s"`; messages an hour.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Deserialize)]
#[serde(try_from = "String")]
pub struct Rate(pub f64);

impl TryFrom<String> for Rate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no rate; write \"1/h\", \"10/min\" or \"5/s\", from \"1/d\" to \"20/s\"");
        let (count, unit) = text.split_once('/').ok_or_else(wrong)?;
        let hours = match unit {
            "s" => 1.0 / 3_600.0,
            "min" => 1.0 / 60.0,
            "h" => 1.0,
            "d" => 24.0,
            _ => return Err(wrong()),
        };
        let rate = count.parse::<f64>().map_err(|_| wrong())? / hours;
        // The lower end allows for rounding of "1/d".
        if (0.0416..=72_000.0).contains(&rate) { Ok(Rate(rate)) } else { Err(wrong()) }
    }
}

/// A probability or a part of a whole, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Deserialize)]
#[serde(try_from = "f64")]
pub struct Share(pub f64);

impl TryFrom<f64> for Share {
    type Error = String;

    fn try_from(share: f64) -> Result<Self, String> {
        ranged(share, 0.0, 1.0).map(Share)
    }
}

/// A price, a value or a multiple, 0 to 1000.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Deserialize)]
#[serde(try_from = "f64")]
pub struct Amount(pub f64);

impl TryFrom<f64> for Amount {
    type Error = String;

    fn try_from(amount: f64) -> Result<Self, String> {
        ranged(amount, 0.0, 1_000.0).map(Amount)
    }
}

/// How wide a lognormal spreads: the standard deviation of the logarithm, 0 to 3.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Deserialize)]
#[serde(try_from = "f64")]
pub struct Spread(pub f64);

impl TryFrom<f64> for Spread {
    type Error = String;

    fn try_from(spread: f64) -> Result<Self, String> {
        ranged(spread, 0.0, 3.0).map(Spread)
    }
}

/// A limit in `[expect]`: 0 to 1 000 000.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Deserialize)]
#[serde(try_from = "f64")]
pub struct Bound(pub f64);

impl TryFrom<f64> for Bound {
    type Error = String;

    fn try_from(bound: f64) -> Result<Self, String> {
        ranged(bound, 0.0, 1e6).map(Bound)
    }
}

fn ranged(number: f64, low: f64, high: f64) -> Result<f64, String> {
    // NaN is in no range.
    if (low..=high).contains(&number) {
        Ok(number)
    } else {
        Err(format!("{number} is out of range; give {low} to {high}"))
    }
}

/// The time of day, written `"08:00"`; milliseconds since midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Hour(pub Ms);

impl TryFrom<String> for Hour {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no time of day; write \"08:00\"");
        let (hours, minutes) = text.split_once(':').ok_or_else(wrong)?;
        let two = |part: &str, below: u64| {
            let number = part.parse::<u64>().ok().filter(|number| part.len() == 2 && *number < below);
            number.ok_or_else(wrong)
        };
        Ok(Hour(two(hours, 24)? * HOUR + two(minutes, 60)? * 60_000))
    }
}

/// A delivery that is the same everywhere, `0.95`, or drawn evenly per cell, `[0.7, 0.99]`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Baseline {
    /// The least.
    pub low: f64,
    /// The most; the same as `low` where nothing is drawn.
    pub high: f64,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a delivery is 0.95, or [0.7, 0.99] to draw one per cell")]
enum Written {
    One(f64),
    Two([f64; 2]),
}

impl TryFrom<Written> for Baseline {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let (low, high) = match written {
            Written::One(one) => (one, one),
            Written::Two([low, high]) => (low, high),
        };
        let (low, high) = (ranged(low, 0.0, 1.0)?, ranged(high, 0.0, 1.0)?);
        if low > high {
            Err(format!("[{low}, {high}] is empty; the smaller comes first"))
        } else {
            Ok(Baseline { low, high })
        }
    }
}

/// Writes a span as people read it, in its two largest units: `1h30m`, `40s`, `7.5s`.
pub fn span(ms: f64) -> String {
    let seconds = ms / 1_000.0;
    match seconds {
        s if s < 10.0 => format!("{s:.1}s"),
        s if s < 100.0 => format!("{s:.0}s"),
        s if s < 6_000.0 => format!("{:.1}m", s / 60.0),
        s if s < 48.0 * 3_600.0 => format!("{:.1}h", s / 3_600.0),
        s => format!("{:.1}d", s / 86_400.0),
    }
}
