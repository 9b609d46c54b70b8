//! The radar as a whole: small worlds made of a fixed sequence of numbers.

mod decisions;
mod hostile;
mod replay;
mod sentences;

use super::*;
use crate::model::{Channel, Ms};

pub const SECOND: Ms = 1_000;
pub const MINUTE: Ms = 60 * SECOND;
pub const HOUR: Ms = 60 * MINUTE;
pub const START: Ms = 1_700_000_000_000;

/// Numbers that look random and are the same each time.
pub struct Lots(pub u64);

impl Lots {
    pub fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    pub fn happens(&mut self, share: f64) -> bool {
        self.next() <= share
    }
}

pub fn key(carrier: &str, network: &str) -> CellKey {
    CellKey { carrier: carrier.into(), sender: String::new(), network: network.into(), channel: Channel::Sms }
}

/// What a carrier does with a message, and what its person does.
#[derive(Clone, Copy)]
pub struct Ways {
    pub delivered: f64,
    pub typed: f64,
    pub receipts: Receipts,
    pub slow: f64,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Receipts {
    Honest,
    Lying,
    None,
    Filtered,
}

pub const FINE: Ways = Ways { delivered: 0.95, typed: 0.85, receipts: Receipts::Honest, slow: 1.0 };

/// Events to come, in the order of their times, and the radar they are told to.
pub struct World {
    pub radar: Radar,
    pub lots: Lots,
    pub now: Ms,
    pub told: Vec<(Ms, Event)>,
    coming: std::collections::BTreeMap<(Ms, u64), Event>,
    next: u64,
}

impl World {
    pub fn new(seed: u64) -> World {
        World {
            radar: Radar::new(Rules::default()),
            lots: Lots(seed),
            now: START,
            told: Vec::new(),
            coming: Default::default(),
            next: 1,
        }
    }

    /// One message: what becomes of it stands in the queue. Gives its number.
    pub fn send(&mut self, cell: &CellKey, lot: Lot, ways: Ways) -> Message {
        let m = self.next;
        self.next += 1;
        self.tell(Event::Sent { m, cell: cell.clone(), lot });
        let here = self.lots.happens(ways.delivered);
        let after = (ways.slow * (2_000.0 + 6_000.0 * self.lots.next())) as Ms;
        let receipt = match ways.receipts {
            Receipts::Honest if here => Some(Outcome::Delivered),
            Receipts::Filtered if here => Some(Outcome::Delivered),
            Receipts::Filtered => Some(Outcome::Filtered),
            Receipts::Lying => Some(Outcome::Delivered),
            Receipts::Honest | Receipts::None => None,
        };
        if let Some(outcome) = receipt {
            self.later(after + 1_500, Event::Receipt { m, outcome });
        }
        if here && self.lots.happens(ways.typed) {
            let think = (8_000.0 + 22_000.0 * self.lots.next()) as Ms;
            self.later(after + think, Event::Typed { m });
        } else if !here && self.lots.happens(0.5) {
            self.later(50 * SECOND, Event::Clicked { m });
        }
        m
    }

    pub fn later(&mut self, after: Ms, event: Event) {
        let place = self.coming.len() as u64 + self.next * 1_000;
        self.coming.insert((self.now + after, place), event);
    }

    pub fn tell(&mut self, event: Event) {
        self.radar.apply(self.now, &event);
        self.told.push((self.now, event));
    }

    /// Time passes; what is in the queue happens.
    pub fn wait(&mut self, span: Ms) {
        let until = self.now + span;
        while let Some(((at, place), event)) = self.coming.pop_first() {
            if at > until {
                self.coming.insert((at, place), event);
                break;
            }
            self.now = at;
            self.tell(event);
        }
        self.now = until;
        self.radar.advance(until);
    }

    /// The cell's state.
    pub fn state(&self, cell: &CellKey) -> State {
        self.radar.outlook(cell, self.now).state
    }

    /// For a while, one message each `every` through each cell in turn, as the states ask:
    /// a healthy cell usual, else drawn, a blocked one only probes.
    pub fn run(&mut self, span: Ms, every: Ms, cells: &[(&CellKey, Ways)]) {
        let until = self.now + span;
        let mut turn = 0;
        while self.now < until {
            let (cell, ways) = cells[turn % cells.len()];
            turn += 1;
            let trouble = cells.iter().any(|(cell, _)| self.state(cell) == State::Suspect);
            let outlook = self.radar.outlook(cell, self.now);
            match outlook.state {
                State::Blocked if outlook.probe_due => self.send(cell, Lot::Probe, ways),
                State::Blocked => 0,
                State::Ramp => self.send(cell, Lot::Drawn, ways),
                _ if trouble => self.send(cell, Lot::Drawn, ways),
                _ => self.send(cell, Lot::Usual, ways),
            };
            self.wait(every);
        }
    }

    /// A world in which two carriers have worked well on two networks for a while.
    pub fn settled(seed: u64, ways: Ways) -> (World, [CellKey; 4]) {
        let cells = [key("a", "IN/1"), key("b", "IN/1"), key("a", "IN/2"), key("b", "IN/2")];
        let mut world = World::new(seed);
        let all: Vec<_> = cells.iter().map(|cell| (cell, ways)).collect();
        world.run(2 * HOUR, 4 * SECOND, &all);
        (world, cells)
    }

    /// The state changes since the last call.
    pub fn moves(&mut self) -> Vec<(CellKey, State, State)> {
        let changes = self.radar.take_changes().into_iter();
        changes
            .filter_map(|change| match change.what {
                What::State { from, to } => Some((change.cell, from, to)),
                What::Label | What::Alarm => None,
            })
            .collect()
    }
}
