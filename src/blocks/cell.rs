//! What is kept of one cell: at most 256 bytes, and a boxed record while it is not healthy.

use serde::{Deserialize, Serialize};

use super::contrast::Filter;
use super::curve::{Curve, Shape};
use super::groups::Share;
use super::outlook::{Label, State};
use super::rules::{CompareRules, CurveRules};
use super::score::Scores;
use super::users::OwnUsers;
use crate::model::Ms;

/// Checkpoints are kept in this unit, so that 300 s fit in 16 bits.
const STEP_MS: Ms = 8;
/// How many checkpoints a curve has.
pub const STEPS: usize = 4;

/// One cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Its network, in the table.
    pub network: u32,
    /// Its carrier's branch in its country, in the table.
    pub branch: u32,
    /// When its state began, seconds since 1970.
    pub state_since: u32,
    /// When its last message was sent, seconds.
    pub last_sent: u32,
    /// When `learned` was last added to, seconds.
    pub learned_at: u32,
    /// When `belief` was reckoned, seconds; 0: it is out of date.
    pub belief_at: u32,
    /// The running test.
    pub scores: Scores,
    /// Codes typed, as learned.
    pub typed: Share,
    /// Messages received, as learned.
    pub received: Share,
    /// Not learned until nothing is suspicious.
    pub typed_waiting: Share,
    /// See `typed_waiting`.
    pub received_waiting: Share,
    /// The recent share, for the choice.
    pub recent: Share,
    /// Share of the typed codes that had a delivered receipt; the last fifty or so count.
    pub with_receipt: f32,
    /// Messages reported as filtered while healthy; a part of `received.of`.
    pub filtered: f32,
    /// Its part of the user factor's sums.
    pub users: OwnUsers,
    /// What is expected of it now.
    pub belief: Belief,
    /// Ages at which typing is looked at, in units of 8 ms.
    typed_steps: [u16; STEPS],
    /// The same for the first sign.
    sign_steps: [u16; STEPS],
    /// How late codes are typed.
    pub typed_curve: Curve,
    /// How late the first sign comes.
    pub sign_curve: Curve,
    /// What is counted since the scores were last 0, for the explanation.
    pub tally: Tally,
    /// What is kept besides while the cell is not healthy.
    pub case: Option<Box<Case>>,
    /// Its state.
    pub state: State,
    /// What its trouble is called.
    pub label: Option<Label>,
    /// Counts ages until the checkpoints are reckoned anew.
    pub steps_due: u8,
}

/// What is expected of a cell, reckoned now and then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Belief {
    /// Share of codes typed, usually.
    pub typed: f32,
    /// Its standard deviation.
    pub typed_sd: f32,
    /// Share of messages received, usually.
    pub received: f32,
    /// Its standard deviation.
    pub received_sd: f32,
    /// The user factor.
    pub factor: f32,
    /// The lower bound for the test: codes typed now.
    pub typed_low: f32,
    /// The lower bound for the test: messages received now.
    pub received_low: f32,
}

/// Counts of the present stretch of evidence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Which stretch; messages of an earlier one are not counted in it.
    pub stretch: u16,
    /// Messages whose typing is due.
    pub judged: u16,
    /// Codes typed.
    pub typed: u16,
    /// Receipts that say delivered.
    pub receipts: u16,
    /// Receipts that say filtered.
    pub filtered: u16,
    /// Messages sent.
    pub sent: u16,
    /// Codes that were to be expected from the judged ones.
    pub expected: f32,
}

/// Which kind of evidence led to a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Witness {
    /// Codes were not typed; receipts say nothing.
    Typing,
    /// Receipts did not come, or said filtered.
    Receipts,
}

