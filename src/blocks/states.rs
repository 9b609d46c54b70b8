//! From scores and contrast to states: healthy, suspect, blocked, ramp, and the network
//! alarm. The name of a trouble comes after the action.

use super::cell::{Case, Cell, STEPS, Witness};
use super::groups::Share;
use super::outlook::{Label, State, What};
use super::radar::Radar;
use super::score::{Counted, Scores};
use crate::model::Ms;

/// What the rest of a network looks like from one of its cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Others {
    /// There is no other cell in use.
    None,
    /// Each is suspect or blocked.
    AllInTrouble,
    /// At least one is as usual or on its way back.
    SomeFine,
}

/// One kind of evidence for a block: typed codes, or receipts.
#[derive(Debug, Clone, Copy)]
struct Kind {
    /// Its score.
    score: f64,
    /// Its contrast.
    ratio: f64,
    /// What the other cells brought of it.
    brought: Share,
    /// The contrast it needs.
    contrast_at: f64,
}

impl Radar {
    /// The contrast that counts for a case: the better of typed codes and first signs,
    /// helped by rescues, nats.
    pub(super) fn contrast_of(&self, case: &Case) -> f64 {
        case.typed.ratio().max(case.received.ratio()) + self.rescue_helps(case)
    }

    fn rescue_helps(&self, case: &Case) -> f64 {
        f64::from(case.rescued).clamp(0.0, self.rules.states.rescue_adds)
    }

    /// Decides about a cell, after something was said about it.
    pub(super) fn decide(&mut self, id: u32, at: Ms) {
        let network = self.table.network(self.table.cell(id).network);
        if network.troubled && f64::from(network.better) >= self.rules.states.better_at {
            self.recover(self.table.cell(id).network, at);
        }
        let cell = self.table.cell(id);
        let counted = self.counted(cell);
        let most = counted.wrong();
        let rules = &self.rules.states;
        match cell.state {
            State::Healthy if most >= rules.suspect_at => self.suspect(id, at),
            State::Healthy => {
                if most <= 0.0 && cell.tally.judged > 0 {
                    self.table.cell_mut(id).tally.restart();
                }
            }
            State::Suspect if most < rules.clear_below => self.move_to(id, at, State::Healthy),
            State::Suspect => self.decide_suspect(id, at, counted),
            State::Ramp if most >= rules.relapse_at => {
                // Both get known shares, so they can be compared; a network's bad hour is no
                // relapse.
                let contrast = cell.case.as_ref().map_or(0.0, |case| self.contrast_of(case));
                if contrast >= rules.relapse_contrast_at || self.others(id, at) != Others::SomeFine {
                    self.block(id, at, counted);
                }
            }
            State::Ramp => {
                if cell.case.as_ref().is_some_and(|case| case.ramped >= rules.ramp_messages) {
                    self.move_to(id, at, State::Healthy);
                }
            }
            State::Blocked => {
                if cell.case.as_ref().is_some_and(|case| f64::from(case.lift) >= self.rules.probe.lifted_at) {
                    self.lift(id, at);
                }
            }
        }
    }

    fn decide_suspect(&mut self, id: u32, at: Ms, counted: Counted) {
        self.count_credible(id);
        let cell = self.table.cell(id);
        let Some(case) = &cell.case else { return };
        let pooled = self.is_pooled(id, at);
        let others = self.others(id, at);
        let rules = &self.rules.states;
        let by_codes = Kind {
            score: counted.typed,
            ratio: case.typed.ratio(),
            brought: case.others_typed,
            contrast_at: rules.contrast_at,
        };
        let by_receipts = Kind {
            score: counted.received.max(counted.filtered),
            ratio: case.received.ratio(),
            brought: case.others_sign,
            contrast_at: rules.contrast_receipts_at,
        };
        let blocked = [by_codes, by_receipts].into_iter().any(|kind| self.is_blocked(kind, others, case, pooled));
        if blocked {
            self.block(id, at, counted);
        } else if self.is_network(cell, counted.wrong(), others, case) {
            self.alarm(id, at);
        } else if self.is_change(cell, case) {
            self.acquit(id, at);
        }
    }

