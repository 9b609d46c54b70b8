//! `ours`: the gateway's own radar and choice. Only glue: no threshold and no rule here.

use std::collections::HashMap;

use rand_pcg::Pcg64Mcg;

use super::{FallBack, Found, Offer, Pick, Policy};
use crate::blocks::{CellKey, Event, Radar, Rules, State, What};
use crate::model::Ms;
use crate::routing::{self, Draw, Offered};
use crate::simulate::draws::even;
use crate::simulate::run::keys;
use crate::simulate::scenario::Plan;

/// When the run begins, since 1970: a Monday at midnight, plus the scenario's time of day.
const EPOCH: Ms = 1_767_571_200_000;

/// The radar with what it needs to be asked.
pub struct Ours<'p> {
    plan: &'p Plan,
    radar: Radar,
    rules: Rules,
    value: f64,
    cells: HashMap<CellKey, usize>,
    /// Used again for each choice.
    offered: Vec<Offered>,
}

impl<'p> Ours<'p> {
    /// The radar before it knows anything. `value` is what a code that arrives is worth, in
    /// the unit of prices.
    pub fn new(plan: &'p Plan, rules: Rules, value: f64) -> Self {
        let cells = keys(plan).into_iter().enumerate().map(|(cell, key)| (key, cell)).collect();
        Ours { plan, radar: Radar::new(rules.clone()), rules, value, cells, offered: Vec::new() }
    }

    fn time(&self, now: Ms) -> Ms {
        EPOCH + self.plan.starts_at + now
    }

    fn order(&mut self, now: Ms, offer: &Offer<'_>, rng: &mut Pcg64Mcg) -> Draw {
        let at = self.time(now);
        self.offered.clear();
        for route in offer.routes {
            let outlook = self.radar.outlook(&offer.keys[route.cell], at);
            let weight = self.plan.carriers[route.carrier].weight;
            self.offered.push(Offered { outlook, price: Some(route.price), weight });
        }
        routing::choose(&self.offered, self.value, &self.rules, &mut || even(rng))
    }
}

impl Policy for Ours<'_> {
    fn choose(&mut self, now: Ms, offer: &Offer<'_>, rng: &mut Pcg64Mcg) -> Pick {
        let choice = self.order(now, offer, rng);
        let next = choice.order.get(1).map(|ranked| ranked.index);
        let fall_back = choice.fall_back.zip(next).map(|(after, index)| FallBack {
            after,
            index,
            unless_received: choice.receipts_count,
        });
        Pick { index: choice.index().unwrap_or(0), lot: choice.lot, fall_back }
    }

    fn choose_again(&mut self, now: Ms, offer: &Offer<'_>, tried: &[u8], rng: &mut Pcg64Mcg) -> usize {
        let choice = self.order(now, offer, rng);
        let mut order: Vec<usize> = choice.order.iter().map(|ranked| ranked.index).collect();
        // As everywhere in the gateway: a carrier that was tried comes after all others, and a
        // blocked one after those that are not.
        let is_blocked = |index: usize| self.offered[index].outlook.state == State::Blocked;
        order.sort_by_key(|index| (tried.contains(&(offer.routes[*index].carrier as u8)), is_blocked(*index)));
        order.first().copied().unwrap_or(0)
    }

    fn event(&mut self, now: Ms, event: &Event) {
        self.radar.apply(self.time(now), event);
    }

    fn tick(&mut self, now: Ms) {
        self.radar.advance(self.time(now));
    }

    fn found(&mut self) -> Vec<Found> {
        let changes = self.radar.take_changes();
        if changes.is_empty() {
            return Vec::new();
        }
        let found = changes.into_iter().filter_map(|change| {
            let cell = *self.cells.get(&change.cell)?;
            match change.what {
                What::State { from, to } => Some(Found::Changed { cell, from, to, reason: change.reason }),
                What::Alarm => Some(Found::Alarm { network: cell / self.plan.routes.len(), reason: change.reason }),
                What::Label => None,
            }
        });
        found.collect()
    }
}
