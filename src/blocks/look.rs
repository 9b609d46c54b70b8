//! What does not come: a message is looked at when shares of what comes are due.

use super::cell::STEPS;
use super::outlook::State;
use super::pending::Pending;
use super::radar::{Radar, place};
use crate::model::Ms;

impl Radar {
    /// Looks at a message whose turn it is.
    pub(super) fn look(&mut self, at: Ms, slot: u32) {
        let mut pending = self.book.get(slot);
        let id = pending.cell;
        self.refresh(id, at, false);
        let age = pending.age(at);
        self.look_at_typing(&mut pending, at, age);
        self.look_at_sign(&mut pending, age);
        self.compare(&mut pending, age);
        let closes = age >= self.rules.curve.close_ms;
        if closes {
            self.close(&mut pending, at);
        }
        self.book.put(slot, pending);
        self.decide(id, at);
        if closes {
            self.book.free(slot);
        } else {
            let due = self.next_look(&pending);
            self.book.look_again(slot, due);
        }
    }

    fn look_at_typing(&mut self, pending: &mut Pending, at: Ms, age: Ms) {
        let before = usize::from(pending.steps[0]);
        if before == STEPS {
            self.look_at_clicks(pending, at, age);
            return;
        }
        let cell = self.table.cell(pending.cell);
        let mut step = before;
        while step < STEPS && age >= cell.typed_step(step) {
            step += 1;
        }
        let cut = pending.horizon > 0 && age >= Ms::from(pending.horizon);
        if step == before && !cut {
            return;
        }
        let mut due = if step == 0 { 0.0 } else { self.rules.curve.checkpoints[step - 1] };
        if cut && step < STEPS {
            let channel = self.table.key(pending.cell).channel;
            let shape = self.delays[place(channel)].typed.corrected(&cell.typed_curve, self.rules.curve.prior_messages);
            due = shape.share(Ms::from(pending.horizon)).max(due);
            step = STEPS;
        }
        pending.steps[0] = step as u8;
        pending.typed_due = due as f32;
        if pending.typed_age.is_none() {
            self.complain(pending, at);
            self.credit_untyped(pending);
        }
        if step == STEPS && !pending.counted {
            pending.counted = true;
            self.tally_judged(pending);
            self.count_users(pending, at);
            self.answer_by_typing(pending);
        }
    }

    /// Once more after typing is settled: by now a click would have come.
    fn look_at_clicks(&mut self, pending: &mut Pending, at: Ms, age: Ms) {
        if !pending.heard && age >= self.last_hearing(pending) {
            pending.heard = true;
            if pending.typed_age.is_none() {
                self.complain(pending, at);
                self.credit_untyped(pending);
            }
        }
    }

    /// The age at which clicks are waited for no longer, short of the close.
    fn last_hearing(&self, pending: &Pending) -> Ms {
        2 * self.table.cell(pending.cell).typed_step(STEPS - 1)
    }

    /// Reckons what clicks and rescues, or the lack of them, add. Who clicks gets another
    /// message and types that: a click and its rescue are one observation, so a rescue counts
    /// only where nobody clicked.
    pub(super) fn complain(&self, pending: &mut Pending, at: Ms) {
        let age = pending.age(at);
        // After a fall-back by rule nobody needs to click, and a rescue is what to expect.
        let waited = if pending.horizon > 0 { age.min(Ms::from(pending.horizon)) } else { age };
        let (click, no_click) = self.click_says(pending.cell, waited);
        let (rescue, no_rescue) = self.rescue_says(pending.cell);
        let closes = age >= self.rules.curve.close_ms;
        // A rescue takes minutes. Of messages from before the present stretch of evidence
        // neither it nor its absence counts: they were sent when nothing was wrong yet.
        let saves = pending.horizon == 0 && self.table.cell(pending.cell).tally.stretch == pending.stretch;
        let says = if pending.click_age.is_some() {
            click
        } else if saves && pending.rescued {
            rescue
        } else if saves && closes {
            no_click + no_rescue
        } else {
            no_click
        };
        pending.complaint = says as f32;
    }

    fn look_at_sign(&mut self, pending: &mut Pending, age: Ms) {
        let before = usize::from(pending.steps[1]);
        let cell = self.table.cell(pending.cell);
        let mut step = before;
        while step < STEPS && age >= cell.sign_step(step) {
            step += 1;
        }
        if step == before {
            return;
        }
        pending.steps[1] = step as u8;
        if pending.sign_age.is_none() {
            self.is_missing(pending, self.rules.curve.checkpoints[step - 1]);
        }
        if step == STEPS {
            self.answer_by_receipt(pending);
        }
    }

    /// When to look at it again.
    pub(super) fn next_look(&self, pending: &Pending) -> Ms {
        let cell = self.table.cell(pending.cell);
        let mut age = self.rules.curve.close_ms;
        let [typed, sign, compared_typed, compared_sign] = pending.steps.map(usize::from);
        if typed < STEPS {
            age = age.min(cell.typed_step(typed));
            if pending.horizon > 0 {
                age = age.min(Ms::from(pending.horizon));
            }
        } else if !pending.heard && pending.typed_age.is_none() {
            age = age.min(self.last_hearing(pending));
        }
        if sign < STEPS {
            age = age.min(cell.sign_step(sign));
        }
        let network = self.table.network(cell.network);
        if self.is_comparable(pending) {
            if compared_typed < STEPS {
                age = age.min(network.typed_ages[compared_typed]);
            }
            if compared_sign < STEPS {
                age = age.min(network.sign_ages[compared_sign]);
            }
        }
        pending.sent.saturating_add(age)
    }

    pub(super) fn tally_judged(&mut self, pending: &Pending) {
        let cell = self.table.cell_mut(pending.cell);
        if cell.tally.stretch == pending.stretch {
            cell.tally.judged = cell.tally.judged.saturating_add(1);
            cell.tally.expected += cell.belief.typed * cell.belief.factor * pending.typed_due;
        }
        if let (State::Ramp, Some(case), true) = (cell.state, &mut cell.case, pending.judged) {
            case.ramped += 1;
        }
    }

    fn count_users(&mut self, pending: &Pending, at: Ms) {
        let cell = self.table.cell(pending.cell);
        let trusted = self.counted(cell).wrong() <= self.rules.users.trusted_below;
        if cell.state == State::Blocked || !trusted || !self.types(cell) {
            return;
        }
        let expected = f64::from(cell.belief.typed) * f64::from(pending.typed_due);
        let typed = pending.typed_age.is_some();
        let [all, country, _] = self.table.above(cell.branch);
        let rules = &self.rules.users;
        self.table.cell_mut(pending.cell).users.add(at, typed, expected, rules);
        self.table.group_mut(all).users.add(at, typed, expected, rules);
        self.table.group_mut(country).users.add(at, typed, expected, rules);
    }
}