    /// Whether a score of one kind (typing, receipts) makes a block. It needs the contrast of
    /// its own kind: a burst that lowers typing must not meet receipts that happen to differ.
    fn is_blocked(&self, kind: Kind, others: Others, case: &Case, pooled: bool) -> bool {
        let Kind { score, ratio, brought, contrast_at } = kind;
        let rules = &self.rules.states;
        let (block_at, mut contrast_at, mut lent) = if pooled && others == Others::SomeFine {
            (rules.pool_block_at, rules.pool_contrast_at, 0.0)
        } else {
            (rules.block_at, contrast_at, rules.contrast_lent)
        };
        // Without others only rescues tell a block from a bad hour.
        let contrast = if others == Others::None { f64::from(case.rescued) } else { ratio + self.rescue_helps(case) };
        if others != Others::SomeFine || brought.leaning(1.0, 1.0) < rules.contrast_factor {
            (contrast_at, lent) = (rules.contrast_at_alone, 0.0);
        }
        // Until the others' messages of the same hour are known there is no comparison.
        let known = others == Others::None || f64::from(brought.of) >= rules.contrast_others;
        known && reaches(score, contrast, [block_at, contrast_at], lent)
    }

    /// Whether it is the whole network: all cells are in trouble, or the others together
    /// bring far too little, and the comparison does not point at this one.
    fn is_network(&self, cell: &Cell, score: f64, others: Others, case: &Case) -> bool {
        let (rules, types) = (&self.rules.states, self.types(cell));
        let alike = self.contrast_of(case) < rules.network_below && self.shared_factor(case) < rules.network_factor;
        // Where codes are typed they tell; receipts may be missing for other reasons.
        let short = |last: [Share; 2]| shortfall(last[usize::from(!types)], rules.network_level);
        match others {
            Others::None => {
                let rescued = f64::from(case.rescued) >= rules.network_below;
                let alike = !rescued && self.shared_factor(case) < rules.network_factor;
                alike && score >= rules.alone_at && short(case.last[1]) >= rules.network_last_at
            }
            Others::AllInTrouble if score >= rules.block_at => alike && short(case.last[0]) >= rules.network_last_at,
            Others::AllInTrouble | Others::SomeFine => {
                alike && score >= rules.network_at && short(case.last[0]) >= rules.network_others_at
            }
        }
    }

    /// What the compared messages of all carriers brought, against what they usually do:
    /// by the kind of evidence that falls shorter.
    pub(super) fn shared_factor(&self, case: &Case) -> f64 {
        case.typed_came.leaning(1.0, 2.0).min(case.sign_came.leaning(1.0, 2.0))
    }

    /// Whether a suspicion has turned out to be a change of what is usual: the comparison
    /// says no, or has said nothing for long, and the network is not in trouble.
    fn is_change(&self, cell: &Cell, case: &Case) -> bool {
        let rules = &self.rules.states;
        if case.own < rules.change_messages || self.shared_factor(case) < rules.network_factor {
            return false;
        }
        // A case with more messages than what it is judged by knows better.
        let known = (cell.received.of as u32).min(rules.change_messages_most);
        case.own >= known || self.contrast_of(case) <= rules.change_contrast
    }

    /// Ends a suspicion by learning what was seen during it as if nothing had been wrong;
    /// what was known before weighs no more than that.
    fn acquit(&mut self, id: u32, at: Ms) {
        let rules = &self.rules.learn;
        let cell = self.table.cell_mut(id);
        cell.scores = Scores::default();
        cell.typed_waiting.scale(1.0 / rules.suspect_weight.max(1e-3));
        cell.received_waiting.scale(1.0 / rules.suspect_weight.max(1e-3));
        self.level_memory(id);
        self.move_to(id, at, State::Healthy);
    }

    /// Ends a network's trouble: what it brought upon its cells is forgotten, unless the
    /// comparison points at one of them.
    fn recover(&mut self, network: u32, at: Ms) {
        self.table.network_mut(network).troubled = false;
        for n in 0..self.table.network(network).cells.len() {
            let id = self.table.network(network).cells[n];
            let cell = self.table.cell(id);
            let (State::Suspect, Some(case)) = (cell.state, &cell.case) else { continue };
            if self.contrast_of(case) < self.rules.states.network_below {
                let cell = self.table.cell_mut(id);
                cell.scores = Scores::default();
                (cell.typed_waiting, cell.received_waiting) = Default::default();
                cell.tally.restart();
                self.move_to(id, at, State::Healthy);
            }
        }
    }

    /// Keeps count of the suspects of a carrier at which their contrast points.
    fn count_credible(&mut self, id: u32) {
        let cell = self.table.cell(id);
        let Some(case) = &cell.case else { return };
        let credible = cell.state == State::Suspect && self.contrast_of(case) >= self.rules.states.pool_credible_at;
        if credible == case.credible {
            return;
        }
        let [_, _, carrier] = self.table.above(cell.branch);
        if let Some(case) = &mut self.table.cell_mut(id).case {
            case.credible = credible;
        }
        let group = self.table.group_mut(carrier);
        group.credible = if credible { group.credible + 1 } else { group.credible.saturating_sub(1) };
    }

