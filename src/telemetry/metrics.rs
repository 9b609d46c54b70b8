//! Metrics in the OpenMetrics text format. One registry per gateway, so two of
//! them may run in one process.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::model::{Cause, Channel, DeliveryState, LimitName};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    endpoint: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Named {
    name: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Delivered {
    channel: &'static str,
    state: &'static str,
    cause: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Attempted {
    carrier: String,
    channel: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PerCarrier {
    carrier: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Hooked {
    carrier: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PerCell {
    carrier: String,
    channel: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Cells {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PerChannel {
    channel: &'static str,
}

/// What happened to a verification. The list is closed: it is a metric's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A new one.
    Created,
    /// A start that joined an open one.
    Joined,
    /// The right code.
    Approved,
    /// A wrong code.
    WrongCode,
    /// A code that a newer one replaced.
    Superseded,
    /// The last wrong code.
    MaxAttempts,
    /// Ended by the application.
    Canceled,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Outcome::Created => "created",
            Outcome::Joined => "joined",
            Outcome::Approved => "approved",
            Outcome::WrongCode => "wrong_code",
            Outcome::Superseded => "superseded",
            Outcome::MaxAttempts => "max_attempts_reached",
            Outcome::Canceled => "canceled",
        }
    }
}

/// The metrics of one gateway.
pub struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    request_seconds: Histogram,
    verifications: Family<Named, Counter>,
    refusals: Family<Named, Counter>,
    deliveries: Family<Delivered, Counter>,
    attempts: Family<Attempted, Counter>,
    submit_seconds: Family<PerChannel, Histogram>,
    webhooks: Family<Hooked, Counter>,
    unlisted_codes: Family<PerCarrier, Counter>,
    breakers: Family<PerCarrier, Gauge<i64>>,
    unknown_receipts: Counter,
    log_lost: Counter,
    evidence_lost: Counter,
    blocks: Family<PerCell, Counter>,
    network_alarms: Family<PerChannel, Counter>,
    cells: Family<Cells, Gauge<i64>>,
    store_errors: Counter,
    running: Gauge<i64>,
    gateways: Gauge<i64>,
    claimed: Counter<u64, AtomicU64>,
}

fn seconds() -> Histogram {
    Histogram::new([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("otp");
        let metrics = Metrics {
            requests: Family::default(),
            request_seconds: seconds(),
            verifications: Family::default(),
            refusals: Family::default(),
            deliveries: Family::default(),
            attempts: Family::default(),
            submit_seconds: Family::new_with_constructor(seconds),
            webhooks: Family::default(),
            unlisted_codes: Family::default(),
            breakers: Family::default(),
            unknown_receipts: Counter::default(),
            log_lost: Counter::default(),
            evidence_lost: Counter::default(),
            blocks: Family::default(),
            network_alarms: Family::default(),
            cells: Family::default(),
            store_errors: Counter::default(),
            running: Gauge::default(),
            gateways: Gauge::default(),
            claimed: Counter::default(),
            registry: Registry::default(),
        };
        registry.register("requests", "Answered HTTP requests", metrics.requests.clone());
        registry.register("request_seconds", "Time to answer a request", metrics.request_seconds.clone());
        registry.register("verifications", "What happened to verifications", metrics.verifications.clone());
        registry.register("refusals", "Sends refused, by limit", metrics.refusals.clone());
        registry.register("deliveries", "Deliveries that reached a state", metrics.deliveries.clone());
        registry.register("attempts", "Submissions, by carrier and outcome", metrics.attempts.clone());
        registry.register("submit_seconds", "Time until a carrier answered", metrics.submit_seconds.clone());
        registry.register("webhooks", "Requests of carriers, by what became of them", metrics.webhooks.clone());
        let about = "Codes of carriers that their errors.toml does not list";
        registry.register("carrier_unlisted_codes", about, metrics.unlisted_codes.clone());
        registry.register("carrier_breaker_open", "1 while a carrier is left alone", metrics.breakers.clone());
        registry.register(
            "receipts_unknown",
            "Reports about attempts that are not known",
            metrics.unknown_receipts.clone(),
        );
        registry.register("log_lost", "Entries of the log of attempts that were lost", metrics.log_lost.clone());
        registry.register("evidence_lost", "Events that the radar will not see", metrics.evidence_lost.clone());
        registry.register("blocks", "Times that a network was seen to block a carrier", metrics.blocks.clone());
        let about = "Times that codes arrived on a network through nobody";
        registry.register("network_alarms", about, metrics.network_alarms.clone());
        // An alarm that has not happened yet can be watched too.
        for channel in Channel::ALL {
            let _ = metrics.network_alarms.get_or_create(&PerChannel { channel: channel.as_str() });
        }
        let about = "Carrier, sender and network together, by what is believed of them";
        registry.register("radar_cells", about, metrics.cells.clone());
        registry.register("store_errors", "Operations that the store could not do", metrics.store_errors.clone());
        registry.register("deliveries_running", "Deliveries being worked on", metrics.running.clone());
        registry.register("gateways", "Gateways that live and share the store", metrics.gateways.clone());
        registry.register("deliveries_claimed", "Deliveries taken from the schedule", metrics.claimed.clone());
        Metrics { registry, ..metrics }
    }
}

impl Metrics {
    /// An answered request. `endpoint` is the route's pattern, never a path with ids.
    pub fn request(&self, endpoint: &str, status: u16, took_seconds: f64) {
        self.requests.get_or_create(&Request { endpoint: endpoint.to_owned(), status }).inc();
        self.request_seconds.observe(took_seconds);
    }

    /// Something happened to a verification.
    pub fn verification(&self, outcome: Outcome) {
        self.verifications.get_or_create(&Named { name: outcome.as_str() }).inc();
    }

    /// A limit refused a send.
    pub fn refusal(&self, limit: LimitName) {
        self.refusals.get_or_create(&Named { name: limit.as_str() }).inc();
    }

    /// A delivery reached a state.
    pub fn delivery(&self, channel: Channel, state: DeliveryState, cause: Option<Cause>) {
        let cause = cause.map_or("", Cause::as_str);
        self.deliveries.get_or_create(&Delivered { channel: channel.as_str(), state: state.as_str(), cause }).inc();
    }

    /// A carrier answered a submission, or did not.
    pub fn attempt(&self, carrier: &str, channel: Channel, outcome: &'static str, took_seconds: f64) {
        let channel = channel.as_str();
        self.attempts.get_or_create(&Attempted { carrier: carrier.to_owned(), channel, outcome }).inc();
        self.submit_seconds.get_or_create(&PerChannel { channel }).observe(took_seconds);
    }

    /// A carrier's request came in: `report`, `document`, `audio`, `mail`, `forged`,
    /// `unreadable`.
    pub fn webhook(&self, carrier: &str, outcome: &'static str) {
        self.webhooks.get_or_create(&Hooked { carrier: carrier.to_owned(), outcome }).inc();
    }

    /// A carrier told a code or status that its profile does not list.
    pub fn unlisted_code(&self, carrier: &str) {
        self.unlisted_codes.get_or_create(&PerCarrier { carrier: carrier.to_owned() }).inc();
    }

    /// Whether a carrier is left alone.
    pub fn breaker(&self, carrier: &str, open: bool) {
        self.breakers.get_or_create(&PerCarrier { carrier: carrier.to_owned() }).set(open.into());
    }

    /// A report about an attempt that is not known.
    pub fn unknown_receipt(&self) {
        self.unknown_receipts.inc();
    }

    /// Entries of the log of attempts that could not be kept.
    pub fn log_lost(&self, count: usize) {
        self.log_lost.inc_by(count as u64);
    }

    /// Events of the radar that could not be kept.
    pub fn evidence_lost(&self, count: usize) {
        self.evidence_lost.inc_by(count as u64);
    }

    /// A network was seen to block a carrier.
    pub fn block(&self, carrier: &str, channel: Channel) {
        self.blocks.get_or_create(&PerCell { carrier: carrier.to_owned(), channel: channel.as_str() }).inc();
    }

    /// Codes arrive on a network through nobody.
    pub fn network_alarm(&self, channel: Channel) {
        self.network_alarms.get_or_create(&PerChannel { channel: channel.as_str() }).inc();
    }

    /// How many cells are in a state.
    pub fn cells(&self, state: &'static str, count: usize) {
        self.cells.get_or_create(&Cells { state }).set(count as i64);
    }

    /// The store could not do an operation.
    pub fn store_error(&self) {
        self.store_errors.inc();
    }

    /// A delivery was taken from the schedule: it failed for now, or its owner died.
    pub fn claimed(&self) {
        self.claimed.inc();
    }

    /// How many gateways live.
    pub fn gateways(&self, alive: usize) {
        self.gateways.set(alive as i64);
    }

    /// Counts a delivery as running until the guard is dropped.
    pub fn run(&self) -> Running {
        self.running.inc();
        Running(self.running.clone())
    }

    /// All metrics as text.
    pub fn encode(&self) -> String {
        let mut out = String::new();
        text::encode(&mut out, &self.registry).expect("writing to a string does not fail");
        out
    }
}

/// A running delivery; counted down when dropped, however it ends.
pub struct Running(Gauge<i64>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.dec();
    }
}
