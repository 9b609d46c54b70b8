//! A checked scenario: names are indices, layers are flattened, sizes are bounded.

use std::collections::BTreeMap;

use toml::Spanned;

use super::happenings::{self, Effect, Happening};
use super::units::{Baseline, HOUR, Share, Span, Spread};
use super::written::{Expect, Night, People, Receipts, Scenario, Settings};
use super::{Problem, Source, written};
use crate::model::Ms;

/// Most carriers.
const MOST_CARRIERS: usize = 16;
/// Most senders of one carrier.
const MOST_SENDERS: usize = 8;
/// Most networks, those of `count` included.
const MOST_NETWORKS: usize = 500;
/// Most cells.
const MOST_CELLS: usize = 4_000;
/// Most codes in one run.
const MOST_CODES: f64 = 50e6;
/// Most codes in an hour, pumping included: 100 a second. All that waits is kept in memory.
const MOST_AT_ONCE: f64 = 360e3;

/// A carrier.
#[derive(Debug, Clone)]
pub struct Carrier {
    /// Its name.
    pub name: String,
    /// For one message.
    pub price: f64,
    /// Its share in policies that split by weight.
    pub weight: f64,
    /// When it can first be used, from the start of the run.
    pub start: Ms,
    /// From when it no longer can.
    pub end: Ms,
}

/// One sender of one carrier: what a message can be sent by.
#[derive(Debug, Clone)]
pub struct Route {
    /// Index of the carrier.
    pub carrier: usize,
    /// The sender; empty where the carrier chooses.
    pub sender: String,
}

/// A network.
#[derive(Debug, Clone)]
pub struct Network {
    /// Its name, without country.
    pub name: String,
    /// The name in the file, which several may share.
    pub group: String,
    /// Codes an hour by day.
    pub rate: f64,
    /// The part of arrived codes that is typed by day.
    pub typed: f64,
    /// When its people begin to come.
    pub start: Ms,
    /// When they stop.
    pub end: Ms,
}

/// The way from a route to a network.
#[derive(Debug, Clone)]
pub struct Way {
    /// The probability that a message arrives, or the range to draw it from.
    pub delivery: Baseline,
    /// Median from sending to arrival, in milliseconds.
    pub delay: f64,
    /// Of the logarithm of the delay.
    pub delay_spread: f64,
    /// What receipts are worth.
    pub receipts: Receipts,
    /// The part of messages that get the receipt that is theirs.
    pub receipt_share: f64,
    /// Median from arrival to receipt, in milliseconds.
    pub receipt_delay: f64,
    /// Of the logarithm of the receipt's delay.
    pub receipt_spread: f64,
}

/// A scenario that can be run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// What it shows.
    pub about: String,
    /// Two letters.
    pub country: String,
    /// Time of day at the start.
    pub starts_at: Ms,
    /// How long people come.
    pub length: Ms,
    /// How much of that is not counted.
    pub warm_up: Ms,
    /// What a code that arrives is worth, in the unit of prices.
    pub value: f64,
    /// What people do.
    pub people: People,
    /// What is different at night.
    pub night: Option<Night>,
    /// In the order of their names.
    pub carriers: Vec<Carrier>,
    /// By carrier, then sender.
    pub routes: Vec<Route>,
    /// In the order of their names.
    pub networks: Vec<Network>,
    /// By network, then route.
    pub ways: Vec<Way>,
    /// In order of time.
    pub happenings: Vec<Happening>,
    /// Our own policy with other settings, by name.
    pub policies: BTreeMap<String, Settings>,
    /// What must hold.
    pub expect: Expect,
}

impl Plan {
    /// The index of a cell.
    pub fn cell(&self, network: usize, route: usize) -> usize {
        network * self.routes.len() + route
    }

    /// Name of a cell for people: `cheap/ACME on 404-45`.
    pub fn cell_name(&self, cell: usize) -> String {
        let (network, route) = (&self.networks[cell / self.routes.len()], &self.routes[cell % self.routes.len()]);
        let carrier = &self.carriers[route.carrier].name;
        let sender = if route.sender.is_empty() { String::new() } else { format!("/{}", route.sender) };
        format!("{carrier}{sender} on {}", network.name)
    }
}

