//! The life of a message: sent, what comes, what does not come until a checkpoint, closed.

use super::cell::{STEPS, Witness};
use super::event::{CellKey, Lot, Message, Outcome};
use super::groups::sign_says;
use super::outlook::State;
use super::pending::Pending;
use super::probe::has_covers;
use super::radar::{Radar, place};
use super::score::{Credit, LEVELS, came, levels, missing, most};
use crate::model::Ms;

impl Radar {
    /// Follows a message from now on.
    pub(super) fn sent(&mut self, at: Ms, message: Message, key: &CellKey, lot: Lot) {
        if lot == Lot::Aside || self.book.find(message).is_some() || self.book.len() >= self.rules.keep.pending_max {
            return;
        }
        let Some(id) = self.cell_for(at, key) else { return };
        if self.born == 0 {
            self.born = at.max(1);
        }
        self.refresh(id, at, false);
        let warm = self.is_warm(at);
        let (fall_back, _) = self.fall_back(self.table.cell(id), key.channel);
        let network = self.table.cell(id).network;
        self.pass_probes(network, id);
        let shaded = self.table.network(network).suspects > 0;
        let uncovered = !has_covers(key.channel) || self.table.network(network).cells.len() < 2;
        let cell = self.table.cell_mut(id);
        cell.last_sent = (at / 1000) as u32;
        cell.tally.sent = cell.tally.sent.saturating_add(1);
        if let (State::Blocked, Some(case)) = (cell.state, &mut cell.case) {
            (case.probed, case.passed) = (at, 0);
        }
        let pending = Pending {
            message,
            sent: at,
            cell: id,
            lot,
            credit: Credit::default(),
            complaint: 0.0,
            horizon: if uncovered || (cell.state == State::Healthy && lot != Lot::Explored) {
                0
            } else {
                fall_back as u32
            },
            typed_age: None,
            sign_age: None,
            outcome: None,
            steps: [0; 4],
            stretch: cell.tally.stretch,
            judged: warm && cell.state != State::Blocked,
            shaded,
            click_age: None,
            heard: false,
            rescued: false,
            typed_due: 0.0,
            counted: false,
            answered: false,
        };
        let due = self.next_look(&pending);
        self.book.add(pending, due);
    }

    fn cell_for(&mut self, at: Ms, key: &CellKey) -> Option<u32> {
        if let Some(id) = self.table.find(key) {
            return Some(id);
        }
        if self.table.len() >= self.rules.keep.cells_max {
            self.sweep(at, true);
        }
        if self.table.len() >= self.rules.keep.cells_max {
            return None;
        }
        let id = self.table.open(key, at);
        let delays = &self.delays[place(key.channel)];
        self.table.cell_mut(id).reckon_steps(&delays.typed, &delays.sign, &self.rules.curve);
        Some(id)
    }

    /// Whether enough is known of the world to judge anybody.
    fn is_warm(&self, at: Ms) -> bool {
        let rules = &self.rules.states;
        self.closed >= rules.cold_messages && at.saturating_sub(self.born) >= rules.cold_ms
    }

    /// A receipt came. The same one again changes nothing; "delivered" outdoes the others.
    pub(super) fn receipt(&mut self, at: Ms, message: Message, outcome: Outcome) {
        let Some(slot) = self.book.find(message) else { return };
        let mut pending = self.book.get(slot);
        let before = pending.outcome;
        if before == Some(outcome) || before == Some(Outcome::Delivered) {
            return;
        }
        if outcome == Outcome::Number {
            if before.is_none() && pending.typed_age.is_none() {
                self.withdrawn(at, message);
            }
            return;
        }
        if before == Some(Outcome::Filtered) && outcome == Outcome::Lost {
            return;
        }
        pending.outcome = Some(outcome);
        let id = pending.cell;
        self.refresh(id, at, false);
        let counted = self.table.cell(id).tally.stretch == pending.stretch;
        let tally = &mut self.table.cell_mut(id).tally;
        match outcome {
            Outcome::Delivered => {
                tally.receipts = tally.receipts.saturating_add(u16::from(counted));
                // After a failure receipt the checkpoints are through, but it is not late.
                let late = usize::from(pending.steps[1]) == STEPS && before.is_none();
                let first = pending.sign_age.is_none();
                pending.sign_age = Some(pending.sign_age.unwrap_or(pending.age(at) as u32));
                if late {
                    self.too_late(id, first);
                } else {
                    self.has_come(&mut pending, true);
                }
            }
            Outcome::Filtered | Outcome::Lost => {
                if outcome == Outcome::Filtered {
                    tally.filtered = tally.filtered.saturating_add(u16::from(counted));
                }
                if pending.sign_age.is_none() {
                    pending.steps[1] = STEPS as u8;
                    self.is_missing(&mut pending, 1.0);
                }
                if outcome == Outcome::Filtered {
                    self.is_filtered(&mut pending);
                }
            }
            Outcome::Number => {}
        }
        self.answer_by_receipt(&mut pending);
        self.book.put(slot, pending);
        self.decide(id, at);
    }

