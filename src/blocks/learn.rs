//! What closed messages teach, and what is expected of a cell from then on.

use super::baseline::{Around, Estimate, estimate, remember};
use super::cell::{Belief, Cell};
use super::event::{CellKey, Outcome};
use super::groups::{Share, Sum};
use super::maths::exp2;
use super::outlook::State;
use super::pending::Pending;
use super::radar::{Radar, medians, place};
use super::users::{Factor, factor};
use crate::model::Ms;

/// A belief this old is reckoned anew, seconds.
const BELIEF_SECONDS: u32 = 10;
/// So much does one typed code move the share of those with a receipt.
const WITH_RECEIPT_STEP: f32 = 0.02;

impl Radar {
    /// Closes a message: it complains or not for the last time, and is learned.
    pub(super) fn close(&mut self, pending: &mut Pending, at: Ms) {
        self.closed += 1;
        if pending.typed_age.is_none() {
            self.close_untyped(pending, at);
        }
        let id = pending.cell;
        self.learn_delays(pending);
        let in_time = self.in_time(pending);
        let rules = &self.rules.learn;
        let weight = if pending.shaded { rules.suspect_weight } else { 1.0 };
        let cell = self.table.cell_mut(id);
        if cell.state == State::Blocked || (!pending.judged && pending.horizon > 0) {
            return;
        }
        let exposure = (1.0 + rules.anchor * (f64::from(cell.belief.factor) - 1.0)).clamp(0.05, 1.2) * in_time;
        let (typed, received) = (pending.typed_age.is_some(), pending.sign_age.is_some());
        add_exposed(&mut cell.typed_waiting, typed, weight, exposure);
        cell.received_waiting.add(received, weight);
        cell.recent.scale(exp2(-1.0 / rules.recent_messages));
        add_exposed(&mut cell.recent, typed, 1.0, exposure);
        if typed {
            let had = f32::from(u8::from(pending.outcome == Some(Outcome::Delivered)));
            cell.with_receipt += WITH_RECEIPT_STEP * (had - cell.with_receipt);
        }
        if pending.outcome == Some(Outcome::Filtered) && cell.state == State::Healthy && !pending.shaded {
            cell.filtered += 1.0;
        }
        self.commit(id, at);
    }

    /// The share of what is typed that was awaited, where a fall-back cut the wait short.
    fn in_time(&self, pending: &Pending) -> f64 {
        if pending.horizon == 0 {
            return 1.0;
        }
        let (cell, channel) = (self.table.cell(pending.cell), self.table.key(pending.cell).channel);
        let shape = self.delays[place(channel)].typed.corrected(&cell.typed_curve, self.rules.curve.prior_messages);
        shape.share(Ms::from(pending.horizon)).max(0.5)
    }

    fn close_untyped(&mut self, pending: &mut Pending, at: Ms) {
        let [_, country, _] = self.table.above(self.table.cell(pending.cell).branch);
        self.complain(pending, at);
        self.credit_untyped(pending);
        if !pending.rescued && pending.horizon == 0 {
            self.compare_rescue(pending, self.saving_says(pending.cell).1);
        }
        if !pending.shaded && pending.horizon == 0 && self.table.cell(pending.cell).state == State::Healthy {
            let group = self.table.group_mut(country);
            group.clicked.add_bounded(pending.click_age.is_some(), 1000.0);
            if pending.click_age.is_none() {
                group.rescued.add_bounded(pending.rescued, 1000.0);
            }
            group.saved.add_bounded(pending.rescued, 1000.0);
            let channel = self.table.key(pending.cell).channel;
            pending.click_age.into_iter().for_each(|age| self.delays[place(channel)].click_curve.add(Ms::from(age)));
        }
    }

    fn learn_delays(&mut self, pending: &Pending) {
        let id = pending.cell;
        if pending.shaded || self.table.cell(id).state != State::Healthy {
            return;
        }
        let channel = self.table.key(id).channel;
        // Where a fall-back cuts the wait short, late typing is not seen, and early typing alone
        // would make the curve too quick.
        let cut = pending.horizon > 0;
        let typed = pending.typed_age.filter(|_| !cut).map(Ms::from);
        let sign = pending.sign_age.filter(|_| !cut || pending.outcome.is_some()).map(Ms::from);
        if typed.is_none() && sign.is_none() {
            return;
        }
        let delays = &mut self.delays[place(channel)];
        delays.add(typed, sign, medians(channel, &self.rules.curve), &self.rules.curve);
        let cell = self.table.cell_mut(id);
        typed.into_iter().for_each(|age| cell.typed_curve.add(age));
        sign.into_iter().for_each(|age| cell.sign_curve.add(age));
        cell.steps_due = cell.steps_due.saturating_add(1);
        if u32::from(cell.steps_due) > (cell.sign_curve.total() / 16).min(200) {
            cell.steps_due = 0;
            cell.reckon_steps(&delays.typed, &delays.sign, &self.rules.curve);
        }
    }

