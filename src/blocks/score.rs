//! The sequential test: CUSUMs of what each message says, credited anew as it grows older.

use serde::{Deserialize, Serialize};

use super::maths::ln;
use super::rules::{ScoreRules, StateRules};

/// The alternatives: a full and a half block.
pub const LEVELS: usize = 2;

/// A cell's scores, in nats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// By typed codes.
    pub typed: [f32; LEVELS],
    /// By first signs (receipt or code).
    pub received: [f32; LEVELS],
    /// By filter receipts.
    pub filtered: f32,
    /// What typed codes have said since the score by receipts was last 0: its cap.
    pub since: [f32; LEVELS],
    /// What clicks and rescues, and their absence, have said since the score by typed codes
    /// was last 0. Apart, because people who do not complain speak against a block, but not
    /// against a pumped network.
    pub complaints: f32,
}

/// What one message has said so far, to be taken back when it says something else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Credit {
    /// See [`Scores::typed`].
    pub typed: [f32; LEVELS],
    /// See [`Scores::received`].
    pub received: [f32; LEVELS],
    /// See [`Scores::filtered`].
    pub filtered: f32,
    /// See [`Scores::complaints`].
    pub complaints: f32,
}

/// The scores as they count: what receipts say, capped by what typed codes say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counted {
    /// By typed codes and complaints.
    pub typed: f64,
    /// By typed codes alone.
    pub untyped: f64,
    /// By receipts.
    pub received: f64,
    /// By filter receipts.
    pub filtered: f64,
}

impl Counted {
    /// The highest that speaks for a block.
    pub fn most(&self) -> f64 {
        self.typed.max(self.received).max(self.filtered)
    }

    /// The highest, whether people complain or not: that something is wrong at all.
    pub fn wrong(&self) -> f64 {
        self.untyped.max(self.most())
    }
}

/// The levels' shares.
pub fn levels(rules: &ScoreRules) -> [f64; LEVELS] {
    [rules.full, rules.half]
}

/// What it says that something usual with probability `usual` has not come, when a share
/// `due` of what comes would have come by now.
pub fn missing(level: f64, usual: f64, due: f64) -> f64 {
    let usual = usual.clamp(0.0, 0.98) * due.clamp(0.0, 1.0);
    ln((1.0 - level * usual) / (1.0 - usual))
}

/// What it says that it has come.
pub fn came(level: f64) -> f64 {
    ln(level.max(1e-3))
}

impl Scores {
    /// Changes what a message says by its typed code (or the lack of it).
    pub fn credit_typed(&mut self, credit: &mut Credit, target: [f64; LEVELS], most: f32) {
        for (level, target) in target.into_iter().enumerate() {
            let delta = target as f32 - credit.typed[level];
            credit.typed[level] = target as f32;
            self.typed[level] = (self.typed[level] + delta).clamp(0.0, most);
            self.since[level] = (self.since[level] + delta).clamp(-most, most);
        }
        if self.typed.iter().all(|score| *score <= 0.0) {
            self.complaints = 0.0;
        }
    }

    /// Changes what a message says by its complaints (or the lack of them).
    pub fn credit_complaints(&mut self, credit: &mut Credit, target: f64, most: f32) {
        let delta = target as f32 - credit.complaints;
        credit.complaints = target as f32;
        self.complaints = (self.complaints + delta).clamp(-most, most);
    }

    /// Changes what a message says by its receipt (or the lack of it).
    pub fn credit_received(&mut self, credit: &mut Credit, target: [f64; LEVELS], most: f32) {
        for (level, target) in target.into_iter().enumerate() {
            let delta = target as f32 - credit.received[level];
            credit.received[level] = target as f32;
            self.received[level] = (self.received[level] + delta).clamp(0.0, most);
            if self.received[level] <= 0.0 {
                self.since[level] = 0.0;
            }
        }
    }