    /// Its code was typed.
    pub(super) fn typed(&mut self, at: Ms, message: Message) {
        let Some(slot) = self.book.find(message) else { return };
        let mut pending = self.book.get(slot);
        if pending.typed_age.is_some() || pending.rescued {
            return;
        }
        let id = pending.cell;
        self.refresh(id, at, false);
        let age = pending.age(at) as u32;
        pending.typed_age = Some(age);
        let first = pending.sign_age.is_none();
        pending.sign_age = Some(pending.sign_age.unwrap_or(age));
        let most = most(&self.rules.score, &self.rules.states);
        let levels = levels(&self.rules.score);
        if usize::from(pending.steps[0]) < STEPS {
            if pending.judged {
                let cell = self.table.cell_mut(id);
                cell.scores.credit_typed(&mut pending.credit, levels.map(came), most);
                cell.scores.credit_complaints(&mut pending.credit, 0.0, most);
            }
            self.has_come(&mut pending, true);
            let cell = self.table.cell_mut(id);
            cell.tally.typed = cell.tally.typed.saturating_add(u16::from(cell.tally.stretch == pending.stretch));
            self.answer_by_typing(&mut pending);
        } else {
            self.too_late(id, first);
        }
        self.book.put(slot, pending);
        self.decide(id, at);
    }

    /// The person says that it did not come.
    pub(super) fn clicked(&mut self, at: Ms, message: Message) {
        let Some(slot) = self.book.find(message) else { return };
        let mut pending = self.book.get(slot);
        if pending.click_age.is_some() || pending.typed_age.is_some() {
            return;
        }
        self.refresh(pending.cell, at, false);
        pending.click_age = Some(pending.age(at) as u32);
        self.complain(&mut pending, at);
        self.credit_untyped(&mut pending);
        self.book.put(slot, pending);
        self.decide(pending.cell, at);
    }

    /// Something else worked where this one had not.
    pub(super) fn rescued(&mut self, at: Ms, message: Message) {
        let Some(slot) = self.book.find(message) else { return };
        let mut pending = self.book.get(slot);
        if pending.rescued || pending.typed_age.is_some() {
            return;
        }
        self.refresh(pending.cell, at, false);
        pending.rescued = true;
        // After a fall-back by rule a rescue is what to expect, and proves nothing.
        let says = if pending.horizon > 0 { 0.0 } else { self.saving_says(pending.cell).0 };
        self.complain(&mut pending, at);
        // Typing is settled. The person types codes, so the user factor has nothing of it.
        pending.steps[0] = STEPS as u8;
        self.credit_untyped(&mut pending);
        if !pending.counted {
            pending.counted = true;
            self.tally_judged(&pending);
        }
        self.compare_rescue(&pending, says);
        self.book.put(slot, pending);
        self.decide(pending.cell, at);
    }

    /// Nothing can be learned from it any more.
    pub(super) fn withdrawn(&mut self, at: Ms, message: Message) {
        let Some(slot) = self.book.find(message) else { return };
        let mut pending = self.book.get(slot);
        let most = most(&self.rules.score, &self.rules.states);
        let cell = self.table.cell_mut(pending.cell);
        cell.scores.take_back(&mut pending.credit, most);
        if cell.tally.stretch == pending.stretch {
            cell.tally.sent = cell.tally.sent.saturating_sub(1);
        }
        self.book.kill(slot);
        self.decide(pending.cell, at);
    }

