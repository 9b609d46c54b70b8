//! One run: people come, messages go, things happen, in virtual time. The same seed
//! gives the same people and verdicts whatever the policy does.

use std::collections::BinaryHeap;

use rand_pcg::Pcg64Mcg;

use super::draws::{Purpose, even, stream};
use super::due::{Due, What};
use super::judge::{Judge, Outcome};
use super::people::Slab;
use super::policy::{Offered, Policy};
use super::scenario::units::HOUR;
use super::scenario::{Effect, Plan};
use super::truth::{Truth, cells};
use crate::blocks::{CellKey, Event, Lot, Outcome as Said};
use crate::model::{Channel, Ms};

/// How long after the last person the world goes on.
const DRAIN: Ms = 900_000;

/// The people of one network as they come.
struct Arrivals {
    rng: Pcg64Mcg,
    count: u64,
    pumping: Pcg64Mcg,
    pumped: u64,
}

/// A world while it runs.
pub(super) struct World<'p> {
    pub(super) plan: &'p Plan,
    pub(super) seed: u64,
    pub(super) truth: Truth<'p>,
    pub(super) judge: Judge<'p>,
    heap: BinaryHeap<Due>,
    made: u64,
    arrivals: Vec<Arrivals>,
    pub(super) people: Slab,
    /// What is offered on each network.
    pub(super) offers: Vec<Vec<Offered>>,
    pub(super) keys: Vec<CellKey>,
    /// One `Sent` per cell, to be told without copying names.
    pub(super) sent: Vec<Event>,
    pub(super) trace: bool,
}

/// Runs a plan once. With `trace` each finding is printed to standard error.
pub fn run(plan: &Plan, seed: u64, policy: &mut dyn Policy, trace: bool) -> Outcome {
    let mut world = World::new(plan, seed, trace);
    world.prepare();
    let end = plan.length + DRAIN;
    while let Some(due) = world.heap.pop() {
        if due.at > end {
            break;
        }
        world.step(due.at, due.what, policy);
    }
    for person in world.people.rest() {
        world.judge.person(person);
    }
    world.judge.outcome
}

/// The names of all cells of a plan, as the evidence has them.
pub fn keys(plan: &Plan) -> Vec<CellKey> {
    let key = |cell: usize| {
        let (network, route) = (&plan.networks[cell / plan.routes.len()], &plan.routes[cell % plan.routes.len()]);
        CellKey {
            carrier: plan.carriers[route.carrier].name.clone(),
            sender: route.sender.clone(),
            network: format!("{}/{}", plan.country, network.name),
            channel: Channel::Sms,
        }
    };
    (0..plan.ways.len()).map(key).collect()
}

impl<'p> World<'p> {
    fn new(plan: &'p Plan, seed: u64, trace: bool) -> Self {
        let keys = keys(plan);
        let sent = keys.iter().map(|cell| Event::Sent { m: 0, cell: cell.clone(), lot: Lot::Usual }).collect();
        let arrivals = |network: usize| Arrivals {
            rng: stream(seed, Purpose::Arrivals, network as u64, 0),
            count: 0,
            pumping: stream(seed, Purpose::Pumping, network as u64, 0),
            pumped: 0,
        };
        World {
            plan,
            seed,
            truth: Truth::new(plan, seed),
            judge: Judge::new(plan),
            heap: BinaryHeap::new(),
            made: 0,
            arrivals: (0..plan.networks.len()).map(arrivals).collect(),
            people: Slab::default(),
            offers: vec![Vec::new(); plan.networks.len()],
            keys,
            sent,
            trace,
        }
    }

    /// Makes something due.
    pub(super) fn due(&mut self, at: Ms, what: What) {
        self.made += 1;
        self.heap.push(Due { at, order: self.made, what });
    }

    fn prepare(&mut self) {
        let plan = self.plan;
        self.reoffer(0);
        for carrier in &plan.carriers {
            for at in [carrier.start, carrier.end] {
                if at > 0 && at < plan.length {
                    self.due(at, What::Offers);
                }
            }
        }
        for index in 0..plan.happenings.len() {
            self.due(plan.happenings[index].at, What::Begins { happening: index as u16 });
        }
        for (network, of) in plan.networks.iter().enumerate() {
            self.next_person(of.start, network);
        }
        self.due(0, What::Ticks);
    }