    /// Whether the cell's carrier has trouble of its own in several other cells just now.
    fn is_pooled(&self, id: u32, at: Ms) -> bool {
        let cell = self.table.cell(id);
        let [_, _, carrier] = self.table.above(cell.branch);
        let (group, rules) = (self.table.group(carrier), &self.rules.states);
        let blocked = if at.saturating_sub(group.blocked_at) <= rules.pool_ms { group.blocked } else { 0 };
        let own = cell.case.as_ref().is_some_and(|case| case.credible);
        (blocked + group.credible).saturating_sub(u32::from(own)) >= rules.pool_networks
    }

    fn others(&self, id: u32, at: Ms) -> Others {
        let network = self.table.network(self.table.cell(id).network);
        // On a quiet network those compared count, however long ago that was.
        let since = self.table.cell(id).case.as_ref().map_or(at, |case| case.since);
        let active_since = (at.saturating_sub(self.rules.states.active_ms).min(since) / 1000) as u32;
        let mut others = Others::None;
        for other in network.cells.iter().filter(|other| **other != id) {
            let other = self.table.cell(*other);
            if other.last_sent < active_since && other.state != State::Blocked {
                continue;
            }
            match other.state {
                State::Healthy | State::Ramp => return Others::SomeFine,
                State::Suspect | State::Blocked => others = Others::AllInTrouble,
            }
        }
        others
    }

    fn suspect(&mut self, id: u32, at: Ms) {
        let case = Box::new(Case::new(at, &self.rules.compare));
        self.table.cell_mut(id).case = Some(case);
        self.move_to(id, at, State::Suspect);
    }

    /// Sets the ages at which the network's messages are compared: the slowest cell's.
    fn set_ages(&mut self, network: u32, at: Ms) {
        let active_since = (at.saturating_sub(self.rules.states.active_ms) / 1000) as u32;
        let (mut typed, mut sign) = ([0; STEPS], [0; STEPS]);
        let mut latest = 0;
        for id in &self.table.network(network).cells {
            let cell = self.table.cell(*id);
            if cell.last_sent < active_since {
                continue;
            }
            for step in 0..STEPS {
                typed[step] = cell.typed_step(step).max(typed[step]);
                sign[step] = cell.sign_step(step).max(sign[step]);
            }
            latest = self.suspect_fall_back(cell, self.table.key(*id).channel).max(latest);
        }
        let network = self.table.network_mut(network);
        network.compared_since = at;
        network.typed_ages = typed.map(|age| age.min(latest));
        network.sign_ages = sign;
    }

    fn block(&mut self, id: u32, at: Ms, counted: Counted) {
        let (full, half) = (self.rules.score.full, self.rules.score.half);
        let contrast = self.table.cell(id).case.as_ref().map_or(0.0, |case| self.contrast_of(case));
        let cell = self.table.cell_mut(id);
        let receipts = counted.received.max(counted.filtered);
        if let Some(case) = &mut cell.case {
            case.witness = if receipts >= counted.typed { Witness::Receipts } else { Witness::Typing };
            let scores = match case.witness {
                Witness::Receipts => cell.scores.received,
                Witness::Typing => cell.scores.typed,
            };
            // A half block is one that the full alternative explains clearly worse.
            case.level = if scores[1] > scores[0] + 2.0 { half as f32 } else { full as f32 };
            (case.lift, case.probed, case.passed) = (0.0, at, 0);
            (case.probes, case.probes_came, case.late) = (0, 0, 0);
            case.blocked_by = [counted.most() as f32, contrast as f32];
        }
        cell.label = Some(Label::Blocked);
        (cell.typed_waiting, cell.received_waiting) = Default::default();
        let above = self.table.above(self.table.cell(id).branch);
        let carrier = self.table.group_mut(above[2]);
        carrier.blocked_at = at;
        let down = self.is_carrier_down(id, at);
        if down {
            self.table.cell_mut(id).label = Some(Label::CarrierDown);
        }
        self.move_to(id, at, State::Blocked);
        if down {
            self.rename_carrier(id, at);
        }
    }

    /// Whether the carrier is blocked on this and most of the networks it is used on.
    fn is_carrier_down(&self, id: u32, at: Ms) -> bool {
        let active_since = (at.saturating_sub(self.rules.states.active_ms) / 1000) as u32;
        let carrier = &self.table.key(id).carrier;
        let (mut used, mut blocked) = (1u32, 1u32);
        for (other, entry) in self.table.entries() {
            if other != id && entry.key.carrier == *carrier && entry.cell.last_sent >= active_since {
                used += 1;
                blocked += u32::from(entry.cell.state == State::Blocked);
            }
        }
        blocked >= self.rules.states.pool_networks && 2 * blocked > used
    }