    /// Learns for good what waits, unless something is suspicious.
    pub(super) fn commit(&mut self, id: u32, at: Ms) {
        let cell = self.table.cell(id);
        let clear = self.counted(cell).wrong() < self.rules.states.clear_below;
        if !clear || cell.state == State::Blocked || cell.received_waiting.of <= 0.0 {
            return;
        }
        let (typed, received, branch) = (cell.typed, cell.received, cell.branch);
        let elapsed = at.saturating_sub(Ms::from(cell.learned_at) * 1000);
        let rules = &self.rules.learn;
        let now_typed = remember(typed, cell.typed_waiting, elapsed, rules);
        let now_received = remember(received, cell.received_waiting, elapsed, rules);
        let kept = if received.of > 0.0 { now_received.of / (received.of + cell.received_waiting.of) } else { 1.0 };
        let cell = self.table.cell_mut(id);
        (cell.typed, cell.received) = (now_typed, now_received);
        cell.filtered *= kept;
        (cell.typed_waiting, cell.received_waiting) = (Share::default(), Share::default());
        cell.learned_at = (at / 1000) as u32;
        for group in self.table.above(branch).into_iter().chain([branch]) {
            let group = self.table.group_mut(group);
            group.typed.replace(typed, now_typed);
            group.received.replace(received, now_received);
        }
    }

    /// Makes what is remembered weigh no more than what waits to be learned.
    pub(super) fn level_memory(&mut self, id: u32) {
        let cell = self.table.cell(id);
        let (typed, received, branch) = (cell.typed, cell.received, cell.branch);
        let level = |memory: Share, waiting: Share| {
            let mut memory = memory;
            if memory.of > waiting.of {
                memory.scale(f64::from(waiting.of) / f64::from(memory.of));
            }
            memory
        };
        let cell = self.table.cell_mut(id);
        cell.typed = level(typed, cell.typed_waiting);
        cell.received = level(received, cell.received_waiting);
        if received.of > 0.0 {
            cell.filtered *= cell.received.of / received.of;
        }
        let (now_typed, now_received) = (cell.typed, cell.received);
        for group in self.table.above(branch).into_iter().chain([branch]) {
            let group = self.table.group_mut(group);
            group.typed.replace(typed, now_typed);
            group.received.replace(received, now_received);
        }
    }

    /// Reckons anew what is expected of a cell, if that is out of date.
    pub(super) fn refresh(&mut self, id: u32, at: Ms, at_once: bool) {
        let second = (at / 1000) as u32;
        let cell = self.table.cell(id);
        if !at_once && cell.belief_at > 0 && second.saturating_sub(cell.belief_at) < BELIEF_SECONDS {
            return;
        }
        let (typed, received) = self.usual(id, at);
        let Factor { mean, low } = self.factor_for(cell, at);
        let rules = &self.rules.learn;
        let typed_low = ((typed.mean - rules.bound_typed * typed.sd) * low).clamp(0.0, 0.97);
        let with_receipt = f64::from(cell.with_receipt);
        let received_low = (received.mean - rules.bound_received * received.sd).clamp(0.0, 0.98)
            * (1.0 - (1.0 - low.min(1.0)) * (1.0 - with_receipt));
        let belief = Belief {
            typed: typed.mean as f32,
            typed_sd: typed.sd as f32,
            received: received.mean as f32,
            received_sd: received.sd as f32,
            factor: mean as f32,
            typed_low: typed_low as f32,
            received_low: received_low.max(typed_low) as f32,
        };
        let cell = self.table.cell_mut(id);
        cell.belief = belief;
        cell.belief_at = second.max(1);
    }

    fn factor_for(&self, cell: &Cell, at: Ms) -> Factor {
        let [all, country, _] = self.table.above(cell.branch);
        let (all, country) = (&self.table.group(all).users, &self.table.group(country).users);
        factor(all, country, &cell.users, at, &self.rules.users)
    }

