//! What the radar tells others: states, changes, and what to expect of a cell.

use serde::{Deserialize, Serialize};

use super::event::CellKey;
use crate::model::Ms;

/// The state of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As usual.
    Healthy,
    /// Traffic is being moved and compared.
    Suspect,
    /// Only probes go through it.
    Blocked,
    /// On its way back with part of the traffic.
    Ramp,
}

/// What the trouble is called. A name comes after the action and never delays it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// This cell does not let messages through.
    Blocked,
    /// They come, but too late.
    Slow,
    /// The carrier has the same on most of its networks.
    CarrierDown,
    /// All carriers of the network: it is down, people do not type, or codes are pumped.
    Network,
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The cell's state.
    State {
        /// Until now.
        from: State,
        /// From now on.
        to: State,
    },
    /// The name of its trouble; the state stays.
    Label,
    /// A network alarm: do not move, look.
    Alarm,
}

/// A change, with its reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// When.
    pub at: Ms,
    /// Of which cell (an alarm: by which cell of the network it was raised).
    pub cell: CellKey,
    /// What.
    pub what: What,
    /// The name of the trouble, if it has one.
    pub label: Option<Label>,
    /// One sentence with the cell's numbers.
    pub reason: String,
}

/// What to expect of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Outlook {
    /// Its state.
    pub state: State,
    /// The name of its trouble.
    pub label: Option<Label>,
    /// How likely a code arrives and is typed (where nobody types: is received).
    pub mean: f64,
    /// Standard deviation of that estimate.
    pub sd: f64,
    /// A blocked cell may have a probe now.
    pub probe_due: bool,
    /// When a message given to it gets its fall-back, unless it is typed (or received, if
    /// `receipts_count`) by then. Meant for suspect, blocked and returning cells, and for
    /// explored messages.
    pub fall_back_after: Ms,
    /// Whether a delivered receipt is reason enough to leave the fall-back out.
    pub receipts_count: bool,
    /// Half of the first signs (receipt or code) have come at this age.
    pub p50: Ms,
    /// Nearly all of them.
    pub p95: Ms,
}

/// A cell's numbers, for lists and pages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellView {
    /// Its state.
    pub state: State,
    /// The name of its trouble.
    pub label: Option<Label>,
    /// When its state began.
    pub since: Ms,
    /// When its last message was sent.
    pub last_sent: Ms,
    /// Share of codes typed, usually.
    pub typed: f64,
    /// Share of messages received, usually.
    pub received: f64,
    /// How much people type now, against their usual.
    pub factor: f64,
    /// Messages that are remembered.
    pub learned: f64,
    /// The score, nats.
    pub score: f64,
    /// The contrast, nats; 0 while healthy.
    pub contrast: f64,
}
