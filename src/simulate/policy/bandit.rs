//! `bandit`: Thompson sampling per country and channel over the last 24 hours, with a
//! bonus for cheap carriers. A scenario is one country and one channel.

use std::collections::{HashMap, VecDeque};

use rand_distr::{Beta, Distribution};
use rand_pcg::Pcg64Mcg;

use super::{Offer, Pick, Policy, any_sender, carrier_of, carriers};
use crate::blocks::{Event, Lot, Message, Outcome};
use crate::model::Ms;
use crate::simulate::scenario::Plan;

/// How often the counts are taken over, in milliseconds.
const REFRESH: Ms = 300_000;
/// How many refreshes a message is remembered: 24 hours.
const MEMORY: u64 = 288;
/// How much half the price is worth, as a part of the messages.
const BONUS: f64 = 0.05;
/// After so long a message's code is no longer waited for.
const PATIENCE: Ms = 2 * REFRESH;

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    sent: f64,
    typed: f64,
    received: f64,
}

#[derive(Default)]
struct Arm {
    /// Messages by the refresh before which they were sent.
    slots: VecDeque<(u64, Count)>,
    /// The sum as of the last refresh.
    known: Count,
}

/// The policy, with what it knows of each carrier.
pub struct Bandit<'p> {
    plan: &'p Plan,
    arms: Vec<Arm>,
    open: HashMap<Message, (usize, u64)>,
    queue: VecDeque<(Ms, Message)>,
    refreshed: u64,
    any_typed: bool,
}

impl<'p> Bandit<'p> {
    /// The policy before it knows anything.
    pub fn new(plan: &'p Plan) -> Self {
        let arms = plan.carriers.iter().map(|_| Arm::default()).collect();
        Bandit { plan, arms, open: HashMap::new(), queue: VecDeque::new(), refreshed: 0, any_typed: false }
    }

    fn refresh(&mut self, now: Ms) {
        let slot = now / REFRESH;
        if slot == self.refreshed {
            return;
        }
        self.refreshed = slot;
        while self.queue.front().is_some_and(|(at, _)| *at + PATIENCE < now) {
            if let Some((_, message)) = self.queue.pop_front() {
                self.open.remove(&message);
            }
        }
        for arm in &mut self.arms {
            while arm.slots.front().is_some_and(|(at, _)| *at + MEMORY < slot) {
                arm.slots.pop_front();
            }
            arm.known = arm.slots.iter().fold(Count::default(), |sum, (_, count)| Count {
                sent: sum.sent + count.sent,
                typed: sum.typed + count.typed,
                received: sum.received + count.received,
            });
        }
    }

    /// A draw of how good a carrier is, its price considered.
    fn draw(&self, carrier: usize, price: f64, dearest: f64, rng: &mut Pcg64Mcg) -> f64 {
        let known = self.arms[carrier].known;
        let (n, s) = (known.sent, if self.any_typed { known.typed } else { known.received });
        let f = n - s;
        let adj = (dearest.max(1e-3) / price.max(1e-3)).log2() * BONUS * n;
        Beta::new(1.0 + (s + adj).min(n), 1.0 + (f - adj).max(0.0)).map_or(0.5, |beta| beta.sample(rng))
    }

    fn count(&mut self, message: Message, add: impl Fn(&mut Count)) {
        let Some((carrier, slot)) = self.open.get(&message) else { return };
        if let Some((_, count)) = self.arms[*carrier].slots.iter_mut().rev().find(|(at, _)| at == slot) {
            add(count);
        }
    }
}

impl Policy for Bandit<'_> {
    fn choose(&mut self, now: Ms, offer: &Offer<'_>, rng: &mut Pcg64Mcg) -> Pick {
        self.refresh(now);
        let dearest = carriers(offer).map(|route| route.price).fold(0.0, f64::max);
        let mut best = (f64::MIN, 0);
        for route in carriers(offer) {
            let draw = self.draw(route.carrier, route.price, dearest, rng);
            if draw > best.0 {
                best = (draw, route.carrier);
            }
        }
        Pick::usual(any_sender(offer, best.1, rng))
    }

    fn event(&mut self, now: Ms, event: &Event) {
        match event {
            Event::Sent { m, cell, lot } if *lot != Lot::Aside => {
                let Some(carrier) = carrier_of(self.plan, cell) else { return };
                let slot = now / REFRESH;
                let slots = &mut self.arms[carrier].slots;
                if slots.back().is_none_or(|(at, _)| *at != slot) {
                    slots.push_back((slot, Count::default()));
                }
                if let Some((_, count)) = slots.back_mut() {
                    count.sent += 1.0;
                }
                self.open.insert(*m, (carrier, slot));
                self.queue.push_back((now, *m));
            }
            Event::Typed { m } => {
                self.any_typed = true;
                self.count(*m, |count| count.typed += 1.0);
            }
            Event::Receipt { m, outcome: Outcome::Delivered } => self.count(*m, |count| count.received += 1.0),
            _ => {}
        }
    }
}
