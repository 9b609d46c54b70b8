//! Policies: who gets a message. Each sees what a gateway sees, except the oracle.

mod bandit;
mod fixed;
mod oracle;
mod ours;
mod shift;

use rand_pcg::Pcg64Mcg;

pub use self::bandit::Bandit;
pub use self::fixed::Fixed;
pub use self::oracle::Oracle;
pub use self::ours::Ours;
pub use self::shift::Shift;
use super::draws::even;
use super::scenario::Plan;
use super::truth::Truth;
use crate::blocks::{CellKey, Event, Lot, State};
use crate::model::Ms;

/// One way to send a message.
#[derive(Debug, Clone, Copy)]
pub struct Offered {
    /// Index of the carrier in the plan.
    pub carrier: usize,
    /// Index of carrier and sender in the plan.
    pub route: usize,
    /// Index of the cell in the plan.
    pub cell: usize,
    /// What a message costs.
    pub price: f64,
}

/// What a message for one network can be sent by; never empty.
pub struct Offer<'a> {
    /// By carrier, then sender.
    pub routes: &'a [Offered],
    /// The evidence's names of all cells of the plan.
    pub keys: &'a [CellKey],
    /// How the world is: for the oracle only.
    pub truth: &'a Truth<'a>,
}

/// A first try.
#[derive(Debug, Clone, Copy)]
pub struct Pick {
    /// Index into the offered routes.
    pub index: usize,
    /// How it was chosen.
    pub lot: Lot,
    /// What follows unless the code was seen to come.
    pub fall_back: Option<FallBack>,
}

impl Pick {
    /// An everyday choice without a fall-back.
    pub fn usual(index: usize) -> Self {
        Pick { index, lot: Lot::Usual, fall_back: None }
    }
}

/// The same code by another route.
#[derive(Debug, Clone, Copy)]
pub struct FallBack {
    /// How long after the first try, in milliseconds.
    pub after: Ms,
    /// Index into the offered routes.
    pub index: usize,
    /// Whether a receipt of the first try makes it needless; a typed code always does.
    pub unless_received: bool,
}

/// What a policy found out.
#[derive(Debug, Clone)]
pub enum Found {
    /// A cell, by its index, has changed its state.
    Changed {
        /// Index of the cell in the plan.
        cell: usize,
        /// What it was.
        from: State,
        /// What it is.
        to: State,
        /// Why, in one sentence.
        reason: String,
    },
    /// Something is wrong with all of a network, by its index, or its people.
    Alarm {
        /// Index of the network in the plan.
        network: usize,
        /// Why, in one sentence.
        reason: String,
    },
}

/// Chooses carriers and learns from what happens.
pub trait Policy {
    /// Who gets a first try. `rng` is the person's own: the same numbers for every policy.
    fn choose(&mut self, now: Ms, offer: &Offer<'_>, rng: &mut Pcg64Mcg) -> Pick;

    /// Who gets a later try, after `tried` carriers; an index into the offered routes.
    fn choose_again(&mut self, _now: Ms, offer: &Offer<'_>, tried: &[u8], _rng: &mut Pcg64Mcg) -> usize {
        let left = |i: &usize| !tried.contains(&(offer.routes[*i].carrier as u8));
        let cheapest = |i: &usize, j: &usize| offer.routes[*i].price.total_cmp(&offer.routes[*j].price);
        let untried = (0..offer.routes.len()).filter(left).min_by(cheapest);
        untried.or_else(|| (0..offer.routes.len()).min_by(cheapest)).unwrap_or(0)
    }

    /// Something happened.
    fn event(&mut self, _now: Ms, _event: &Event) {}

    /// Time passed; called every few seconds.
    fn tick(&mut self, _now: Ms) {}

    /// What was found out since the last call.
    fn found(&mut self) -> Vec<Found> {
        Vec::new()
    }
}

/// One of a carrier's senders, each as likely: its index among the offered routes.
fn any_sender(offer: &Offer<'_>, carrier: usize, rng: &mut Pcg64Mcg) -> usize {
    let first = offer.routes.iter().position(|route| route.carrier == carrier).unwrap_or(0);
    let count = offer.routes.iter().filter(|route| route.carrier == carrier).count().max(1);
    first + ((even(rng) * count as f64) as usize).min(count - 1)
}

/// The offered carriers, each once.
fn carriers<'a>(offer: &'a Offer<'_>) -> impl Iterator<Item = &'a Offered> {
    let new = |i: &usize| *i == 0 || offer.routes[*i].carrier != offer.routes[*i - 1].carrier;
    (0..offer.routes.len()).filter(new).map(|i| &offer.routes[i])
}

/// The index of a cell's carrier.
fn carrier_of(plan: &Plan, cell: &CellKey) -> Option<usize> {
    plan.carriers.iter().position(|carrier| carrier.name == cell.carrier)
}