/// The record of a cell that is not healthy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// When the suspicion began; only messages drawn since are compared.
    pub since: Ms,
    /// The contrast by typed codes.
    pub typed: Filter,
    /// The contrast by first signs.
    pub received: Filter,
    /// The contrast by rescues, nats.
    pub rescued: f32,
    /// The contrast points at it, so that it is counted in [`super::groups::Group::credible`].
    pub credible: bool,
    /// Compared messages of the cell itself.
    pub own: u32,
    /// Compared messages of other cells.
    pub others: u32,
    /// Typed codes of theirs that were sent since, and how many were to be expected.
    pub others_typed: Share,
    /// The same of first signs.
    pub others_sign: Share,
    /// What the last so many expected codes and first signs brought that were sent since, of
    /// the others and of the cell, at the lower bound of what is expected: for the network
    /// alarm, which must rest on the present hour.
    pub last: [[Share; 2]; 2],
    /// Typed codes of compared messages of all cells, and how many were to be expected.
    pub typed_came: Share,
    /// The same of first signs.
    pub sign_came: Share,
    /// What it was blocked by.
    pub witness: Witness,
    /// Score and contrast when it was blocked, nats.
    pub blocked_by: [f32; 2],
    /// The share of the usual that still comes, as far as the block showed.
    pub level: f32,
    /// Evidence for a lift, nats.
    pub lift: f32,
    /// When the last probe was sent.
    pub probed: Ms,
    /// Messages through other cells since.
    pub passed: u32,
    /// Probes whose answer is known, and those that came through.
    pub probes: u32,
    /// See `probes`.
    pub probes_came: u32,
    /// Messages judged on the way back.
    pub ramped: u32,
    /// Signs that came too late.
    pub late: u32,
}

impl Case {
    /// A new one.
    pub fn new(since: Ms, rules: &CompareRules) -> Case {
        Case {
            since,
            typed: Filter::new(rules),
            received: Filter::new(rules),
            rescued: 0.0,
            credible: false,
            own: 0,
            others: 0,
            others_typed: Share::default(),
            others_sign: Share::default(),
            last: Default::default(),
            typed_came: Share::default(),
            sign_came: Share::default(),
            witness: Witness::Typing,
            blocked_by: [0.0; 2],
            level: 0.0,
            lift: 0.0,
            probed: 0,
            passed: 0,
            probes: 0,
            probes_came: 0,
            ramped: 0,
            late: 0,
        }
    }
}

impl Tally {
    /// A new stretch begins.
    pub fn restart(&mut self) {
        *self = Tally { stretch: self.stretch.wrapping_add(1), ..Tally::default() };
    }
}

impl Cell {
    /// A healthy one, of which nothing is known.
    pub fn new(network: u32, branch: u32, at: Ms) -> Cell {
        Cell {
            network,
            branch,
            state_since: (at / 1000) as u32,
            last_sent: (at / 1000) as u32,
            learned_at: (at / 1000) as u32,
            belief_at: 0,
            scores: Scores::default(),
            typed: Share::default(),
            received: Share::default(),
            typed_waiting: Share::default(),
            received_waiting: Share::default(),
            recent: Share::default(),
            with_receipt: 0.5,
            filtered: 0.0,
            users: OwnUsers::default(),
            belief: Belief::default(),
            typed_steps: [0; STEPS],
            sign_steps: [0; STEPS],
            typed_curve: Curve::default(),
            sign_curve: Curve::default(),
            tally: Tally::default(),
            case: None,
            state: State::Healthy,
            label: None,
            steps_due: 0,
        }
    }

    /// The age of a checkpoint of typing.
    pub fn typed_step(&self, step: usize) -> Ms {
        Ms::from(self.typed_steps[step]) * STEP_MS
    }

    /// The age of a checkpoint of the first sign.
    pub fn sign_step(&self, step: usize) -> Ms {
        Ms::from(self.sign_steps[step]) * STEP_MS
    }

    /// Reckons the checkpoints from the curves; `typed` and `sign` are the channel's.
    pub fn reckon_steps(&mut self, typed: &Shape, sign: &Shape, rules: &CurveRules) {
        let most = rules.close_ms.min(Ms::from(u16::MAX) * STEP_MS);
        let typed = typed.corrected(&self.typed_curve, rules.prior_messages);
        let sign = sign.corrected(&self.sign_curve, rules.prior_messages);
        for (step, share) in rules.checkpoints.into_iter().enumerate() {
            self.typed_steps[step] = (typed.age(share).min(most) / STEP_MS) as u16;
            self.sign_steps[step] = (sign.age(share).min(most) / STEP_MS) as u16;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_small() {
        assert!(size_of::<Cell>() <= 256, "{}", size_of::<Cell>());
    }
}