    fn reoffer(&mut self, now: Ms) {
        let plan = self.plan;
        for (network, offered) in self.offers.iter_mut().enumerate() {
            offered.clear();
            for (route, of) in plan.routes.iter().enumerate() {
                let carrier = &plan.carriers[of.carrier];
                if (carrier.start..carrier.end).contains(&now) {
                    let cell = plan.cell(network, route);
                    offered.push(Offered { carrier: of.carrier, route, cell, price: carrier.price });
                }
            }
        }
    }

    /// Draws when the next person of a network comes.
    fn next_person(&mut self, from: Ms, network: usize) {
        let (mut at, of) = (from as f64, &self.plan.networks[network]);
        let rng = &mut self.arrivals[network].rng;
        loop {
            at += -even(rng).ln() * HOUR as f64 / of.rate;
            if at >= of.end.min(self.plan.length) as f64 {
                return;
            }
            if even(rng) <= self.truth.liveliness(at as Ms) {
                return self.due(at as Ms, What::Asks { network: network as u16 });
            }
        }
    }

    fn next_pumped(&mut self, from: Ms, network: usize, wave: u16) {
        let happening = &self.plan.happenings[usize::from(wave)];
        let Effect::Pumps { factor } = happening.effect else { return };
        let rate = factor * self.plan.networks[network].rate;
        let gap = -even(&mut self.arrivals[network].pumping).ln() * HOUR as f64 / rate.max(1e-6);
        let at = from as f64 + gap;
        if at < happening.until.min(self.plan.length) as f64 {
            self.due(at as Ms, What::Pumps { network: network as u16, wave });
        }
    }

    fn step(&mut self, now: Ms, what: What, policy: &mut dyn Policy) {
        match what {
            What::Asks { network } => {
                let network = usize::from(network);
                self.arrivals[network].count += 1;
                let id = (network as u64) << 40 | self.arrivals[network].count;
                self.start(now, network, id, false, policy);
                self.next_person(now, network);
            }
            What::Pumps { network, wave } => {
                let network = usize::from(network);
                self.arrivals[network].pumped += 1;
                let id = 1 << 63 | (network as u64) << 40 | self.arrivals[network].pumped;
                self.start(now, network, id, true, policy);
                self.next_pumped(now, network, wave);
            }
            What::Receipt { person, message, outcome } => {
                if message == self.people.of(person).messages[0] && outcome == Said::Delivered {
                    self.people.of(person).is_received = true;
                }
                self.tell(now, policy, &Event::Receipt { m: message, outcome });
                self.release(person);
            }
            What::Reads { person } => {
                self.reads(now, person, policy);
                self.release(person);
            }
            What::Tires { person } => {
                self.tires(now, person, policy);
                self.release(person);
            }
            What::FallsBack { person, route, unless_received } => {
                let of = self.people.of(person);
                // A person who asked again has a second message already.
                if !of.is_done && of.tries == 1 && !(unless_received && of.is_received) {
                    self.send(now, person, usize::from(route), Lot::Aside, false, policy);
                }
                self.release(person);
            }
            What::Begins { happening } => self.begins(now, usize::from(happening)),
            What::Ends { happening } => {
                let ended = self.truth.end(usize::from(happening));
                self.heal(now, ended);
            }
            What::Offers => self.reoffer(now),
            What::Ticks => {
                policy.tick(now);
                self.hear(now, policy);
                self.due(now + 5_000, What::Ticks);
            }
        }
    }

    fn begins(&mut self, now: Ms, index: usize) {
        let plan = self.plan;
        let happening = &plan.happenings[index];
        let ended = self.truth.begin(index);
        self.heal(now, ended);
        if happening.harms() {
            cells(plan, index).for_each(|cell| self.judge.harmed(now, index, cell));
        }
        if let Effect::Pumps { .. } = happening.effect {
            happening.networks.iter().for_each(|network| self.next_pumped(now, *network, index as u16));
        }
        if happening.until < plan.length + DRAIN {
            self.due(happening.until, What::Ends { happening: index as u16 });
        }
    }

    /// Tells the judge of cells whose harm is over, unless there is another.
    fn heal(&mut self, now: Ms, ended: Vec<(usize, usize)>) {
        for (of, cell) in ended {
            if self.plan.happenings[of].harms() && !self.truth.is_impaired(cell, now) {
                self.judge.healed(now, cell);
            }
        }
    }
}