/// Checks what the parts of a scenario mean together.
pub(super) fn check(name: &str, written: Scenario, source: &Source<'_>) -> Result<Plan, Problem> {
    let length = written.length.get_ref().0;
    if length < 60_000 {
        return Err(source.wrong(&written.length, "length is too short; give at least \"1m\""));
    }
    let warm_up = written.warm_up.as_ref().map_or(0, |warm_up| warm_up.get_ref().0);
    if let Some(warm_up) = &written.warm_up
        && warm_up.get_ref().0 >= length
    {
        return Err(source.wrong(warm_up, "warm_up leaves nothing to count; make it shorter than length"));
    }
    let (carriers, routes) = carriers(&written, source)?;
    let networks = networks(&written, source)?;
    if networks.len() * routes.len() > MOST_CELLS {
        let cells = networks.len() * routes.len();
        return Err(Problem(format!("{cells} cells of sender and network; at most {MOST_CELLS} can be run")));
    }
    let mut plan = Plan {
        name: name.to_owned(),
        country: country(written.country.as_ref(), source)?,
        ways: ways(&written, &carriers, &routes, &networks, source)?,
        about: written.about.trim().to_owned(),
        starts_at: written.starts_at.0,
        length,
        warm_up,
        value: written.value.0,
        people: written.people,
        night: written.night,
        carriers,
        routes,
        networks,
        happenings: Vec::new(),
        policies: policies(written.policy, source)?,
        expect: written.expect,
    };
    happenings::check(&mut plan, &written.events, source)?;
    let (codes, at_once) = (expected_codes(&plan), codes_at_once(&plan));
    if codes > MOST_CODES {
        let problem =
            format!("about {codes:.0} codes in one run; at most {MOST_CODES:.0}: shorten length or lower rates");
        return Err(source.wrong(&written.length, problem));
    }
    if at_once > MOST_AT_ONCE {
        let problem =
            format!("about {:.0} codes a second, pumping included; at most 100: lower rates", at_once / 3_600.0);
        return Err(Problem(problem));
    }
    Ok(plan)
}

/// Codes of people and of pumping in one run.
fn expected_codes(plan: &Plan) -> f64 {
    let span = |from: Ms, until: Ms| until.min(plan.length).saturating_sub(from) as f64 / HOUR as f64;
    let people: f64 = plan.networks.iter().map(|network| network.rate * span(network.start, network.end)).sum();
    let pumped: f64 = plan.happenings.iter().map(|happening| happening.pumped_codes(plan)).sum();
    people + pumped
}

/// The most codes in an hour, if all that can come together does.
fn codes_at_once(plan: &Plan) -> f64 {
    let mut rates: Vec<f64> = plan.networks.iter().map(|network| network.rate).collect();
    for happening in &plan.happenings {
        if let Effect::Pumps { factor } = happening.effect {
            for network in happening.networks.iter() {
                rates[*network] = rates[*network].max(plan.networks[*network].rate * (1.0 + factor));
            }
        }
    }
    rates.iter().sum()
}

fn country(written: Option<&Spanned<String>>, source: &Source<'_>) -> Result<String, Problem> {
    match written {
        None => Ok("IN".into()),
        Some(country) if country.get_ref().len() == 2 && country.get_ref().bytes().all(|b| b.is_ascii_uppercase()) => {
            Ok(country.get_ref().clone())
        }
        Some(country) => Err(source.wrong(country, "country is no two-letter country; write for example \"IN\"")),
    }
}

/// Whether a name can stand in keys, tables and pictures.
fn is_name(name: &str) -> bool {
    (1..=40).contains(&name.len()) && name.chars().all(|c| c.is_alphanumeric() || "-_. +".contains(c))
}

const NAME: &str = "use 1 to 40 letters, digits and any of \"-_. +\"";

fn carriers(written: &Scenario, source: &Source<'_>) -> Result<(Vec<Carrier>, Vec<Route>), Problem> {
    let (mut carriers, mut routes) = (Vec::new(), Vec::new());
    if written.carriers.is_empty() {
        return Err(Problem("no carrier; add [carriers.NAME] with a price".into()));
    }
    for (name, table) in &written.carriers {
        let (carrier, wrong) = (table.get_ref(), |problem: String| source.wrong(table, problem));
        if !is_name(name) {
            return Err(wrong(format!("{name:?} is no name for a carrier; {NAME}")));
        }
        if let Some(sender) = carrier.senders.iter().find(|sender| !is_name(sender)) {
            return Err(wrong(format!("{sender:?} is no name for a sender; {NAME}")));
        }
        if carrier.senders.len() > MOST_SENDERS
            || (1..carrier.senders.len()).any(|i| carrier.senders[..i].contains(&carrier.senders[i]))
        {
            return Err(wrong(format!("senders of {name}: at most {MOST_SENDERS}, each once")));
        }
        let (start, end) =
            times(carrier.start, carrier.end).ok_or_else(|| wrong(format!("{name} ends before it starts")))?;
        let weight = carrier.weight.map_or(1.0, |weight| weight.0);
        let senders = if carrier.senders.is_empty() { vec![String::new()] } else { carrier.senders.clone() };
        routes.extend(senders.into_iter().map(|sender| Route { carrier: carriers.len(), sender }));
        carriers.push(Carrier { name: name.clone(), price: carrier.price.0, weight, start, end });
    }
    if carriers.len() > MOST_CARRIERS {
        return Err(Problem(format!("{} carriers; at most {MOST_CARRIERS} can be run", carriers.len())));
    }
    Ok((carriers, routes))
}

