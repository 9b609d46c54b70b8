//! How the carriers do: rates and times of the last hours over all gateways, breaker,
//! pace and spending as this one sees them.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::Deliveries;
use super::tally::{Sums, sums};
use crate::clock::rfc3339;
use crate::model::{Cause, Channel, Country, Currency, HOUR, Money, Ms};
use crate::routing::Standing;
use crate::store::StoreError;

/// What to look at.
#[derive(Debug, Clone, Copy)]
pub struct StatusFilter {
    /// One country only.
    pub country: Option<Country>,
    /// One channel only.
    pub channel: Option<Channel>,
    /// How far back, in hours: 1 to 48.
    pub hours: u64,
}

/// How one carrier does.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CarrierStatus {
    /// Its name in the configuration.
    pub name: String,
    /// Its profile.
    pub profile: String,
    /// Its share of the traffic among healthy carriers.
    pub weight: u32,
    /// Whether it is used now: `closed` is yes.
    #[schema(value_type = String, example = "closed")]
    pub breaker: &'static str,
    /// Why its breaker is open.
    pub cause: Option<Cause>,
    /// Until when it is left alone.
    pub rests_until: Option<String>,
    /// Money spent by currency, decimal text.
    pub spent: BTreeMap<String, String>,
    /// Addresses that must be given to it by hand, by what it posts there.
    pub addresses: BTreeMap<String, String>,
    /// Per channel that it is used for.
    pub channels: BTreeMap<String, ChannelStatus>,
}

/// How a carrier does over one channel.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ChannelStatus {
    /// Messages handed to it.
    pub submits: u64,
    /// The share that it took; null without submits.
    pub accept_rate: Option<f64>,
    /// The share of those with a final receipt that reached the phone; null without receipts.
    pub delivery_rate: Option<f64>,
    /// Refusals and reported failures by cause.
    pub causes: BTreeMap<String, u64>,
    /// From submit to receipt.
    pub receipt_ms: Percentiles,
    /// From submit to the first ring; calls only.
    pub ring_ms: Percentiles,
    /// Submits that are allowed now, such as `50/1s`; null is any number.
    pub pace: Option<String>,
}

/// Two percentiles of a time, in milliseconds; null without samples.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct Percentiles {
    /// Half of them are shorter.
    pub p50: Option<Ms>,
    /// Nineteen of twenty are shorter.
    pub p95: Option<Ms>,
}

impl Deliveries {
    /// How every configured carrier does.
    pub async fn carrier_status(&self, filter: StatusFilter) -> Result<Vec<CarrierStatus>, StoreError> {
        let now = self.parts.clock.now();
        let counts = self.parts.store.archive.tallies(now.saturating_sub(filter.hours.clamp(1, 48) * HOUR)).await?;
        let sums = sums(counts, filter.country, filter.channel);
        let carriers = &self.parts.carriers;
        let status = |line: &super::Line| {
            let options = line.options();
            let channels =
                options.channels.iter().filter(|channel| filter.channel.is_none_or(|only| only == **channel));
            let mut spent: BTreeMap<String, u64> = BTreeMap::new();
            let mut by_channel = BTreeMap::new();
            let mut standing = Standing::Ready;
            for channel in channels {
                let sum = sums.get(&(line.name().to_owned(), *channel)).cloned().unwrap_or_default();
                for (currency, micros) in &sum.spent {
                    *spent.entry(currency.clone()).or_default() += micros;
                }
                if let resting @ (Standing::Resting(..) | Standing::HalfOpen) = carriers.standing(line, *channel, now) {
                    standing = resting;
                }
                let pace = line.pace(*channel).spec(now).map(|pace| pace.to_string());
                by_channel.insert(channel.to_string(), of_channel(&sum, pace));
            }
            let (breaker, cause, until) = match standing {
                Standing::Ready => ("closed", None, None),
                Standing::HalfOpen => ("half_open", carriers.open(line.name()).map(|open| open.cause), None),
                Standing::Resting(until, Cause::RateLimited) => ("slowed", Some(Cause::RateLimited), Some(until)),
                Standing::Resting(until, cause) => ("open", Some(cause), Some(until)),
            };
            CarrierStatus {
                name: line.name().to_owned(),
                profile: options.profile.clone(),
                weight: options.weight,
                breaker,
                cause,
                rests_until: until.map(rfc3339),
                spent: spent.into_iter().map(|(currency, micros)| amount(currency, micros)).collect(),
                addresses: line.carrier().addresses().into_iter().map(|(what, url)| (what.to_owned(), url)).collect(),
                channels: by_channel,
            }
        };
        Ok(carriers.lines().iter().map(status).collect())
    }
}

/// A sum as decimal text.
fn amount(currency: String, micros: u64) -> (String, String) {
    let money =
        Currency::new(&currency).map(|currency| Money { micros: micros.try_into().unwrap_or(i64::MAX), currency });
    (currency, money.map_or_else(String::new, |money| money.amount()))
}

fn of_channel(sum: &Sums, pace: Option<String>) -> ChannelStatus {
    let mut causes = sum.refused.clone();
    for (cause, count) in &sum.failed {
        *causes.entry(cause.clone()).or_default() += count;
    }
    ChannelStatus {
        submits: sum.submits(),
        accept_rate: sum.accept_rate(),
        delivery_rate: sum.delivery_rate(),
        causes,
        receipt_ms: Percentiles { p50: sum.receipt_ms(0.5), p95: sum.receipt_ms(0.95) },
        ring_ms: Percentiles { p50: sum.ring_ms(0.5), p95: sum.ring_ms(0.95) },
        pace,
    }
}
