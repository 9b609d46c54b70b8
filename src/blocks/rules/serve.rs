//! The rules of probes, of the choice, and of what is kept.

use serde::{Deserialize, Serialize};

use super::{DAY, MINUTE, SECOND};
use crate::model::Ms;

/// Probes of a blocked cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProbeRules {
    /// At least this long after the last probe ...
    pub every_ms: Ms,
    /// ... and this part of the time that the block has lasted (100: a hundredth of it): a
    /// lift after days need not be seen in minutes, and probes are not free ...
    pub per_age: u32,
    /// ... and so many messages of the network through other cells ...
    pub after_messages: u32,
    /// ... or at the latest after so many. While there is evidence for a lift, after one and ...
    pub at_latest_messages: u32,
    /// ... this time.
    pub hopeful_ms: Ms,
    /// At least this long after the last one where no other carrier covers it: the person who
    /// is called through a blocked carrier has to ask again.
    pub uncovered_every_ms: Ms,
    /// Evidence for a lift at which the cell begins to come back, nats.
    pub lifted_at: f64,
    /// Evidence for a lift stops here, nats.
    pub lifted_most: f64,
    /// A probe's code goes through another carrier at this share of the receipt curve ...
    pub fall_back_receipt: f64,
    /// ... or of the typing curve, where receipts say nothing.
    pub fall_back_typing: f64,
    /// A message drawn to a suspect cell, or explored, gets its fall-back at this share of the
    /// typing curve, so that nothing is lost to the test ...
    pub fall_back_suspect: f64,
    /// ... but no later than this if `fall_back_typing` is reached by then.
    pub fall_back_latest_ms: Ms,
}

impl Default for ProbeRules {
    fn default() -> Self {
        ProbeRules {
            every_ms: 150 * SECOND,
            per_age: 100,
            after_messages: 2,
            at_latest_messages: 100,
            hopeful_ms: 60 * SECOND,
            uncovered_every_ms: 30 * MINUTE,
            lifted_at: 3.4,
            lifted_most: 20.0,
            fall_back_receipt: 0.95,
            fall_back_typing: 0.75,
            fall_back_suspect: 0.97,
            fall_back_latest_ms: 46 * SECOND,
        }
    }
}

/// The choice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChoiceRules {
    /// Share of messages that keep the other carriers known.
    pub explore: f64,
    /// Share that stays with a suspect first choice.
    pub suspect_stays: f64,
    /// Share drawn to a suspect cell that is not the first choice.
    pub suspect_other: f64,
    /// Share that stays with the first choice when no carrier is above suspicion.
    pub all_suspect_stays: f64,
    /// Share that stays with the first choice when the whole network is in trouble: nothing
    /// is won elsewhere, and the rest keeps up the comparison.
    pub network_stays: f64,
    /// Share of a cell that is on its way back.
    pub ramp: f64,
    /// An uncertain estimate is drawn with this part of its standard deviation.
    pub sampling: f64,
    /// Estimates nearer than this many standard deviations do not differ; the operator's
    /// weights decide between equals.
    pub differ: f64,
}

impl Default for ChoiceRules {
    fn default() -> Self {
        ChoiceRules {
            explore: 0.015,
            suspect_stays: 0.25,
            suspect_other: 0.10,
            all_suspect_stays: 0.5,
            network_stays: 0.8,
            ramp: 0.5,
            sampling: 0.25,
            differ: 2.0,
        }
    }
}

/// What is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeepRules {
    /// Most cells; the longest unused healthy ones go first.
    pub cells_max: usize,
    /// A cell without a message for this long is forgotten.
    pub cell_ms: Ms,
    /// Most messages followed at a time (300 s at 3,000 a second); others prove nothing.
    pub pending_max: usize,
    /// Most changes waiting for `take_changes`; the oldest go first.
    pub changes_max: usize,
}

impl Default for KeepRules {
    fn default() -> Self {
        KeepRules { cells_max: 20_000, cell_ms: 30 * DAY, pending_max: 1_000_000, changes_max: 10_000 }
    }
}
