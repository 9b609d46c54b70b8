//! What a load measured: how long each step took, what went wrong and how often,
//! as a table for people and as JSON for scripts.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::connection::Kind;

/// The longest time that is told apart, in microseconds; what took longer counts as this.
const LONGEST: u64 = 120_000_000;

/// A part of one person's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// From the intended begin until the start is answered.
    Start,
    /// From that answer until the message is seen on the phone.
    Delivered,
    /// From then until the check is answered.
    Check,
    /// All of it.
    Whole,
}

impl Step {
    pub const ALL: [Step; 4] = [Step::Start, Step::Delivered, Step::Check, Step::Whole];

    pub fn as_str(self) -> &'static str {
        match self {
            Step::Start => "start",
            Step::Delivered => "delivered",
            Step::Check => "check",
            Step::Whole => "whole",
        }
    }
}

/// How often each kind of error happened.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(transparent)]
pub struct Errors(BTreeMap<Kind, u64>);

impl Errors {
    pub fn add(&mut self, kind: Kind) {
        *self.0.entry(kind).or_default() += 1;
    }

    pub fn merge(&mut self, others: Errors) {
        for (kind, count) in others.0 {
            *self.0.entry(kind).or_default() += count;
        }
    }

    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// The kind that happened most.
    pub fn most_frequent(&self) -> Option<&str> {
        self.0.iter().max_by_key(|(_, count)| **count).map(|(kind, _)| &**kind)
    }

    /// One line for each kind; nothing if there was none.
    pub fn table(&self) -> String {
        let line = |(kind, count): (&Kind, &u64)| format!("error {kind:<24}{count:>9}\n");
        self.0.iter().map(line).collect()
    }

    /// What most of them come from and what helps, for one line; `None` if there was none.
    pub fn hint(&self, of: u64) -> Option<String> {
        let kind = self.most_frequent()?;
        let advice = match kind {
            "limit_address" | "limit_prefix" | "limit_country" | "limit_tenant" => {
                "a wide limit refused; run the demo with --relaxed-limits, or raise limits.wide"
            }
            "limit_sms_interval" | "limit_number_deliveries" | "limit_number_all_tenants" | "limit_number_day" => {
                "a number came twice within its pause; run one load at a time"
            }
            "connect" => "it cannot be reached; is it running? (`otp-gateway demo`, or --url)",
            "timeout" | "cut" | "request_timeout" => "it did not keep up; try a lower --rate",
            "unauthorized" => "set OTP_API_KEY (the demo's is demo-key) or give --api-key",
            "missing_scope" => "the key needs the scopes verify and, to read the sandbox phone, support",
            "country_not_allowed" => "the numbers are Japanese; add \"JP\" to countries.allow",
            "no_route" => "a load needs a sandbox carrier for SMS to Japan, as the demo has",
            "not_delivered" => "accepted, but not on this gateway's sandbox phone; see its log, or give --starts-only",
            "deliveries_left_undone" => "it accepts more than it delivers; see its log",
            "store_unavailable" => "the store did not answer; see its log",
            _ => "see its log",
        };
        Some(format!("{} of {of} failed, most by {kind}: {advice}", self.total()))
    }
}

/// Latencies of one step, in microseconds.
#[derive(Clone)]
pub struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        Latencies(Histogram::new_with_bounds(1, LONGEST, 3).expect("1 µs to 2 minutes in three digits can be held"))
    }
}

impl Latencies {
    pub fn add(&mut self, took: Duration) {
        self.0.saturating_record(u64::try_from(took.as_micros()).unwrap_or(LONGEST));
    }

    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The latency that this share of all did not exceed, in milliseconds.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        self.0.value_at_quantile(share) as f64 / 1e3
    }

    fn max_ms(&self) -> f64 {
        self.0.max() as f64 / 1e3
    }
}

/// The columns of the table: a name, and the share that lies below.
const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

/// Everything that a load measured.
#[derive(Clone, Default)]
pub struct Tally {
    /// People who began.
    pub begun: u64,
    steps: [Latencies; Step::ALL.len()],
    /// What went wrong.
    pub errors: Errors,
}

impl Tally {
    /// A step ended well.
    pub fn took(&mut self, step: Step, took: Duration) {
        self.steps[step as usize].add(took);
    }

    pub fn of(&self, step: Step) -> &Latencies {
        &self.steps[step as usize]
    }

    /// The steps that were measured, with what they took.
    fn measured(&self) -> impl Iterator<Item = (Step, &Latencies)> {
        Step::ALL.into_iter().map(move |step| (step, self.of(step))).filter(|(_, latencies)| latencies.count() > 0)
    }

    /// The same for scripts; times in milliseconds.
    pub fn json(&self) -> Value {
        let step = |(step, latencies): (Step, &Latencies)| {
            let mut row: Map<_, _> = QUANTILES
                .map(|(name, share)| (format!("{}_ms", name.replace('.', "_")), json!(latencies.quantile_ms(share))))
                .into_iter()
                .collect();
            row.insert("count".into(), latencies.count().into());
            row.insert("max_ms".into(), json!(latencies.max_ms()));
            (step.as_str().to_owned(), Value::Object(row))
        };
        let steps: Map<_, _> = self.measured().map(step).collect();
        json!({ "begun": self.begun, "steps": steps, "errors": self.errors })
    }
}

/// The table for people.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<12}{:>9}", "ms", "count")?;
        for (name, _) in QUANTILES {
            write!(f, "{name:>10}")?;
        }
        writeln!(f, "{:>10}", "max")?;
        for (step, latencies) in self.measured() {
            write!(f, "{:<12}{:>9}", step.as_str(), latencies.count())?;
            for (_, share) in QUANTILES {
                write!(f, "{:>10.2}", latencies.quantile_ms(share))?;
            }
            writeln!(f, "{:>10.2}", latencies.max_ms())?;
        }
        f.write_str(&self.errors.table())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_tells_people_and_scripts_the_same() {
        let mut tally = Tally { begun: 1_000, ..Tally::default() };
        (1..=998).for_each(|ms| tally.took(Step::Start, Duration::from_millis(ms)));
        tally.took(Step::Start, Duration::from_secs(3_600));
        tally.errors.add("limit_country".into());
        let json = tally.json();
        assert_eq!(json["steps"]["start"]["count"], 999);
        let p50 = json["steps"]["start"]["p50_ms"].as_f64().unwrap();
        assert!((499.0..=501.0).contains(&p50), "{p50}");
        assert!(json["steps"]["start"]["max_ms"].as_f64().unwrap() >= 120_000.0);
        assert!(json["steps"].get("check").is_none());
        assert_eq!(json["errors"], json!({ "limit_country": 1 }));
        let table = tally.to_string();
        assert!(table.contains("start") && table.contains("p99.9") && table.contains("error limit_country"), "{table}");
        assert!(tally.errors.hint(1_000).unwrap().contains("1 of 1000 failed, most by limit_country"));
        assert_eq!(Errors::default().hint(5), None);
    }
}
