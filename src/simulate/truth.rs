//! How the world is at an instant: what each cell delivers and what people do. Only the
//! world itself and the oracle may ask.

use super::draws::{Purpose, between, even, normal_below, stream};
use super::scenario::units::DAY;
use super::scenario::written::{Receipts, Says};
use super::scenario::{Effect, Plan, Way};
use crate::model::Ms;

/// A code is there if it arrives within this, in milliseconds.
pub const IN_TIME: Ms = 60_000;
/// A cell is worse than it was if it delivers less than this part in time.
const IMPAIRED: f64 = 0.9;

/// The state of a world.
pub struct Truth<'p> {
    plan: &'p Plan,
    /// Delivery of each cell without anything that happens.
    base: Vec<f64>,
    /// Where in its wave each cell's drift begins, in turns.
    phase: Vec<f64>,
    /// The happenings in force in each cell.
    on_cells: Vec<Vec<u16>>,
    /// The happenings in force among each network's people.
    on_people: Vec<Vec<u16>>,
}

impl<'p> Truth<'p> {
    /// The world of a seed before anything happens.
    pub fn new(plan: &'p Plan, seed: u64) -> Self {
        let mut base = Vec::with_capacity(plan.ways.len());
        let mut phase = Vec::with_capacity(plan.ways.len());
        for (cell, way) in plan.ways.iter().enumerate() {
            let mut rng = stream(seed, Purpose::Cell, cell as u64, 0);
            base.push(between(&mut rng, way.delivery.low, way.delivery.high));
            phase.push(even(&mut rng));
        }
        Truth {
            plan,
            base,
            phase,
            on_cells: vec![Vec::new(); plan.ways.len()],
            on_people: vec![Vec::new(); plan.networks.len()],
        }
    }

    /// A happening begins. Gives the harm that it ended, as happening and cell.
    pub fn begin(&mut self, index: usize) -> Vec<(usize, usize)> {
        let happening = &self.plan.happenings[index];
        match happening.effect {
            Effect::Begins | Effect::Pumps { .. } => {}
            Effect::Breaks { .. } | Effect::TypingDrifts { .. } => {
                happening.networks.iter().for_each(|network| self.on_people[*network].push(index as u16));
            }
            Effect::Lifts => {
                let mut ended = Vec::new();
                for cell in cells(self.plan, index) {
                    self.on_cells[cell].retain(|other| {
                        let other = usize::from(*other);
                        let bad = self.plan.happenings[other].harms() || self.plan.happenings[other].is_burst();
                        if bad {
                            ended.push((other, cell));
                        }
                        !bad
                    });
                }
                return ended;
            }
            _ => cells(self.plan, index).for_each(|cell| self.on_cells[cell].push(index as u16)),
        }
        Vec::new()
    }

    /// A happening ends. Gives the harm that it ended, as happening and cell.
    pub fn end(&mut self, index: usize) -> Vec<(usize, usize)> {
        let mut ended = Vec::new();
        let is_this = |other: &u16| usize::from(*other) == index;
        for cell in cells(self.plan, index) {
            if self.on_cells[cell].iter().any(is_this) {
                self.on_cells[cell].retain(|other| !is_this(other));
                ended.push((index, cell));
            }
        }
        self.plan.happenings[index]
            .networks
            .iter()
            .for_each(|network| self.on_people[*network].retain(|other| !is_this(other)));
        ended
    }

