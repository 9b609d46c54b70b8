//! Which states a round may have led to: every order of its operations, at
//! every instant that can be told apart, tried on copies of the model.

use std::collections::BTreeSet;

use super::super::failure::{Told, Wrong};
use super::super::model::{Model, Moment};
use super::super::operation::{Answer, Operation};
use crate::model::{Ms, NumberLimits, RecordId};

/// An operation and what the store said.
#[derive(Debug)]
pub struct Call {
    pub op: Operation,
    pub answer: Answer,
}

/// A state that some of the operations may have led to.
struct Reached {
    /// Which operations: one bit each.
    done: u8,
    /// The earliest instant at which the last of them may have happened.
    since: Ms,
    state: Model,
}

/// The search over one round.
pub struct Search<'a> {
    calls: &'a [Call],
    first: Ms,
    last: Ms,
    /// Instants that show, in an answer or afterwards.
    shown: BTreeSet<Ms>,
    limits: &'a NumberLimits,
    reached: Vec<Reached>,
    /// How many operations the best order explained, and what it expected then.
    best: (usize, BTreeSet<String>),
}

impl<'a> Search<'a> {
    /// A search over calls that all happened between `first` and `last`;
    /// `looks` were seen right after.
    pub fn new(
        calls: &'a [Call],
        (first, last): (Ms, Ms),
        limits: &'a NumberLimits,
        looks: impl Iterator<Item = &'a Answer>,
    ) -> Self {
        let mut shown = BTreeSet::from([first, last]);
        if first < last {
            for answer in calls.iter().map(|call| &call.answer).chain(looks) {
                instants_in(answer, &mut shown);
            }
            // What an operation wrote shows at its instant, or so much later.
            let spans: BTreeSet<Ms> = calls.iter().flat_map(|call| call.op.spans()).collect();
            let starts = spans.iter().flat_map(|span| shown.iter().filter_map(|at| at.checked_sub(*span)));
            let starts: Vec<Ms> = starts.collect();
            shown.extend(starts);
        }
        Search { calls, first, last, shown, limits, reached: Vec::new(), best: (0, BTreeSet::new()) }
    }

    /// Adds a state in which the round may have begun.
    pub fn from(&mut self, state: Model) {
        self.reached.push(Reached { done: 0, since: self.first, state });
    }

    /// Every state in which it may have ended; none is a failure.
    pub fn explained(mut self) -> Told<Vec<Model>> {
        for count in 0..self.calls.len() {
            for from in std::mem::take(&mut self.reached) {
                for i in (0..self.calls.len()).filter(|i| from.done & (1 << i) == 0) {
                    self.step(&from, i, count);
                }
            }
        }
        if self.reached.is_empty() {
            let expected = self.best.1.into_iter().collect::<Vec<_>>().join("\nor ");
            let asked = self.calls.iter().map(|call| format!("{:?}\n  -> {:?}", call.op, call.answer));
            return Err(Wrong { expected, seen: asked.collect::<Vec<_>>().join("\nand ") });
        }
        Ok(self.reached.into_iter().map(|reached| reached.state).collect())
    }

    /// Does the `i`-th operation next, at every instant that may matter.
    fn step(&mut self, from: &Reached, i: usize, count: usize) {
        let call = &self.calls[i];
        let mut instants = match call.answer.instant() {
            Some(now) => BTreeSet::from([now]),
            // As early as may be, when something turns, or when something shows.
            None if self.first < self.last => {
                let turns = from.state.turns(self.limits);
                self.shown.iter().copied().chain(turns).chain([from.since]).collect()
            }
            None => BTreeSet::from([from.since]),
        };
        instants.retain(|now| (from.since..=self.last).contains(now));
        if instants.is_empty() {
            self.complain(count, format!("{:?}\n  -> an answer from {} to {}", call.op, from.since, self.last));
        }
        for now in instants {
            for missed in self.overlooked(from, call, now) {
                let at = Moment { now, missed: &missed, first: self.first, last: self.last };
                let mut state = from.state.clone();
                match state.apply(&call.op, &call.answer, at) {
                    Ok(()) => self.reach(Reached { done: from.done | 1 << i, since: now, state }),
                    Err(expected) => self.complain(count, format!("{:?}\n  -> {expected}", call.op)),
                }
            }
        }
    }

    /// What a claim at an instant may have overlooked: of what became due since the round
    /// began, that of which no lease was taken; what only expired may have been seen or not.
    fn overlooked(&self, from: &Reached, call: &Call, now: Ms) -> Vec<Vec<RecordId>> {
        let mut overlooked = vec![Vec::new()];
        let Answer::Claimed(claimed) = &call.answer else { return overlooked };
        for (id, shows) in from.state.woken(self.first + 1, now) {
            if claimed.iter().any(|claimed| claimed.record.id == id) {
                continue;
            }
            let with: Vec<_> = overlooked.iter().map(|some| [&some[..], &[id]].concat()).collect();
            if shows {
                overlooked = with;
            } else {
                overlooked.extend(with);
            }
        }
        overlooked
    }

    fn reach(&mut self, new: Reached) {
        match self.reached.iter_mut().find(|old| old.done == new.done && old.state == new.state) {
            Some(old) => old.since = old.since.min(new.since),
            None => self.reached.push(new),
        }
    }

    fn complain(&mut self, explained: usize, expected: String) {
        if explained > self.best.0 {
            self.best = (explained, BTreeSet::new());
        }
        if explained == self.best.0 && self.best.1.len() < 6 {
            self.best.1.insert(expected);
        }
    }
}

/// Every number in an answer's records and usage; instants are among them.
fn instants_in(answer: &Answer, into: &mut BTreeSet<Ms>) {
    fn numbers(value: &serde_json::Value, into: &mut BTreeSet<Ms>) {
        match value {
            serde_json::Value::Number(number) => into.extend(number.as_u64()),
            serde_json::Value::Array(values) => values.iter().for_each(|value| numbers(value, into)),
            serde_json::Value::Object(fields) => fields.values().for_each(|value| numbers(value, into)),
            _ => {}
        }
    }
    let value = match answer {
        Answer::Settled(crate::store::Settled::Done(record)) => serde_json::to_value(record),
        Answer::Received(crate::store::Received::Moved(record)) => serde_json::to_value(record),
        Answer::Claimed(claimed) => serde_json::to_value(claimed.iter().map(|c| &c.record).collect::<Vec<_>>()),
        answer => serde_json::to_value(answer.view()),
    };
    numbers(&value.expect("records are written as JSON"), into);
    into.extend(answer.instant());
}
