//! One request to send becomes attempts: the steps in order, the worker that
//! runs them, the schedule of what failed for now, the carriers with their pace and
//! breakers, what carriers report, what a call says next, and the log of attempts.
//! The only room that unseals a code.
//!
//! It does not decide who may ask (`admission`), which carrier is best
//! (`routing`) or how words are made (`template`, `voice`).

mod attempt;
mod breakers;
mod calls;
mod carriers;
mod choices;
mod events;
mod evidence;
mod explain;
mod job;
mod log;
mod pace;
mod payload;
mod schedule;
mod speech;
mod status;
mod steps;
mod tally;
mod worker;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::blocks::Rules;
use crate::clock::Clock;
use crate::config::{DeliveryOptions, RoutingOptions};
use crate::model::{Channel, Country, DeliveryId, Digest, Ms, SECOND, TenantId};
use crate::radar::Watch;
use crate::seal::Keys;
use crate::store::{Lease, Store};
use crate::telemetry::Metrics;
use crate::template::Templates;

pub use carriers::{Carriers, Line};
pub use explain::{CellFilter, CellStatus};
pub use job::Accepted;
pub use payload::Payload;
pub use status::{CarrierStatus, ChannelStatus, Percentiles, StatusFilter};

/// What a delivery needs to know about a tenant.
#[derive(Debug, Clone)]
pub struct Wording {
    /// How messages name the application.
    pub app_name: String,
    /// How long a number is paused after its owner pressed 9.
    pub pause_ms: Ms,
}

/// What `app.rs` connects a delivery room with.
pub struct Parts {
    /// The store.
    pub store: Store,
    /// The keys.
    pub keys: Arc<Keys>,
    /// The carriers.
    pub carriers: Carriers,
    /// The words.
    pub templates: Arc<Templates>,
    /// Per tenant.
    pub wordings: BTreeMap<TenantId, Wording>,
    /// The options.
    pub options: DeliveryOptions,
    /// The breakers' options.
    pub routing: RoutingOptions,
    /// How long the log of attempts is kept, in days.
    pub keep_log_days: u64,
    /// Whether calls ask for a key before the code.
    pub gate: bool,
    /// What is believed of the carriers.
    pub watch: Arc<Watch>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The clock, for remaining lifetimes; the store's own decides.
    pub clock: Clock,
}

/// The delivery room.
pub struct Deliveries {
    parts: Parts,
    /// Of the choice, as the operator has them.
    rules: Rules,
    /// Submits at the same time.
    submits: Semaphore,
    /// Everything that runs, with the token of its lease: handed back at shutdown.
    held: Mutex<HashMap<DeliveryId, Digest>>,
    /// What waits to be written to the log of attempts.
    book: log::Book,
    stopping: tokio::sync::watch::Sender<bool>,
}

impl Deliveries {
    /// A room that is not yet working; see [`Deliveries::start`].
    pub fn new(parts: Parts) -> Arc<Self> {
        let mut rules = parts.watch.radar().rules().clone();
        rules.choice.explore = parts.routing.explore_per_mille as f64 / 1000.0;
        Arc::new(Deliveries {
            rules,
            submits: Semaphore::new(parts.options.workers),
            held: Mutex::default(),
            book: log::Book::default(),
            stopping: tokio::sync::watch::Sender::new(false),
            parts,
        })
    }

    /// A lease for a delivery that is about to be accepted.
    pub fn lease(&self) -> Lease {
        Lease { token: crate::seal::token(), ms: self.parts.options.lease_seconds * SECOND }
    }

    /// Whether any carrier may take this channel to this country, now or when it is back.
    pub fn has_route(&self, channel: Channel, country: Country) -> bool {
        self.parts.carriers.permit(channel, country)
    }

    /// The configured carriers.
    pub fn carriers(&self) -> &Carriers {
        &self.parts.carriers
    }

    fn lease_time(&self) -> Duration {
        Duration::from_secs(self.parts.options.lease_seconds)
    }
}
