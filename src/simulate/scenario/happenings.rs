//! What happens at a time, checked and laid out: who is touched, from when, until when.

use std::sync::Arc;

use toml::Spanned;

use super::plan::Plan;
use super::units::{DAY, HOUR, Span};
use super::written::{Drifting, Event, Kind, Receipts, Says};
use super::{Problem, Source};
use crate::model::Ms;

/// Most happenings in one run, repetitions included.
const MOST_HAPPENINGS: usize = 10_000;

/// What changes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Effect {
    /// Delivery falls to a probability; what the carrier says of the dropped.
    Falls { to: f64, says: Says },
    /// Delays are so many times longer.
    Slows { factor: f64 },
    /// Delivery creeps to a probability over a time.
    Creeps { to: f64, over: Ms },
    /// The network takes nothing from anybody; what carriers say of the dropped.
    Dead { to: f64, says: Says },
    /// Begun falls, slowness, creeping and deadness end.
    Lifts,
    /// A network or carrier that is new begins.
    Begins,
    /// Made-up requests, so many for each real one; their codes arrive and are not typed.
    Pumps { factor: f64 },
    /// The app is broken: of the codes that would be typed only this part is.
    Breaks { to: f64 },
    /// Deliveries wander, each cell by itself: relative size and period.
    DeliveryDrifts { size: f64, period: Ms },
    /// The part of codes that is typed wanders, the same everywhere.
    TypingDrifts { size: f64, period: Ms },
    /// Receipts are from now on worth something else.
    Receipts(Receipts),
}

/// Something that happens.
#[derive(Debug, Clone)]
pub struct Happening {
    /// From when, since the start of the run.
    pub at: Ms,
    /// Until when; the largest number if for good.
    pub until: Ms,
    /// What.
    pub effect: Effect,
    /// The word for it in the file.
    pub kind: Kind,
    /// The networks it touches.
    pub networks: Arc<[usize]>,
    /// The routes it touches.
    pub routes: Arc<[usize]>,
}

impl Happening {
    /// Whether it makes a cell worse than it was, so that leaving the cell helps.
    pub fn harms(&self) -> bool {
        matches!(self.effect, Effect::Falls { .. } | Effect::Slows { .. } | Effect::Creeps { .. })
    }

    /// Whether it is nobody's block: leaving a cell does not help, a network alarm does.
    pub fn is_burst(&self) -> bool {
        matches!(self.effect, Effect::Dead { .. } | Effect::Pumps { .. } | Effect::Breaks { .. })
    }

    /// Whether codes are counted from it on. Drift and receipts are how a world is, not what happens to it.
    pub fn counts(&self) -> bool {
        !matches!(self.effect, Effect::DeliveryDrifts { .. } | Effect::TypingDrifts { .. } | Effect::Receipts(_))
    }

    /// How many made-up requests it brings.
    pub fn pumped_codes(&self, plan: &Plan) -> f64 {
        let Effect::Pumps { factor } = self.effect else { return 0.0 };
        let hours = self.until.min(plan.length).saturating_sub(self.at) as f64 / HOUR as f64;
        self.networks.iter().map(|network| plan.networks[*network].rate * factor * hours).sum()
    }
}

/// The optional keys of an event, by name.
fn given(event: &Event) -> [(&'static str, bool); 12] {
    [
        ("carrier", event.carrier.is_some()),
        ("sender", event.sender.is_some()),
        ("network", event.network.is_some()),
        ("to", event.to.is_some()),
        ("factor", event.factor.is_some()),
        ("over", event.over.is_some()),
        ("for", event.lasts.is_some()),
        ("every", event.every.is_some()),
        ("says", event.says.is_some()),
        ("receipts", event.receipts.is_some()),
        ("what", event.what.is_some()),
        ("size", event.size.is_some()),
    ]
}

/// The keys that a kind may have; those with `!` it must have.
fn keys(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Block => &["carrier!", "sender", "network", "to", "for", "every", "says"],
        Kind::Slow => &["carrier!", "sender", "network", "factor", "for", "every"],
        Kind::Creep => &["carrier!", "sender", "network", "to", "over", "for"],
        Kind::Outage => &["carrier!", "to", "for", "every", "says"],
        Kind::Down => &["network", "to", "for", "every", "says"],
        Kind::Lift => &["carrier", "sender", "network"],
        Kind::NewNetwork => &["network!"],
        Kind::NewCarrier => &["carrier!"],
        Kind::Pumping => &["network", "factor", "for", "every"],
        Kind::AppFault => &["network", "to", "for", "every"],
        Kind::Drift => &["carrier", "network", "what", "size", "period", "for"],
        Kind::Receipts => &["carrier", "network", "receipts!", "for"],
    }
}

