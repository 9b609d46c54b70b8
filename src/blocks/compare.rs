//! Messages of a network, shown to its suspects: what each carrier brings at the same time
//! and the same age.

use super::cell::STEPS;
use super::contrast::Look;
use super::event::Lot;
use super::groups::Share;
use super::maths::ln;
use super::outlook::State;
use super::pending::Pending;
use super::radar::{Radar, place};
use super::score::levels;
use crate::model::Ms;

impl Radar {
    /// Whether a message may be compared at all, as things are now.
    pub(super) fn is_comparable(&self, pending: &Pending) -> bool {
        let cell = self.table.cell(pending.cell);
        let network = self.table.network(cell.network);
        pending.judged
            && network.compared > 0
            && cell.state != State::Blocked
            && (pending.lot == Lot::Drawn || pending.sent < network.compared_since)
    }

    /// Shows a message to the suspects of its network, at the common ages.
    pub(super) fn compare(&mut self, pending: &mut Pending, age: Ms) {
        if !self.is_comparable(pending) {
            return;
        }
        let network = self.table.cell(pending.cell).network;
        for typing in [true, false] {
            let place = if typing { 2 } else { 3 };
            let came_at = if typing { pending.typed_age } else { pending.sign_age }.map(Ms::from);
            while usize::from(pending.steps[place]) < STEPS {
                let step = usize::from(pending.steps[place]);
                let network = self.table.network(network);
                let ages = if typing { &network.typed_ages } else { &network.sign_ages };
                let (before, now) = (if step == 0 { 0 } else { ages[step - 1] }, ages[step]);
                if age < now {
                    break;
                }
                let came = came_at.is_some_and(|came_at| came_at <= now);
                pending.steps[place] = if came { STEPS as u8 } else { step as u8 + 1 };
                self.show(pending, typing, came_at.filter(|_| came), before, now);
            }
        }
    }

    fn show(&mut self, pending: &Pending, typing: bool, came_at: Option<Ms>, before: Ms, now: Ms) {
        let cell = self.table.cell(pending.cell);
        let delays = &self.delays[place(self.table.key(pending.cell).channel)];
        let (shape, counts) =
            if typing { (&delays.typed, &cell.typed_curve) } else { (&delays.sign, &cell.sign_curve) };
        let shape = shape.corrected(counts, self.rules.curve.prior_messages);
        let (belief, network) = (cell.belief, cell.network);
        let (low, mean) = if typing {
            (belief.typed_low, belief.typed * belief.factor)
        } else {
            (belief.received_low, belief.received)
        };
        let due = shape.share(now);
        let expected = f64::from(mean);
        let before_due = if before == 0 { 0.0 } else { shape.share(before) };
        self.see_better(pending, typing, came_at.is_some(), chance(expected, before_due, due));
        let (levels, rules) = (levels(&self.rules.score), &self.rules.states);
        for n in 0..self.table.network(network).cells.len() {
            let id = self.table.network(network).cells[n];
            let judged = self.table.cell_mut(id);
            let (State::Suspect | State::Ramp, Some(case)) = (judged.state, &mut judged.case) else { continue };
            // Of a message that was under way when the suspicion began, what came (or did
            // not) until then has made the suspicion; only the rest is news.
            let known = case.since.saturating_sub(pending.sent);
            if (known > 0 && judged.state == State::Ramp) || known >= now || came_at.is_some_and(|age| age <= known) {
                continue;
            }
            let own = id == pending.cell;
            let first = known >= before;
            let due_before = if known.max(before) == 0 { 0.0 } else { shape.share(known.max(before)) };
            let likely = chance(expected, due_before, due);
            let came = came_at.is_some();
            let count = |share: &mut Share| {
                share.got += f32::from(u8::from(came));
                share.of += likely as f32;
            };
            // Of the present hour, only what was sent since tells.
            if known == 0 {
                let at_least = chance(f64::from(low), due_before, due);
                case.last[usize::from(own)][usize::from(!typing)].add_expected(came, at_least, rules.network_codes);
            }
            count(if typing { &mut case.typed_came } else { &mut case.sign_came });
            // Only those sent since tell of the network's present hour.
            if !own && known == 0 {
                count(if typing { &mut case.others_typed } else { &mut case.others_sign });
            }
            if first && typing {
                case.own += u32::from(own);
                case.others += u32::from(!own);
            }
            let filter = if typing { &mut case.typed } else { &mut case.received };
            let usual = f64::from(if own { low } else { mean });
            filter.see(Look { own, first, usual, due_before, due, came }, levels, &self.rules.compare);
        }
    }

    /// Gathers evidence that a network's trouble is over: whatever carrier a message was drawn
    /// to, its code comes again.
    fn see_better(&mut self, pending: &Pending, typing: bool, came: bool, likely: f64) {
        let cell = self.table.cell(pending.cell);
        let (id, types) = (cell.network, self.types(cell));
        let rules = &self.rules.states;
        let network = self.table.network_mut(id);
        if network.troubled && typing == types {
            let level = rules.better_level.clamp(1e-3, 0.999);
            let likely = likely.clamp(0.0, 0.98);
            let says = if came { -ln(level) } else { ln((1.0 - likely) / (1.0 - level * likely)) };
            network.better = (f64::from(network.better) + says).clamp(0.0, 2.0 * rules.better_at) as f32;
        }
    }

    /// The contrast by rescues.
    pub(super) fn compare_rescue(&mut self, pending: &Pending, says: f64) {
        let floor = self.rules.compare.floor;
        let cell = self.table.cell_mut(pending.cell);
        if let (State::Suspect, Some(case), true) = (cell.state, &mut cell.case, pending.judged)
            && pending.sent >= case.since
        {
            case.rescued = (case.rescued + says as f32).max(floor);
        }
    }
}

/// The chance that something comes between two looks, given that it had not before.
fn chance(usual: f64, due_before: f64, due: f64) -> f64 {
    (usual * (due - due_before)).max(0.0) / (1.0 - (usual * due_before).min(0.98))
}