/// A start and an end, or nothing if they are in the wrong order.
fn times(start: Option<Span>, end: Option<Span>) -> Option<(Ms, Ms)> {
    let (start, end) = (start.map_or(0, |start| start.0), end.map_or(Ms::MAX, |end| end.0));
    (start < end).then_some((start, end))
}

fn networks(written: &Scenario, source: &Source<'_>) -> Result<Vec<Network>, Problem> {
    let mut networks = Vec::new();
    if written.networks.is_empty() {
        return Err(Problem("no network; add [networks.NAME] with a rate".into()));
    }
    for (group, table) in &written.networks {
        let (network, wrong) = (table.get_ref(), |problem: String| source.wrong(table, problem));
        if !is_name(group) {
            return Err(wrong(format!("{group:?} is no name for a network; {NAME}")));
        }
        let count = usize::from(network.count.unwrap_or(1));
        if count == 0 || networks.len() + count > MOST_NETWORKS {
            return Err(wrong(format!("count of {group}: 1 or more, and at most {MOST_NETWORKS} networks in all")));
        }
        let (start, end) =
            times(network.start, network.end).ok_or_else(|| wrong(format!("{group} ends before it starts")))?;
        if let Some((name, cell)) = network.carriers.iter().find(|(name, _)| !written.carriers.contains_key(*name)) {
            let known: Vec<&str> = written.carriers.keys().map(String::as_str).collect();
            return Err(source.wrong(cell, format!("no carrier {name:?}; there are {}", known.join(", "))));
        }
        let typed = network.typed.unwrap_or(written.people.typed).0;
        let named = |i: usize| if network.count.is_some() { format!("{group}-{}", i + 1) } else { group.clone() };
        networks.extend((0..count).map(|i| Network {
            name: named(i),
            group: group.clone(),
            rate: network.rate.0,
            typed,
            start,
            end,
        }));
        if let Some(twice) = networks[..networks.len() - count]
            .iter()
            .find(|n| networks[networks.len() - count..].iter().any(|new| new.name == n.name))
        {
            return Err(wrong(format!("two networks are called {:?}; rename one", twice.name)));
        }
    }
    Ok(networks)
}

fn ways(
    written: &Scenario,
    carriers: &[Carrier],
    routes: &[Route],
    networks: &[Network],
    source: &Source<'_>,
) -> Result<Vec<Way>, Problem> {
    let mut ways = Vec::with_capacity(networks.len() * routes.len());
    for network in networks {
        let table = &written.networks[&network.group];
        for route in routes {
            let carrier = &carriers[route.carrier].name;
            let cell = table.get_ref().carriers.get(carrier).map(|cell| cell.get_ref().way()).unwrap_or_default();
            let way = cell.or(table.get_ref().way()).or(written.carriers[carrier].get_ref().way());
            let way = resolved(&way);
            if way.delay < 1.0 || way.delay > 1e7 || way.receipt_delay > 1e8 {
                let problem = format!(
                    "delays of {carrier} on {}: give 1ms to 2h45m, and at most 27h for receipts",
                    network.group
                );
                return Err(source.wrong(table, problem));
            }
            ways.push(way);
        }
    }
    Ok(ways)
}

/// A way with the defaults of this format.
fn resolved(way: &written::Way) -> Way {
    let spread = |spread: Option<Spread>, default: f64| spread.map_or(default, |spread| spread.0);
    let median = |span: Option<Span>, default: f64| span.map_or(default, |span| span.0 as f64);
    Way {
        delivery: way.delivery.unwrap_or(Baseline { low: 0.95, high: 0.95 }),
        delay: median(way.delay, 4_000.0),
        delay_spread: spread(way.delay_spread, 0.6),
        receipts: way.receipts.unwrap_or(Receipts::Honest),
        receipt_share: way.receipt_share.map_or(0.97, |Share(share)| share),
        receipt_delay: median(way.receipt_delay, 2_000.0),
        receipt_spread: spread(way.receipt_spread, 0.5),
    }
}

/// Names that policies of a scenario cannot have.
pub const PLAIN: [&str; 5] = ["ours", "fixed", "shift", "bandit", "oracle"];

fn policies(
    written: BTreeMap<String, Spanned<Settings>>,
    source: &Source<'_>,
) -> Result<BTreeMap<String, Settings>, Problem> {
    let mut policies = BTreeMap::new();
    for (name, settings) in written {
        if !is_name(&name) || PLAIN[1..].contains(&name.as_str()) {
            return Err(source.wrong(
                &settings,
                format!("{name:?} is no name for a policy of your own; {NAME}, and not {}", PLAIN[1..].join(", ")),
            ));
        }
        policies.insert(name, settings.into_inner());
    }
    if policies.len() > 16 {
        return Err(Problem(format!("{} policies; at most 16 can be compared", policies.len())));
    }
    Ok(policies)
}