/// Checks the events of a file and lays them out in the plan.
pub(super) fn check(plan: &mut Plan, events: &[Spanned<Event>], source: &Source<'_>) -> Result<(), Problem> {
    let mut all = Vec::new();
    for spanned in events {
        let event = spanned.get_ref();
        let wrong = |problem: String| source.wrong(spanned, problem);
        check_keys(event).map_err(wrong)?;
        let routes: Arc<[usize]> = routes(plan, event, source)?.into();
        let networks: Arc<[usize]> = networks(plan, event, source)?.into();
        if event.at.0 >= plan.length {
            return Err(wrong(format!("{} happens after the end; set at below length", word(event.kind))));
        }
        match event.kind {
            Kind::NewNetwork => networks.iter().for_each(|network| plan.networks[*network].start = event.at.0),
            Kind::NewCarrier => {
                routes.iter().for_each(|route| plan.carriers[plan.routes[*route].carrier].start = event.at.0);
            }
            _ => {}
        }
        let (effect, lasts) = effect(event);
        let lasts = event.lasts.map_or(lasts, |Span(lasts)| lasts);
        let mut at = event.at.0;
        loop {
            let until = at.saturating_add(lasts);
            all.push(Happening {
                at,
                until,
                effect,
                kind: event.kind,
                networks: networks.clone(),
                routes: routes.clone(),
            });
            let Some(Span(every)) = event.every else { break };
            if every <= lasts {
                return Err(wrong("every must be longer than for, else it never ends; make for shorter".into()));
            }
            at += every;
            if at >= plan.length {
                break;
            }
            if all.len() >= MOST_HAPPENINGS {
                return Err(wrong(format!("more than {MOST_HAPPENINGS} repetitions; make every longer")));
            }
        }
        if all.len() > MOST_HAPPENINGS {
            return Err(wrong(format!("more than {MOST_HAPPENINGS} events; leave some out")));
        }
    }
    if let Some(carrier) = plan.carriers.iter().find(|carrier| carrier.start >= carrier.end) {
        return Err(Problem(format!("carrier {} ends before it is new; set its end later", carrier.name)));
    }
    // Stable, so that events of one instant happen in the order of the file.
    all.sort_by_key(|happening| happening.at);
    plan.happenings = all;
    Ok(())
}

/// The word for a kind in the file.
pub fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Block => "block",
        Kind::Slow => "slow",
        Kind::Creep => "creep",
        Kind::Outage => "outage",
        Kind::Down => "down",
        Kind::Lift => "lift",
        Kind::NewNetwork => "new_network",
        Kind::NewCarrier => "new_carrier",
        Kind::Pumping => "pumping",
        Kind::AppFault => "app_fault",
        Kind::Drift => "drift",
        Kind::Receipts => "receipts",
    }
}

fn check_keys(event: &Event) -> Result<(), String> {
    let (keys, kind) = (keys(event.kind), word(event.kind));
    let may = |name: &str| keys.iter().any(|key| key.trim_end_matches('!') == name);
    let given = given(event);
    let period = event.period.is_some();
    if let Some((name, _)) = given.iter().chain(&[("period", period)]).find(|(name, given)| *given && !may(name)) {
        let known: Vec<&str> = keys.iter().map(|key| key.trim_end_matches('!')).collect();
        return Err(format!("{kind} has no {name}; it may have {}", known.join(", ")));
    }
    let missing = keys.iter().filter_map(|key| key.strip_suffix('!')).find(|key| given.contains(&(key, false)));
    match missing {
        Some(key) => Err(format!("{kind} without {key}; say which")),
        None if event.sender.is_some() && event.carrier.is_none() => {
            Err(format!("{kind} of a sender without carrier; say whose"))
        }
        None if changes_nothing(event) => Err(format!(
            "{kind} that changes nothing; give {}",
            if event.kind == Kind::Slow {
                "a factor above 1"
            } else if event.kind == Kind::Pumping {
                "a factor above 0"
            } else {
                "to below 1"
            }
        )),
        None if event.period.is_some_and(|Span(period)| period < HOUR) => {
            Err("period below 1h is no drift; make it longer".into())
        }
        None => Ok(()),
    }
}