    /// Changes what a message says by having been filtered or not.
    pub fn credit_filtered(&mut self, credit: &mut Credit, target: f64, most: f32) {
        let delta = target as f32 - credit.filtered;
        credit.filtered = target as f32;
        self.filtered = (self.filtered + delta).clamp(0.0, most);
    }

    /// Takes back what a message said against the cell. What it said for it stays: at a
    /// score of 0 it was not counted, and taking it back would accuse the cell.
    pub fn take_back(&mut self, credit: &mut Credit, most: f32) {
        self.credit_typed(credit, credit.typed.map(|said| f64::from(said.min(0.0))), most);
        self.credit_received(credit, credit.received.map(|said| f64::from(said.min(0.0))), most);
        self.credit_filtered(credit, f64::from(credit.filtered.min(0.0)), most);
        self.credit_complaints(credit, 0.0, most);
    }

    /// The scores as they count. Where nobody types (`typing` false), receipts stand alone.
    pub fn counted(&self, typing: bool, rules: &ScoreRules) -> Counted {
        let complaints = f64::from(self.complaints);
        let cap = |ahead: f64, level: usize| {
            if typing { f64::from(self.since[level]) + complaints + ahead } else { f64::INFINITY }
        };
        let untyped = f64::from(self.typed[0].max(self.typed[1]));
        let received = |level: usize| f64::from(self.received[level]).min(cap(rules.receipts_ahead, level));
        let filtered = f64::from(self.filtered).min(cap(rules.filtered_ahead, 0));
        let off = if typing { rules.receipts_off } else { 0.0 };
        // Nobody complains: that speaks against a block whatever the witness.
        let received = (received(0).max(received(1)) - off + complaints.min(0.0)).max(0.0);
        Counted {
            typed: if untyped > 0.0 { (untyped + complaints).max(0.0) } else { 0.0 },
            untyped,
            received,
            filtered: (filtered - rules.filtered_off).max(0.0),
        }
    }
}

/// Where a score stops.
pub fn most(score: &ScoreRules, states: &StateRules) -> f32 {
    (states.block_at + score.headroom) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: f32 = 20.0;

    fn missed(usual: f64, due: f64) -> [f64; LEVELS] {
        [missing(0.1, usual, due), missing(0.5, usual, due)]
    }

    #[test]
    fn a_young_message_says_little_and_an_old_one_all() {
        assert!(missing(0.1, 0.8, 0.1) < 0.08 && missing(0.1, 0.8, 1.0) > 1.5);
        assert_eq!(missing(0.1, 0.0, 1.0), 0.0);
        assert!(missing(0.1, 2.0, 9.0).is_finite() && came(0.0).is_finite());
    }

    #[test]
    fn crediting_twice_is_crediting_once_and_taking_back_leaves_nothing() {
        let (mut scores, mut credit) = (Scores::default(), Credit::default());
        for due in [0.5, 0.9, 0.97, 0.97] {
            scores.credit_typed(&mut credit, missed(0.8, due), MOST);
        }
        assert!((f64::from(scores.typed[0]) - missing(0.1, 0.8, 0.97)).abs() < 1e-5);
        scores.take_back(&mut credit, MOST);
        assert!(scores.typed[0].abs() < 1e-6 && credit == Credit::default());
    }

    #[test]
    fn receipts_that_vanish_while_codes_are_typed_never_block() {
        let mut scores = Scores::default();
        for _ in 0..100 {
            let mut credit = Credit::default();
            scores.credit_typed(&mut credit, [came(0.1), came(0.5)], MOST);
            scores.credit_received(&mut credit, missed(0.95, 0.97), MOST);
        }
        let rules = ScoreRules::default();
        assert!(scores.received[0] > 19.0);
        assert_eq!(scores.counted(true, &rules).most(), 0.0);
        assert!(scores.counted(false, &rules).most() > 17.0, "without typed codes they stand alone");
    }
}