    /// What a cell usually does: codes typed, messages received.
    pub(super) fn usual(&self, id: u32, at: Ms) -> (Estimate, Estimate) {
        let (rules, cell) = (&self.rules.learn, self.table.cell(id));
        let [all, country, carrier] = self.table.above(cell.branch).map(|group| self.table.group(group));
        let branch = self.table.group(cell.branch);
        let (mut net_typed, mut net_received) = (Sum::default(), Sum::default());
        for other in self.table.network(cell.network).cells.iter().filter(|other| **other != id) {
            let other = self.table.cell(*other);
            net_typed.replace(Share::default(), other.typed);
            net_received.replace(Share::default(), other.received);
        }
        let around = |sum: fn(&super::groups::Group) -> Sum, own: Share, network: Sum| Around {
            all: sum(all).without(own),
            country: sum(country).without(own),
            carrier: sum(carrier).without(own),
            branch: sum(branch).without(own),
            network,
        };
        let age = at.saturating_sub(Ms::from(cell.learned_at) * 1000);
        let prior = around(|group| group.typed, cell.typed, net_typed).prior(rules.start_typed, rules);
        let typed = estimate(cell.typed, prior, rules.prior_typed, age, rules);
        let prior = around(|group| group.received, cell.received, net_received).prior(rules.start_received, rules);
        let received = estimate(cell.received, prior.max(typed.mean), rules.prior_received, age, rules);
        (typed, received)
    }

    /// What to expect of a cell, for the choice: the usual, unless the recent share
    /// credibly differs; and its standard deviation.
    pub(super) fn expected(&self, cell: &Cell) -> (f64, f64) {
        let belief = &cell.belief;
        let types = self.types(cell);
        let (mean, sd) = if types { (belief.typed, belief.typed_sd) } else { (belief.received, belief.received_sd) };
        let (mut mean, mut sd) = (f64::from(mean), f64::from(sd));
        let rules = &self.rules.learn;
        let of = f64::from(cell.recent.of);
        if types && of > 15.0 {
            let recent = f64::from(cell.recent.got) / of;
            let recent_sd = (mean * (1.0 - mean) / of).sqrt();
            let apart = (recent - mean).abs() / (recent_sd * recent_sd + sd * sd).sqrt().max(1e-6);
            let span = (rules.recent_to - rules.recent_from).max(1e-6);
            let trust = ((apart - rules.recent_from) / span).clamp(0.0, 1.0);
            mean += trust * (recent - mean);
            sd += trust * (recent_sd - sd).max(0.0);
        }
        if let (State::Blocked, Some(case)) = (cell.state, &cell.case) {
            mean *= f64::from(case.level);
        }
        (mean.clamp(0.0, 1.0), sd)
    }

    /// The same for a cell that has had no message yet.
    pub(super) fn expected_of_unknown(&self, key: &CellKey) -> (f64, f64) {
        let rules = &self.rules.learn;
        let [all, country, carrier, branch] =
            Radar::scopes(key).map(|scope| self.table.group_of(&scope).map(|group| (group.typed, group.received)));
        let mut network = (Sum::default(), Sum::default());
        if let Some(slot) = self.table.find_network(&key.network, key.channel) {
            for other in &self.table.network(slot).cells {
                let other = self.table.cell(*other);
                network.0.replace(Share::default(), other.typed);
                network.1.replace(Share::default(), other.received);
            }
        }
        let around = |pick: fn((Sum, Sum)) -> Sum| {
            let sum = |group: Option<(Sum, Sum)>| group.map(pick).unwrap_or_default();
            Around {
                all: sum(all),
                country: sum(country),
                carrier: sum(carrier),
                branch: sum(branch),
                network: pick(network),
            }
        };
        let typed = around(|sums| sums.0).prior(rules.start_typed, rules);
        let (prior, weight) = if typed >= self.rules.score.typing_min {
            (typed, rules.prior_typed)
        } else {
            (around(|sums| sums.1).prior(rules.start_received, rules), rules.prior_received)
        };
        let Estimate { mean, sd } = estimate(Share::default(), prior, weight, 0, rules);
        (mean, sd)
    }
}

/// Adds a message at an hour when fewer people type: it counts as less of one.
fn add_exposed(share: &mut Share, got: bool, weight: f64, exposure: f64) {
    share.got += if got { weight as f32 } else { 0.0 };
    share.of += (weight * exposure) as f32;
}