/// Whether nobody could notice it.
fn changes_nothing(event: &Event) -> bool {
    let factor = event.factor.map(|factor| factor.0);
    match event.kind {
        Kind::Slow => factor.is_some_and(|factor| factor <= 1.0),
        Kind::Pumping => factor == Some(0.0),
        _ => event.to.is_some_and(|to| to.0 >= 1.0),
    }
}

/// What changes, and for how long unless the file says so.
fn effect(event: &Event) -> (Effect, Ms) {
    let to = |default: f64| event.to.map_or(default, |to| to.0);
    let factor = |default: f64| event.factor.map_or(default, |factor| factor.0);
    let says = event.says.unwrap_or(Says::Nothing);
    let size = event.size.map_or(0.1, |size| size.0);
    let period = event.period.map_or(5 * DAY, |period| period.0);
    match event.kind {
        Kind::Block => (Effect::Falls { to: to(0.05), says }, Ms::MAX),
        Kind::Outage => (Effect::Falls { to: to(0.0), says }, Ms::MAX),
        Kind::Slow => (Effect::Slows { factor: factor(20.0) }, Ms::MAX),
        Kind::Creep => {
            (Effect::Creeps { to: to(0.6), over: event.over.map_or(6 * HOUR, |over| over.0.max(1)) }, Ms::MAX)
        }
        Kind::Down => (Effect::Dead { to: to(0.0), says }, Ms::MAX),
        Kind::Lift => (Effect::Lifts, Ms::MAX),
        Kind::NewNetwork | Kind::NewCarrier => (Effect::Begins, Ms::MAX),
        Kind::Pumping => (Effect::Pumps { factor: factor(3.0) }, HOUR / 4),
        Kind::AppFault => (Effect::Breaks { to: to(0.2) }, HOUR / 3),
        Kind::Drift if event.what == Some(Drifting::Typed) => (Effect::TypingDrifts { size, period }, Ms::MAX),
        Kind::Drift => (Effect::DeliveryDrifts { size, period }, Ms::MAX),
        Kind::Receipts => (Effect::Receipts(event.receipts.unwrap_or(Receipts::Missing)), Ms::MAX),
    }
}

fn routes(plan: &Plan, event: &Event, source: &Source<'_>) -> Result<Vec<usize>, Problem> {
    let all = 0..plan.routes.len();
    let Some(carrier) = &event.carrier else { return Ok(all.collect()) };
    let of = |route: &usize| plan.carriers[plan.routes[*route].carrier].name == *carrier.get_ref();
    let routes: Vec<usize> = all.filter(of).collect();
    if routes.is_empty() {
        let known: Vec<&str> = plan.carriers.iter().map(|carrier| carrier.name.as_str()).collect();
        return Err(
            source.wrong(carrier, format!("no carrier {:?}; there are {}", carrier.get_ref(), known.join(", ")))
        );
    }
    let Some(sender) = &event.sender else { return Ok(routes) };
    let known: Vec<&str> = routes.iter().map(|route| plan.routes[*route].sender.as_str()).collect();
    match routes.iter().find(|route| plan.routes[**route].sender == *sender.get_ref()) {
        Some(route) => Ok(vec![*route]),
        None => Err(source
            .wrong(sender, format!("no sender {:?} of that carrier; it has {:?}", sender.get_ref(), known.join(", ")))),
    }
}

fn networks(plan: &Plan, event: &Event, source: &Source<'_>) -> Result<Vec<usize>, Problem> {
    let all = 0..plan.networks.len();
    let Some(network) = &event.network else { return Ok(all.collect()) };
    let named = |i: &usize| [&plan.networks[*i].name, &plan.networks[*i].group].contains(&network.get_ref());
    let networks: Vec<usize> = all.filter(named).collect();
    if networks.is_empty() {
        let known: Vec<&str> = plan.networks.iter().take(10).map(|network| network.name.as_str()).collect();
        return Err(
            source.wrong(network, format!("no network {:?}; there are {}", network.get_ref(), known.join(", ")))
        );
    }
    Ok(networks)
}