    /// What it says that its code is not typed by now, with the complaints about it.
    pub(super) fn credit_untyped(&mut self, pending: &mut Pending) {
        let cell = self.table.cell(pending.cell);
        if !pending.judged || !self.types(cell) {
            return;
        }
        let usual = f64::from(cell.belief.typed_low);
        let (due, complaint) = (f64::from(pending.typed_due), f64::from(pending.complaint));
        let target = levels(&self.rules.score).map(|level| missing(level, usual, due));
        let most = most(&self.rules.score, &self.rules.states);
        let scores = &mut self.table.cell_mut(pending.cell).scores;
        scores.credit_typed(&mut pending.credit, target, most);
        scores.credit_complaints(&mut pending.credit, complaint, most);
    }

    /// A first sign was there in time.
    fn has_come(&mut self, pending: &mut Pending, unfiltered: bool) {
        if !pending.judged {
            return;
        }
        let most = most(&self.rules.score, &self.rules.states);
        let levels = levels(&self.rules.score);
        let not_filtered = self.filter_says(pending.cell).1;
        let scores = &mut self.table.cell_mut(pending.cell).scores;
        scores.credit_received(&mut pending.credit, levels.map(came), most);
        if unfiltered && (scores.filtered > 0.0 || pending.credit.filtered > 0.0) {
            scores.credit_filtered(&mut pending.credit, not_filtered, most);
        }
    }

    /// No first sign yet, when a share `due` of them would be there.
    pub(super) fn is_missing(&mut self, pending: &mut Pending, due: f64) {
        if !pending.judged {
            return;
        }
        let most = most(&self.rules.score, &self.rules.states);
        let usual = f64::from(self.table.cell(pending.cell).belief.received_low);
        let target: [f64; LEVELS] = levels(&self.rules.score).map(|level| missing(level, usual, due));
        self.table.cell_mut(pending.cell).scores.credit_received(&mut pending.credit, target, most);
    }

    fn is_filtered(&mut self, pending: &mut Pending) {
        if !pending.judged {
            return;
        }
        let most = most(&self.rules.score, &self.rules.states);
        let says = self.filter_says(pending.cell).0;
        self.table.cell_mut(pending.cell).scores.credit_filtered(&mut pending.credit, says, most);
    }

    /// What a filter receipt says, and what it says that there was none, nats.
    fn filter_says(&self, id: u32) -> (f64, f64) {
        let (rules, cell) = (&self.rules.score, self.table.cell(id));
        let of = f64::from(cell.received.of) + rules.filtered_messages;
        let usual = (f64::from(cell.filtered) + rules.filtered_usual * rules.filtered_messages) / of;
        let usual = (usual + 2.0 * (usual * (1.0 - usual).max(0.0) / of).sqrt()).clamp(1e-4, 0.9);
        let share = rules.filtered_share.max(usual);
        let ln = super::maths::ln;
        (ln(share / usual).min(rules.filtered_most), ln((1.0 - share).max(1e-3) / (1.0 - usual)).min(0.0))
    }

    /// What a click says, and its absence at this age.
    pub(super) fn click_says(&self, id: u32, age: Ms) -> (f64, f64) {
        let due = self.delays[place(self.table.key(id).channel)].click.share(age);
        let [_, country, _] = self.table.above(self.table.cell(id).branch);
        let rules = &self.rules.score;
        sign_says(self.table.group(country).clicked, rules.click_start, rules.click_most, due, rules)
    }

    /// What a rescue says for the contrast, clicked for or not, and its absence.
    pub(super) fn saving_says(&self, id: u32) -> (f64, f64) {
        let [_, country, _] = self.table.above(self.table.cell(id).branch);
        let rules = &self.rules.score;
        sign_says(self.table.group(country).saved, rules.rescue_start, rules.rescue_most, 1.0, rules)
    }

    /// What a rescue without a click says, and its absence.
    pub(super) fn rescue_says(&self, id: u32) -> (f64, f64) {
        let [_, country, _] = self.table.above(self.table.cell(id).branch);
        let rules = &self.rules.score;
        sign_says(self.table.group(country).rescued, rules.rescue_start, rules.rescue_most, 1.0, rules)
    }

    /// A probe's answer, where typing is the witness.
    pub(super) fn answer_by_typing(&mut self, pending: &mut Pending) {
        self.answer(pending, Witness::Typing, pending.typed_age.is_some(), f64::from(pending.typed_due));
    }

    /// A probe's answer, where receipts are.
    pub(super) fn answer_by_receipt(&mut self, pending: &mut Pending) {
        let due = self.rules.curve.checkpoints[STEPS - 1];
        self.answer(pending, Witness::Receipts, pending.sign_age.is_some(), due);
    }
}
