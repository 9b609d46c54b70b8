//! `shift`: splits by weight and moves ten points away from a carrier with many errors
//! or slow receipts; back after fifteen quiet minutes. It looks once a minute.

use std::collections::{HashMap, VecDeque};

use rand_pcg::Pcg64Mcg;

use super::{Offer, Pick, Policy, any_sender, carrier_of, carriers};
use crate::blocks::{Event, Lot, Message, Outcome};
use crate::model::Ms;
use crate::simulate::draws::even;
use crate::simulate::scenario::Plan;

const MINUTE: Ms = 60_000;
/// Errors in a minute that move traffic.
const ERRORS: usize = 50;
/// How long messages are looked at.
const WINDOW: Ms = 15 * MINUTE;
/// A receipt that takes longer makes its message slow.
const SLOW: Ms = 5 * MINUTE;
/// The part of slow messages that moves traffic.
const SLOW_SHARE: f64 = 0.15;
/// Fewer messages of known speed say nothing.
const FEWEST: u32 = 10;
/// How much moves at once, of 100.
const POINTS: f64 = 10.0;
/// How long a carrier must be quiet to get its share back.
const QUIET: Ms = 15 * MINUTE;

/// Messages that were sent in one minute.
#[derive(Debug, Clone, Copy, Default)]
struct Minute {
    start: Ms,
    sent: u32,
    fast: u32,
}

struct Side {
    /// Its share by weight, of 100.
    share: f64,
    /// How much of that is taken away.
    moved: f64,
    minutes: VecDeque<Minute>,
    errors: VecDeque<Ms>,
    last_trouble: Ms,
}

/// The policy, with what it knows of each carrier.
pub struct Shift<'p> {
    plan: &'p Plan,
    sides: Vec<Side>,
    /// Messages that may still be fast, with carrier and time.
    open: HashMap<Message, (usize, Ms)>,
    queue: VecDeque<(Ms, Message)>,
    looked: Ms,
}

impl<'p> Shift<'p> {
    /// The policy before it knows anything.
    pub fn new(plan: &'p Plan) -> Self {
        let total: f64 = plan.carriers.iter().map(|carrier| carrier.weight).sum();
        let side = |weight: f64| Side {
            share: if total > 0.0 { 100.0 * weight / total } else { 100.0 / plan.carriers.len() as f64 },
            moved: 0.0,
            minutes: VecDeque::new(),
            errors: VecDeque::new(),
            last_trouble: 0,
        };
        let sides = plan.carriers.iter().map(|carrier| side(carrier.weight)).collect();
        Shift { plan, sides, open: HashMap::new(), queue: VecDeque::new(), looked: 0 }
    }

    /// How many messages of the window are known to be slow, and how many are known at all.
    fn slow(side: &Side, now: Ms) -> (u32, u32) {
        side.minutes.iter().fold((0, 0), |(slow, known), minute| {
            let is_old = minute.start + MINUTE + SLOW <= now;
            let late = if is_old { minute.sent - minute.fast } else { 0 };
            (slow + late, known + minute.fast + late)
        })
    }

    fn look(&mut self, now: Ms) {
        if now < self.looked + MINUTE {
            return;
        }
        self.looked = now;
        while self.queue.front().is_some_and(|(at, _)| *at + SLOW < now) {
            if let Some((_, message)) = self.queue.pop_front() {
                self.open.remove(&message);
            }
        }
        for side in &mut self.sides {
            while side.minutes.front().is_some_and(|minute| minute.start + WINDOW < now) {
                side.minutes.pop_front();
            }
            while side.errors.front().is_some_and(|at| *at + MINUTE < now) {
                side.errors.pop_front();
            }
        }
        let slow: Vec<Option<bool>> = self
            .sides
            .iter()
            .map(|side| Self::slow(side, now))
            .map(|(slow, known)| (known >= FEWEST).then(|| f64::from(slow) >= SLOW_SHARE * f64::from(known)))
            .collect();
        for (carrier, side) in self.sides.iter_mut().enumerate() {
            let another_is_not = slow.iter().enumerate().any(|(other, slow)| other != carrier && *slow == Some(false));
            if side.errors.len() >= ERRORS || slow[carrier] == Some(true) && another_is_not {
                side.moved = (side.moved + POINTS).min(side.share);
                side.last_trouble = now;
            } else if now >= side.last_trouble + QUIET {
                side.moved = 0.0;
            }
        }
    }

    /// The share of a carrier now; what was taken goes to those that lost nothing.
    fn share(&self, carrier: usize) -> f64 {
        let moved: f64 = self.sides.iter().map(|side| side.moved).sum();
        let sound: f64 = self.sides.iter().filter(|side| side.moved == 0.0).map(|side| side.share).sum();
        let side = &self.sides[carrier];
        if side.moved > 0.0 || sound == 0.0 { side.share - side.moved } else { side.share + moved * side.share / sound }
    }
}

impl Policy for Shift<'_> {
    fn choose(&mut self, now: Ms, offer: &Offer<'_>, rng: &mut Pcg64Mcg) -> Pick {
        self.look(now);
        let total: f64 = carriers(offer).map(|route| self.share(route.carrier)).sum();
        let mut draw = even(rng) * total;
        let mut chosen = offer.routes[0].carrier;
        for route in carriers(offer) {
            chosen = route.carrier;
            draw -= self.share(chosen);
            if draw <= 0.0 {
                break;
            }
        }
        Pick::usual(any_sender(offer, chosen, rng))
    }

    fn event(&mut self, now: Ms, event: &Event) {
        match event {
            Event::Sent { m, cell, lot } if *lot != Lot::Aside => {
                let Some(carrier) = carrier_of(self.plan, cell) else { return };
                let start = now - now % MINUTE;
                let minutes = &mut self.sides[carrier].minutes;
                if minutes.back().is_none_or(|minute| minute.start != start) {
                    minutes.push_back(Minute { start, ..Minute::default() });
                }
                if let Some(minute) = minutes.back_mut() {
                    minute.sent += 1;
                }
                self.open.insert(*m, (carrier, start));
                self.queue.push_back((now, *m));
            }
            Event::Receipt { m, outcome: Outcome::Delivered } => {
                let Some((carrier, start)) = self.open.remove(m) else { return };
                if let Some(minute) = self.sides[carrier].minutes.iter_mut().find(|minute| minute.start == start) {
                    minute.fast += 1;
                }
            }
            Event::Receipt { m, outcome: Outcome::Lost | Outcome::Filtered } => {
                if let Some((carrier, _)) = self.open.remove(m) {
                    self.sides[carrier].errors.push_back(now);
                }
            }
            _ => {}
        }
    }

    fn tick(&mut self, now: Ms) {
        self.look(now);
    }
}