    /// The way of a cell.
    pub fn way(&self, cell: usize) -> &'p Way {
        &self.plan.ways[cell]
    }

    /// The probability that a message sent now arrives, ever.
    pub fn delivery(&self, cell: usize, now: Ms) -> f64 {
        self.worsened(cell, now, |effect| !matches!(effect, Effect::Slows { .. }))
    }

    /// The same if nothing bad had happened to cell or network.
    pub fn sound(&self, cell: usize, now: Ms) -> f64 {
        self.worsened(cell, now, |effect| matches!(effect, Effect::DeliveryDrifts { .. }))
    }

    fn worsened(&self, cell: usize, now: Ms, which: impl Fn(&Effect) -> bool) -> f64 {
        let mut delivery = self.base[cell];
        for index in &self.on_cells[cell] {
            let happening = &self.plan.happenings[usize::from(*index)];
            if !which(&happening.effect) {
                continue;
            }
            match happening.effect {
                Effect::Falls { to, .. } | Effect::Dead { to, .. } => delivery = delivery.min(to),
                Effect::Creeps { to, over } => {
                    let part = ((now - happening.at) as f64 / over as f64).min(1.0);
                    delivery = delivery.min(self.base[cell] + (to - self.base[cell]) * part);
                }
                Effect::DeliveryDrifts { size, period } => {
                    let wave = (std::f64::consts::TAU * (now as f64 / period as f64 + self.phase[cell])).sin();
                    delivery = (delivery * (1.0 + size * wave)).clamp(0.0, 0.995);
                }
                _ => {}
            }
        }
        delivery
    }

    /// By how much delays are longer.
    pub fn slowness(&self, cell: usize) -> f64 {
        let factor = |index: &u16| match self.plan.happenings[usize::from(*index)].effect {
            Effect::Slows { factor } => factor,
            _ => 1.0,
        };
        self.on_cells[cell].iter().map(factor).product()
    }

    /// The probability that a message sent now arrives within a minute.
    pub fn in_time(&self, cell: usize, now: Ms) -> f64 {
        self.delivery(cell, now) * self.fast_enough(cell, self.slowness(cell))
    }

    fn fast_enough(&self, cell: usize, slowness: f64) -> f64 {
        let way = &self.plan.ways[cell];
        normal_below((IN_TIME as f64 / (way.delay * slowness)).ln() / way.delay_spread.max(1e-9))
    }

    /// Whether the cell itself is worse than it was, so that leaving it is right.
    pub fn is_impaired(&self, cell: usize, now: Ms) -> bool {
        if self.on_cells[cell].is_empty() {
            return false;
        }
        let harm = |effect: &Effect| {
            matches!(effect, Effect::Falls { .. } | Effect::Creeps { .. } | Effect::DeliveryDrifts { .. })
        };
        let now_there = self.worsened(cell, now, harm) * self.fast_enough(cell, self.slowness(cell));
        now_there < IMPAIRED * self.sound(cell, now) * self.fast_enough(cell, 1.0)
    }

    /// What receipts of a cell are worth now.
    pub fn receipts(&self, cell: usize) -> Receipts {
        let changed =
            self.on_cells[cell].iter().rev().find_map(|index| match self.plan.happenings[usize::from(*index)].effect {
                Effect::Receipts(receipts) => Some(receipts),
                _ => None,
            });
        changed.unwrap_or(self.plan.ways[cell].receipts)
    }

    /// What the carrier says of a message that was dropped by what happened.
    pub fn says(&self, cell: usize) -> Says {
        let said =
            self.on_cells[cell].iter().rev().find_map(|index| match self.plan.happenings[usize::from(*index)].effect {
                Effect::Falls { says, .. } | Effect::Dead { says, .. } => Some(says),
                _ => None,
            });
        said.unwrap_or(Says::Nothing)
    }

    /// The part of arrived codes that the people of a network type now.
    pub fn typed(&self, network: usize, now: Ms) -> f64 {
        let mut typed = self.plan.networks[network].typed;
        if let Some(night) = &self.plan.night {
            typed *= 1.0 - (1.0 - night.typed.0) * self.depth(now);
        }
        for index in &self.on_people[network] {
            match self.plan.happenings[usize::from(*index)].effect {
                Effect::Breaks { to } => typed *= to,
                Effect::TypingDrifts { size, period } => {
                    typed *= 1.0 + size * (std::f64::consts::TAU * now as f64 / period as f64).sin();
                }
                _ => {}
            }
        }
        typed.clamp(0.0, 1.0)
    }

    /// The part of the daily rate at which people come now.
    pub fn liveliness(&self, now: Ms) -> f64 {
        self.plan.night.as_ref().map_or(1.0, |night| 1.0 - (1.0 - night.rate.0) * self.depth(now))
    }

    /// How deep the night is: 1 at its deepest, 0 twelve hours away from it, smooth between.
    fn depth(&self, now: Ms) -> f64 {
        let Some(night) = &self.plan.night else { return 0.0 };
        let turn = ((now + self.plan.starts_at + DAY - night.deepest.0) % DAY) as f64 / DAY as f64;
        (1.0 + (std::f64::consts::TAU * turn).cos()) / 2.0
    }
}

/// The cells that a happening touches.
pub fn cells(plan: &Plan, index: usize) -> impl Iterator<Item = usize> + use<'_> {
    let happening = &plan.happenings[index];
    happening
        .networks
        .iter()
        .flat_map(move |network| happening.routes.iter().map(move |route| plan.cell(*network, *route)))
}
