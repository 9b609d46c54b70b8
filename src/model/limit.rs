//! Limits as words: a limit is written as text, `"5/10m"`, and one type reads
//! and prints it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{DAY, HOUR, MINUTE, Ms, SECOND};

/// At most `count` in any span of `per_ms`. Written `count/span`, where the span
/// is a number (1 if left out) and `s`, `m`, `h` or `d`: `5/10m`, `100/h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LimitSpec {
    /// How many.
    pub count: u32,
    /// In which span, in milliseconds.
    pub per_ms: Ms,
}

/// The text is not a limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a limit, write count/span such as \"5/10m\", \"100/h\" or \"1/30s\"")]
pub struct LimitSpecError(String);

impl FromStr for LimitSpec {
    type Err = LimitSpecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (count, span) = text.split_once('/')?;
            let unit = span.chars().last()?;
            let unit_ms = match unit {
                's' => SECOND,
                'm' => MINUTE,
                'h' => HOUR,
                'd' => DAY,
                _ => return None,
            };
            let number = &span[..span.len() - 1];
            let number: u64 = if number.is_empty() { 1 } else { number.parse().ok()? };
            let per_ms = number.checked_mul(unit_ms)?;
            let count = count.trim().parse().ok()?;
            (count > 0 && per_ms > 0 && per_ms <= 366 * DAY).then_some(LimitSpec { count, per_ms })
        };
        parse().ok_or_else(|| LimitSpecError(text.to_owned()))
    }
}

impl fmt::Display for LimitSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, unit) = [(DAY, "d"), (HOUR, "h"), (MINUTE, "m")]
            .into_iter()
            .find(|(unit_ms, _)| self.per_ms.is_multiple_of(*unit_ms))
            .map_or((self.per_ms / SECOND, "s"), |(unit_ms, unit)| (self.per_ms / unit_ms, unit));
        match number {
            1 => write!(f, "{}/{unit}", self.count),
            _ => write!(f, "{}/{number}{unit}", self.count),
        }
    }
}

impl Serialize for LimitSpec {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LimitSpec {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Which limit refused. The list is closed: it is a metric's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitName {
    /// The pause between two SMS to one number.
    SmsInterval,
    /// The pause between two calls to one number.
    VoiceInterval,
    /// Deliveries of one tenant to one number.
    NumberDeliveries,
    /// Deliveries to one number over all tenants.
    NumberAllTenants,
    /// The growing wait after many deliveries or many wrong codes in a day.
    NumberDay,
    /// The person pressed 9: "I did not ask for this".
    NumberPaused,
    /// Sends asked for from one end user's address.
    Address,
    /// Sends to one block of 1,000 neighbouring numbers.
    Prefix,
    /// Sends to one country.
    Country,
    /// Sends of one tenant.
    Tenant,
    /// Submits to one carrier: the operator's cap.
    Carrier,
}

impl LimitName {
    /// The word used in the API, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            LimitName::SmsInterval => "sms_interval",
            LimitName::VoiceInterval => "voice_interval",
            LimitName::NumberDeliveries => "number_deliveries",
            LimitName::NumberAllTenants => "number_all_tenants",
            LimitName::NumberDay => "number_day",
            LimitName::NumberPaused => "number_paused",
            LimitName::Address => "address",
            LimitName::Prefix => "prefix",
            LimitName::Country => "country",
            LimitName::Tenant => "tenant",
            LimitName::Carrier => "carrier",
        }
    }
}

/// The limits that live with a number. All of them are asked in the same atomic
/// step as the delivery that they allow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberLimits {
    /// The pause between two SMS, in milliseconds.
    pub sms_interval_ms: Ms,
    /// The pause between two calls, in milliseconds. A call may follow an SMS at once.
    pub voice_interval_ms: Ms,
    /// Deliveries per (tenant, number).
    pub deliveries: LimitSpec,
    /// Deliveries per number over all tenants.
    pub deliveries_all_tenants: LimitSpec,
    /// Open verifications per (tenant, number); one more closes the oldest.
    pub open_verifications: u32,
    /// Deliveries in 24 hours after which the wait before a start grows.
    pub day_deliveries: u32,
    /// Verifications ended by wrong codes in 24 hours after which it grows.
    pub day_failures: u32,
    /// The growing waits, in milliseconds; the last one stays. Empty: no growth.
    pub day_waits_ms: Vec<Ms>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_text_both_ways() {
        for text in ["5/10m", "1/30s", "100/h", "10/d", "7/90s", "3/2d"] {
            assert_eq!(text.parse::<LimitSpec>().unwrap().to_string(), text);
        }
        assert_eq!("60/60m".parse::<LimitSpec>().unwrap().to_string(), "60/h");
        for bad in ["", "5", "5/", "/h", "0/h", "5/0s", "-1/h", "5/h/h", "5/1w", "5/é", "99999999999/h", "1/999999d"] {
            assert!(bad.parse::<LimitSpec>().is_err(), "{bad}");
        }
    }
}
