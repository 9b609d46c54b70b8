//! The configured carriers, each with what routing knows of it, its pace and its
//! breaker as this gateway sees them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, RwLock};

use rand::SeedableRng;
use rand_distr::{Distribution, OpenClosed01};
use rand_pcg::Pcg64Mcg;

use super::pace::Pace;
use crate::blocks::Outlook;
use crate::carrier::Carrier;
use crate::config::{CarrierOptions, CountryList, Places};
use crate::model::{Cause, Channel, Country, LimitSpec, Money, Ms, Sender};
use crate::routing::{Candidate, Open, Standing, standing};

/// A carrier with its options.
pub struct Line {
    name: String,
    options: CarrierOptions,
    carrier: Arc<dyn Carrier>,
    /// SMS and calls have turns of their own: upstreams count them apart.
    paces: [Pace; 2],
    prices: [Places<Money>; 2],
    /// Failures in a row.
    pub(super) failed: AtomicU32,
}

impl Line {
    /// Connects a carrier with the operator's options for it. `documented` is what its
    /// profile says about the pace of a channel, which counts where the operator says
    /// nothing.
    pub fn new(
        name: &str,
        options: CarrierOptions,
        carrier: Arc<dyn Carrier>,
        documented: impl Fn(Channel) -> Option<LimitSpec>,
    ) -> Self {
        let paces = Channel::ALL.map(|channel| Pace::new(options.throughput.or_else(|| documented(channel))));
        let prices = Channel::ALL.map(|channel| options.prices(channel));
        Line { name: name.to_owned(), options, carrier, paces, prices, failed: AtomicU32::new(0) }
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The operator's options.
    pub fn options(&self) -> &CarrierOptions {
        &self.options
    }

    /// The carrier itself.
    pub fn carrier(&self) -> &dyn Carrier {
        &*self.carrier
    }

    /// Whether it brings messages to the sandbox phone only.
    pub(super) fn is_sandbox(&self) -> bool {
        self.options.profile == "sandbox"
    }

    /// Its pace over a channel.
    pub fn pace(&self, channel: Channel) -> &Pace {
        &self.paces[place(channel)]
    }

    /// Under which name its turns are shared. Channels with one configured pace share it.
    pub(super) fn turns(&self, channel: Channel) -> String {
        match (self.options.throughput, channel) {
            (Some(_), _) | (None, Channel::Sms) => self.name.clone(),
            (None, Channel::Voice) => format!("{}/voice", self.name),
        }
    }

    /// Failures in a row so far.
    pub(super) fn failures(&self) -> u32 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Whether it may take a channel to a country at all.
    pub fn permits(&self, channel: Channel, country: Country) -> bool {
        let options = &self.options;
        options.channels.contains(&channel)
            && match &options.countries {
                CountryList::Only(countries) => countries.contains(&country),
                CountryList::All | CountryList::Same => true,
            }
    }

    /// What a submit costs, by the operator's list.
    pub(super) fn price(&self, channel: Channel, country: Country) -> Option<Money> {
        self.prices[place(channel)].of(country).copied()
    }
}

/// Where a channel stands in [`Channel::ALL`].
fn place(channel: Channel) -> usize {
    usize::from(channel == Channel::Voice)
}

/// All carriers.
#[derive(Clone, Default)]
pub struct Carriers(Arc<Inner>);

#[derive(Default)]
struct Inner {
    lines: Vec<Line>,
    /// Breakers that are open, as the store told last.
    open: RwLock<BTreeMap<String, Open>>,
    /// Goes up with every breaker that this gateway turns itself.
    version: AtomicU32,
}

impl Carriers {
    /// These carriers.
    pub fn new(lines: Vec<Line>) -> Self {
        Carriers(Arc::new(Inner { lines, ..Inner::default() }))
    }

    /// The carrier of that name, if it is still configured.
    pub fn get(&self, name: &str) -> Option<&Line> {
        self.0.lines.iter().find(|line| line.name == name)
    }

    /// All of them.
    pub fn lines(&self) -> &[Line] {
        &self.0.lines
    }

    /// Its breaker, if it is open or half-open.
    pub fn open(&self, name: &str) -> Option<Open> {
        self.0.open.read().expect("no panic while held").get(name).copied()
    }

    /// How often this gateway turned a breaker.
    pub(super) fn breakers_version(&self) -> u32 {
        self.0.version.load(Ordering::Acquire)
    }

    /// Sets one breaker as this gateway sees it.
    pub(super) fn set_open(&self, name: &str, open: Option<Open>) {
        self.0.version.fetch_add(1, Ordering::AcqRel);
        let mut all = self.0.open.write().expect("no panic while held");
        match open {
            Some(open) => all.insert(name.to_owned(), open),
            None => all.remove(name),
        };
    }

    /// Sets all breakers, as the store tells them.
    pub(super) fn set_all_open(&self, open: BTreeMap<String, Open>) {
        *self.0.open.write().expect("no panic while held") = open;
    }

    /// Whether a carrier may be used over a channel at `now`.
    pub fn standing(&self, line: &Line, channel: Channel, now: Ms) -> Standing {
        match standing(self.open(&line.name), now) {
            Standing::Ready if line.pace(channel).rests_until() > now => {
                Standing::Resting(line.pace(channel).rests_until(), Cause::RateLimited)
            }
            standing => standing,
        }
    }

    /// Whether any may take this channel to this country, now or when it is back.
    pub fn permit(&self, channel: Channel, country: Country) -> bool {
        self.0.lines.iter().any(|line| line.permits(channel, country))
    }

    /// What routing chooses from: every carrier with each of its senders. `outlook` says
    /// what to expect of them.
    pub fn candidates(
        &self,
        channel: Channel,
        country: Country,
        now: Ms,
        outlook: impl Fn(&str, Option<&Sender>) -> Outlook,
    ) -> Vec<Candidate> {
        let of_line = |line: &Line| {
            let senders = line.options.senders(country);
            let senders: Vec<_> = if senders.is_empty() { vec![None] } else { senders.iter().map(Some).collect() };
            let standing = self.standing(line, channel, now);
            let price = line.price(channel, country);
            let candidate = |sender: Option<&Sender>| Candidate {
                name: line.name.clone(),
                sender: sender.cloned(),
                weight: line.options.weight,
                outlook: outlook(&line.name, sender),
                standing,
                price,
            };
            senders.into_iter().map(candidate).collect::<Vec<_>>()
        };
        self.0.lines.iter().filter(|line| line.permits(channel, country)).flat_map(of_line).collect()
    }
}

/// Uniform numbers in (0, 1]. A choice needs a dozen: the system is asked once for all.
pub fn draws() -> impl FnMut() -> f64 {
    let mut source = Pcg64Mcg::from_seed(crate::seal::random());
    move || OpenClosed01.sample(&mut source)
}
