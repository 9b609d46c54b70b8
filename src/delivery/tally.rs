//! Counters per carrier, channel and country, by name: what `carriers status` is
//! reckoned from. Times are counted in bins, so that replicas can add theirs up.

use std::collections::BTreeMap;

use crate::model::{Cause, Channel, Country, Money, Ms};

/// Bins of times are a quarter wider each: a percentile is right to an eighth.
const BIN: f64 = 1.25;
/// The first bin ends here, in milliseconds.
const FIRST_BIN_MS: f64 = 50.0;
/// The last bin begins after some 25 minutes.
const LAST_BIN: u32 = 46;

/// Something that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// A submit that the carrier took.
    Accepted,
    /// A submit that it refused.
    Refused(Cause),
    /// A submit of unknown fate.
    Unknown,
    /// A message reached the phone, or a call its end, so long after its submit.
    DeliveredMs(Ms),
    /// A phone rang so long after the submit.
    RingMs(Ms),
    /// A report of a failure.
    Failed(Cause),
    /// Money.
    Spent(Money),
}

impl Counted {
    /// What it adds to which counters.
    pub fn adds(self) -> Vec<(String, u64)> {
        match self {
            Counted::Accepted => vec![("accepted".into(), 1)],
            Counted::Refused(cause) => vec![(format!("refused.{cause}"), 1)],
            Counted::Unknown => vec![("unknown".into(), 1)],
            Counted::DeliveredMs(ms) => vec![("delivered".into(), 1), (format!("delivered_bin.{}", bin(ms)), 1)],
            Counted::RingMs(ms) => vec![(format!("ring_bin.{}", bin(ms)), 1)],
            Counted::Failed(cause) => vec![(format!("failed.{cause}"), 1)],
            Counted::Spent(money) => vec![(format!("spent.{}", money.currency), money.micros.unsigned_abs())],
        }
    }
}

fn bin(ms: Ms) -> u32 {
    let bins = (ms.max(1) as f64 / FIRST_BIN_MS).log(BIN).ceil().max(0.0);
    (bins as u32).min(LAST_BIN)
}

/// The name of a counter.
pub fn name_of(carrier: &str, channel: Channel, country: Country, what: &str) -> String {
    format!("{carrier}|{channel}|{country}|{what}")
}

/// A counter's name, taken apart.
fn parts(name: &str) -> Option<(&str, &str, &str, &str)> {
    let mut parts = name.splitn(4, '|');
    Some((parts.next()?, parts.next()?, parts.next()?, parts.next()?))
}

/// What was counted for one carrier and channel.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sums {
    /// Submits that it took.
    pub accepted: u64,
    /// Submits that it refused, by cause.
    pub refused: BTreeMap<String, u64>,
    /// Submits of unknown fate.
    pub unknown: u64,
    /// Messages that reached the phone.
    pub delivered: u64,
    /// Reported failures, by cause.
    pub failed: BTreeMap<String, u64>,
    /// Money by currency, in millionths.
    pub spent: BTreeMap<String, u64>,
    delivered_bins: BTreeMap<u32, u64>,
    ring_bins: BTreeMap<u32, u64>,
}

impl Sums {
    fn add(&mut self, what: &str, amount: u64) {
        let (what, of) = what.split_once('.').unwrap_or((what, ""));
        let bin = || of.parse::<u32>().unwrap_or(LAST_BIN);
        match what {
            "accepted" => self.accepted += amount,
            "unknown" => self.unknown += amount,
            "delivered" => self.delivered += amount,
            "refused" => *self.refused.entry(of.to_owned()).or_default() += amount,
            "failed" => *self.failed.entry(of.to_owned()).or_default() += amount,
            "spent" => *self.spent.entry(of.to_owned()).or_default() += amount,
            "delivered_bin" => *self.delivered_bins.entry(bin()).or_default() += amount,
            "ring_bin" => *self.ring_bins.entry(bin()).or_default() += amount,
            // Of another version.
            _ => {}
        }
    }

