//! Probes of a blocked cell: when one is due, when its person gets the code another way,
//! and what it says about a lift.

use super::cell::{Cell, STEPS, Witness};
use super::curve::Shape;
use super::maths::ln;
use super::outlook::State;
use super::pending::Pending;
use super::radar::{Radar, place};
use super::score::missing;
use crate::model::{Channel, Ms};

/// Whether the same code may go out through another carrier meanwhile. Nobody is called
/// twice for one click.
pub(super) fn has_covers(channel: Channel) -> bool {
    channel == Channel::Sms
}

impl Radar {
    /// Whether a blocked cell may have a probe.
    pub(super) fn probe_due(&self, cell: &Cell, channel: Channel, now: Ms) -> bool {
        let rules = &self.rules.probe;
        // What has lasted long will last: the longer, the rarer.
        let lasted = now.saturating_sub(Ms::from(cell.state_since) * 1000);
        let every = rules.every_ms.max(lasted / Ms::from(rules.per_age.max(1)));
        cell.case.as_ref().is_some_and(|case| {
            // A first code that came through is followed up soon.
            let hopeful = case.lift > 0.0;
            let waited = |least: Ms| {
                let every = if hopeful { rules.hopeful_ms } else { every.max(least) };
                now.saturating_sub(case.probed) >= every
            };
            if !has_covers(channel) {
                return waited(rules.uncovered_every_ms);
            }
            let after = if hopeful { 1 } else { rules.after_messages };
            case.passed >= rules.at_latest_messages || (case.passed >= after && waited(0))
        })
    }

    /// A message of the network was given to one of its cells: the blocked others wait.
    pub(super) fn pass_probes(&mut self, network: u32, chosen: u32) {
        if self.table.network(network).blocked == 0 {
            return;
        }
        for n in 0..self.table.network(network).cells.len() {
            let id = self.table.network(network).cells[n];
            let cell = self.table.cell_mut(id);
            if let (true, State::Blocked, Some(case)) = (id != chosen, cell.state, &mut cell.case) {
                case.passed = case.passed.saturating_add(1);
            }
        }
    }

    /// When the code of a message given to this cell goes out another way, and whether a
    /// delivered receipt is reason enough not to.
    pub(super) fn fall_back(&self, cell: &Cell, channel: Channel) -> (Ms, bool) {
        let rules = &self.rules.probe;
        let delays = &self.delays[place(channel)];
        let prior = self.rules.curve.prior_messages;
        let typing = |share: f64| delays.typed.corrected(&cell.typed_curve, prior).age(share);
        let types = self.types(cell);
        match (&cell.case, cell.state) {
            (Some(case), State::Blocked) if case.witness == Witness::Receipts || !types => {
                (delays.sign.corrected(&cell.sign_curve, prior).age(rules.fall_back_receipt), true)
            }
            (_, State::Blocked) => (typing(rules.fall_back_typing), false),
            (_, State::Suspect) if types => (self.table.network(cell.network).typed_ages[STEPS - 1], false),
            (_, State::Suspect) => (self.table.network(cell.network).sign_ages[STEPS - 1], true),
            (_, State::Healthy | State::Ramp) if types => (self.suspect_fall_back(cell, channel), false),
            (_, State::Healthy | State::Ramp) => (cell.sign_step(STEPS - 1), true),
        }
    }

    /// The age at which typing has told all, if that is soon enough for the person.
    pub(super) fn suspect_fall_back(&self, cell: &Cell, channel: Channel) -> Ms {
        let all = cell.typed_step(STEPS - 1);
        if all <= self.rules.probe.fall_back_latest_ms {
            return all;
        }
        let shape = self.delays[place(channel)].typed.corrected(&cell.typed_curve, self.rules.curve.prior_messages);
        self.soon_enough(all, &shape)
    }

    /// `all`, or when most is typed if that is too late.
    pub(super) fn soon_enough(&self, all: Ms, typing: &Shape) -> Ms {
        let rules = &self.rules.probe;
        typing.age(rules.fall_back_typing).max(rules.fall_back_latest_ms).min(all)
    }

    /// Counts a probe's answer, once.
    pub(super) fn answer(&mut self, pending: &mut Pending, by: Witness, came: bool, due: f64) {
        let cell = self.table.cell_mut(pending.cell);
        let (State::Blocked, Some(case)) = (cell.state, &mut cell.case) else { return };
        let of_this_block = pending.sent >= u64::from(cell.state_since) * 1000 && !pending.judged;
        if case.witness != by || pending.answered || !of_this_block {
            return;
        }
        pending.answered = true;
        let usual = match by {
            Witness::Typing => f64::from(cell.belief.typed * cell.belief.factor),
            Witness::Receipts => f64::from(cell.belief.received),
        };
        let level = f64::from(case.level).clamp(1e-3, 0.99);
        let says = if came { -ln(level) } else { -missing(level, usual, due) };
        case.lift = (f64::from(case.lift) + says).clamp(0.0, self.rules.probe.lifted_most) as f32;
        case.probes += 1;
        case.probes_came += u32::from(came);
    }
}
