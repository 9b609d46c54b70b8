//! The configured carriers, each with what routing knows of it and its pace.

use std::sync::Arc;

use crate::blocks;
use crate::carrier::Carrier;
use crate::config::{CarrierOptions, CountryList};
use crate::model::LimitSpec;
use crate::routing::Candidate;

/// A carrier with its options.
pub struct Line {
    name: String,
    options: CarrierOptions,
    carrier: Arc<dyn Carrier>,
}

impl Line {
    /// Connects a carrier with the operator's options for it.
    pub fn new(name: &str, options: CarrierOptions, carrier: Arc<dyn Carrier>) -> Self {
        Line { name: name.to_owned(), options, carrier }
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The carrier itself.
    pub fn carrier(&self) -> &dyn Carrier {
        &*self.carrier
    }

    /// Submits that it takes, over all gateways; `None`: any number.
    pub fn pace(&self) -> Option<LimitSpec> {
        self.options.throughput
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