    /// Submits of any outcome.
    pub fn submits(&self) -> u64 {
        self.accepted + self.unknown + self.refused.values().sum::<u64>()
    }

    /// The share of submits that were taken.
    pub fn accept_rate(&self) -> Option<f64> {
        share(self.accepted, self.submits())
    }

    /// The share of messages with a final report that reached the phone.
    pub fn delivery_rate(&self) -> Option<f64> {
        share(self.delivered, self.delivered + self.failed.values().sum::<u64>())
    }

    /// The time from submit to receipt below which a share `p` of them lies.
    pub fn receipt_ms(&self, p: f64) -> Option<Ms> {
        percentile(&self.delivered_bins, p)
    }

    /// The time from submit to the first ring below which a share `p` of them lies.
    pub fn ring_ms(&self, p: f64) -> Option<Ms> {
        percentile(&self.ring_bins, p)
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn percentile(bins: &BTreeMap<u32, u64>, p: f64) -> Option<Ms> {
    let all: u64 = bins.values().sum();
    let wanted = ((all as f64 * p).ceil() as u64).max(1);
    let mut seen = 0;
    let (bin, _) = bins.iter().find(|(_, count)| {
        seen += **count;
        seen >= wanted
    })?;
    // The middle of the bin, on the scale of the bins.
    Some((FIRST_BIN_MS * BIN.powf(f64::from(*bin) - 0.5)) as Ms)
}

/// The sums per carrier and channel, of one country and channel if they are named.
pub fn sums(
    counts: BTreeMap<String, u64>,
    country: Option<Country>,
    channel: Option<Channel>,
) -> BTreeMap<(String, Channel), Sums> {
    let mut sums: BTreeMap<(String, Channel), Sums> = BTreeMap::new();
    for (name, amount) in counts {
        let Some((carrier, of_channel, of_country, what)) = parts(&name) else { continue };
        let Some(of_channel) = Channel::ALL.into_iter().find(|channel| channel.as_str() == of_channel) else {
            continue;
        };
        if channel.is_some_and(|channel| channel != of_channel)
            || country.is_some_and(|country| country.as_str() != of_country)
        {
            continue;
        }
        sums.entry((carrier.to_owned(), of_channel)).or_default().add(what, amount);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Currency;

    #[test]
    fn what_is_counted_comes_back_as_rates_and_times() {
        let (jp, us) = (Country::new("JP").unwrap(), Country::new("US").unwrap());
        let mut counts = BTreeMap::new();
        let mut count = |country, counted: Counted| {
            for (what, amount) in counted.adds() {
                *counts.entry(name_of("a", Channel::Sms, country, &what)).or_default() += amount;
            }
        };
        for n in 0..100 {
            count(jp, Counted::Accepted);
            count(jp, Counted::DeliveredMs(1_000 + n * 10));
        }
        count(us, Counted::Refused(Cause::InvalidNumber));
        count(us, Counted::Unknown);
        count(us, Counted::Failed(Cause::CarrierFiltered));
        count(us, Counted::Spent(Money::new("0.0079", Currency::new("USD").unwrap()).unwrap()));
        let all = &sums(counts.clone(), None, None)[&("a".into(), Channel::Sms)];
        assert_eq!(
            (all.submits(), all.accept_rate(), all.delivery_rate()),
            (102, Some(100.0 / 102.0), Some(100.0 / 101.0))
        );
        assert_eq!((all.spent["USD"], all.ring_ms(0.5)), (7_900, None));
        let [p50, p95] = [0.5, 0.95].map(|p| all.receipt_ms(p).unwrap() as f64);
        assert!((p50 / 1_495.0 - 1.0).abs() < 0.13 && (p95 / 1_945.0 - 1.0).abs() < 0.13, "{p50} {p95}");
        let japan = &sums(counts.clone(), Some(jp), Some(Channel::Sms))[&("a".into(), Channel::Sms)];
        assert_eq!((japan.submits(), japan.failed.len()), (100, 0));
        assert!(sums(counts, None, Some(Channel::Voice)).is_empty());
    }
}
