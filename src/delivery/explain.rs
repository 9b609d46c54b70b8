//! What the radar believes of each carrier on each network, and why.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Deliveries, Line};
use crate::blocks::{CellKey, CellView, Label, State};
use crate::clock::rfc3339;
use crate::model::{Channel, Country};

/// Most cells of one answer.
const MOST: usize = 1_000;

/// Which cells are shown.
#[derive(Debug, Clone, Default)]
pub struct CellFilter {
    /// One country only.
    pub country: Option<Country>,
    /// One network only: `IN/Airtel`, or `404-45`. Then carriers that have sent nothing
    /// there are shown too.
    pub network: Option<String>,
    /// One channel only.
    pub channel: Option<Channel>,
    /// Those as well that are as usual.
    pub all: bool,
}

/// What is believed of a carrier and sender on a network.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CellStatus {
    /// The carrier's name in the configuration.
    pub carrier: String,
    /// Whom the person sees; null where the carrier chooses.
    pub sender: Option<String>,
    /// The network: country and MCC-MNC, country and name, or country and prefix.
    #[schema(example = "IN/Airtel")]
    pub network: String,
    /// SMS or voice.
    pub channel: Channel,
    /// `healthy`, `suspect`, `blocked` or `ramp` (on its way back).
    #[schema(value_type = String, example = "healthy")]
    pub state: State,
    /// What the trouble is called: `blocked`, `slow`, `carrier_down` or `network`.
    #[schema(value_type = Option<String>)]
    pub label: Option<Label>,
    /// Since when, RFC 3339; null if nothing was sent yet.
    pub since: Option<String>,
    /// The share of codes that is usually typed.
    pub typed: Option<f64>,
    /// The share of messages that is usually seen to arrive.
    pub received: Option<f64>,
    /// Messages that this rests on.
    pub learned: Option<f64>,
    /// Why, with the numbers, and what would change it.
    pub sentence: String,
}

impl Deliveries {
    /// What is believed, in order of carrier, sender, network and channel.
    pub fn cells(&self, filter: &CellFilter) -> Vec<CellStatus> {
        let now = self.parts.clock.now();
        let radar = self.parts.watch.radar();
        let mut cells: Vec<CellStatus> = Vec::new();
        for (key, view) in radar.cells().filter(|(key, _)| filter.shows(key)) {
            if filter.all || filter.network.is_some() || view.state != State::Healthy {
                cells.push(status(key, Some(&view), radar.explain(key, now)));
            }
            if cells.len() == MOST {
                return cells;
            }
        }
        // Nothing was sent there yet: what is expected.
        if let Some(network) = filter.network.as_deref().and_then(|network| filter.named(network)) {
            for line in self.parts.carriers.lines() {
                for key in unknown(line, &network, filter) {
                    if !cells.iter().any(|cell| cell.is(&key)) {
                        cells.push(status(&key, None, radar.explain(&key, now)));
                    }
                }
            }
        }
        cells
    }
}

impl CellFilter {
    fn shows(&self, key: &CellKey) -> bool {
        let (country, name) = key.network.split_once('/').unwrap_or((&key.network, ""));
        self.country.is_none_or(|only| only.as_str() == country)
            && self.channel.is_none_or(|only| only == key.channel)
            && self.network.as_ref().is_none_or(|only| *only == key.network || only == name)
    }

    /// A network's whole name; `None` if its country is not known.
    fn named(&self, network: &str) -> Option<String> {
        match (network.split_once('/'), self.country) {
            (Some(_), _) => Some(network.to_owned()),
            (None, Some(country)) => Some(format!("{country}/{network}")),
            (None, None) => None,
        }
    }
}

/// The cells that a carrier would have on a network.
fn unknown(line: &Line, network: &str, filter: &CellFilter) -> Vec<CellKey> {
    let Some(country) = network.split('/').next().and_then(Country::new) else { return Vec::new() };
    let channels = Channel::ALL.into_iter().filter(|channel| filter.channel.is_none_or(|only| only == *channel));
    let channels = channels.filter(|channel| line.permits(*channel, country));
    let senders = line.options().senders(country);
    let senders: Vec<String> = match senders {
        [] => vec![String::new()],
        senders => senders.iter().map(|sender| sender.id.clone()).collect(),
    };
    let key = |channel, sender: &String| CellKey {
        carrier: line.name().to_owned(),
        sender: sender.clone(),
        network: network.to_owned(),
        channel,
    };
    channels.flat_map(|channel| senders.iter().map(move |sender| key(channel, sender))).collect()
}

impl CellStatus {
    fn is(&self, key: &CellKey) -> bool {
        self.carrier == key.carrier
            && self.sender.as_deref().unwrap_or_default() == key.sender
            && self.network == key.network
            && self.channel == key.channel
    }
}

fn status(key: &CellKey, view: Option<&CellView>, sentence: String) -> CellStatus {
    CellStatus {
        carrier: key.carrier.clone(),
        sender: Some(key.sender.clone()).filter(|sender| !sender.is_empty()),
        network: key.network.clone(),
        channel: key.channel,
        state: view.map_or(State::Healthy, |view| view.state),
        label: view.and_then(|view| view.label),
        since: view.map(|view| rfc3339(view.since)),
        typed: view.map(|view| rounded(view.typed)),
        received: view.map(|view| rounded(view.received)),
        learned: view.map(|view| view.learned.round()),
        sentence,
    }
}

/// Three decimals: more is not known.
fn rounded(share: f64) -> f64 {
    (share * 1e3).round() / 1e3
}