    fn rename_carrier(&mut self, id: u32, at: Ms) {
        let carrier = &self.table.key(id).carrier;
        let named = |entry: &super::table::Entry| {
            entry.key.carrier == *carrier
                && entry.cell.state == State::Blocked
                && entry.cell.label != Some(Label::CarrierDown)
        };
        let others: Vec<u32> = self.table.entries().filter(|(_, entry)| named(entry)).map(|(id, _)| id).collect();
        for other in others {
            self.table.cell_mut(other).label = Some(Label::CarrierDown);
            self.note(at, other, What::Label);
        }
    }

    /// A sign came after its last checkpoint: on a blocked cell that is slowness.
    pub(super) fn too_late(&mut self, id: u32, first: bool) {
        let slow = self.rules.states.slow_signs;
        let now = self.now;
        let cell = self.table.cell_mut(id);
        let Some(case) = &mut cell.case else { return };
        case.late += u32::from(first);
        if cell.state == State::Blocked && case.late >= slow && cell.label == Some(Label::Blocked) {
            cell.label = Some(Label::Slow);
            self.note(now, id, What::Label);
        }
    }

    fn lift(&mut self, id: u32, at: Ms) {
        let cell = self.table.cell_mut(id);
        cell.scores = Scores::default();
        cell.case = Some(Box::new(Case::new(at, &self.rules.compare)));
        cell.tally.restart();
        self.move_to(id, at, State::Ramp);
    }

    /// Changes the state, keeps the counts of those around it, and notes it.
    fn move_to(&mut self, id: u32, at: Ms, to: State) {
        let cell = self.table.cell_mut(id);
        let from = cell.state;
        cell.state = to;
        cell.state_since = (at / 1000) as u32;
        if matches!(to, State::Suspect | State::Healthy) {
            cell.label = None;
        }
        self.count_credible(id);
        let cell = self.table.cell_mut(id);
        let (network, branch) = (cell.network, cell.branch);
        let compared = |state: State| u32::from(matches!(state, State::Suspect | State::Ramp));
        if self.table.network(network).compared == 0 && compared(to) == 1 {
            self.set_ages(network, at);
        }
        let network = self.table.network_mut(network);
        network.compared = network.compared + compared(to) - compared(from);
        network.troubled &= network.compared > 0;
        network.suspects = network.suspects + u32::from(to == State::Suspect) - u32::from(from == State::Suspect);
        network.blocked = network.blocked + u32::from(to == State::Blocked) - u32::from(from == State::Blocked);
        for group in self.table.above(branch).into_iter().chain([branch]) {
            let group = self.table.group_mut(group);
            group.blocked = group.blocked + u32::from(to == State::Blocked) - u32::from(from == State::Blocked);
        }
        self.note(at, id, What::State { from, to });
        if to == State::Healthy {
            self.table.cell_mut(id).case = None;
            self.commit(id, at);
        }
    }

    fn alarm(&mut self, id: u32, at: Ms) {
        let network = self.table.cell(id).network;
        let (often, still) = (self.rules.states.network_alarm_ms, self.rules.states.better_below);
        let network = self.table.network_mut(network);
        let is_early = network.alarmed > 0 && at.saturating_sub(network.alarmed) < often;
        if is_early || (network.troubled && f64::from(network.better) > still) {
            return;
        }
        network.alarmed = at.max(1);
        (network.troubled, network.better) = (true, 0.0);
        self.table.cell_mut(id).label = Some(Label::Network);
        self.note(at, id, What::Alarm);
    }
}

/// Whether a score reaches its bar, and a contrast its own with what the score may lend it.
fn reaches(score: f64, contrast: f64, [block_at, contrast_at]: [f64; 2], lent: f64) -> bool {
    score >= block_at && contrast + (score - block_at).min(lent) >= contrast_at
}

/// What it says for "only `level` of the usual comes" that so many came where so many were
/// to be expected, nats (Poisson).
fn shortfall(brought: Share, level: f64) -> f64 {
    let level = level.clamp(1e-3, 0.999);
    f64::from(brought.got) * super::maths::ln(level) + f64::from(brought.of) * (1.0 - level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_lends_the_contrast_a_little_and_a_contrast_lends_nothing() {
        let reached = |score, contrast, lent| reaches(score, contrast, [13.5, 6.0], lent);
        assert!(reached(13.5, 6.0, 1.0) && reached(14.0, 5.5, 1.0) && reached(14.5, 5.0, 1.0));
        assert!(!reached(13.5, 5.9, 1.0) && !reached(21.5, 4.9, 1.0), "no more than it has, and than is allowed");
        assert!(!reached(13.4, 20.0, 1.0) && !reached(21.5, 5.9, 0.0));
    }
}
