//! The configured carriers, each with what routing knows of it and its pace.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use crate::blocks;
use crate::carrier::Carrier;
use crate::config::{CarrierOptions, CountryList};
use crate::routing::Candidate;

/// A carrier with its options.
pub struct Line {
    name: String,
    options: CarrierOptions,
    carrier: Arc<dyn Carrier>,
    pace: Option<DefaultDirectRateLimiter>,
}

impl Line {
    /// Connects a carrier with the operator's options for it.
    pub fn new(name: &str, options: CarrierOptions, carrier: Arc<dyn Carrier>) -> Self {
        let pace = options.throughput.and_then(|spec| {
            let each = Duration::from_millis(spec.per_ms) / spec.count;
            // A burst of a tenth of the span, at least one, smooths what arrives together.
            let burst = NonZeroU32::new((spec.count / 10).max(1))?;
            Some(RateLimiter::direct(Quota::with_period(each)?.allow_burst(burst)))
        });
        Line { name: name.to_owned(), options, carrier, pace }
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The carrier itself.
    pub fn carrier(&self) -> &dyn Carrier {
        &*self.carrier
    }

    /// Waits until its throughput allows one more submit.
    pub async fn pace(&self) {
        if let Some(pace) = &self.pace {
            pace.until_ready().await;
        }
    }
}

/// All carriers.
#[derive(Clone, Default)]
pub struct Carriers(Arc<Vec<Line>>);

impl Carriers {
    /// These carriers.
    pub fn new(lines: Vec<Line>) -> Self {
        Carriers(Arc::new(lines))
    }

    /// The carrier of that name, if it is still configured.
    pub fn get(&self, name: &str) -> Option<&Line> {
        self.0.iter().find(|line| line.name == name)
    }

    /// What routing chooses from.
    pub fn candidates(&self) -> Vec<Candidate> {
        let candidate = |line: &Line| Candidate {
            name: line.name.clone(),
            weight: line.options.weight,
            channels: line.options.channels.clone(),
            countries: match &line.options.countries {
                CountryList::Only(countries) => Some(countries.clone()),
                CountryList::All | CountryList::Same => None,
            },
            health: blocks::health(&line.name),
        };
        self.0.iter().map(candidate).collect()
    }
}

/// A uniform number in (0, 1].
pub fn draw() -> f64 {
    let bits = u64::from_be_bytes(crate::seal::random()) >> 11;
    (bits + 1) as f64 / (1u64 << 53) as f64
}
