//! What happened, as the radar is told it. This is also what is stored and shared
//! between replicas, so it is small, plain to read as JSON, and complete: the state of
//! the radar is a pure function of the sequence of `(at, Event)`.

use serde::{Deserialize, Serialize};

use crate::model::Channel;

/// One message, by a keyed hash of its attempt id (never a number or a code).
pub type Message = u64;

/// Where evidence is gathered.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CellKey {
    /// The carrier's name in the configuration.
    pub carrier: String,
    /// The sender (number, name, pool or DLT header); empty where the carrier chooses.
    pub sender: String,
    /// `IN/404-45` where the network is known, else the prefix block `IN/+91987`. The
    /// country stands before the slash.
    pub network: String,
    /// SMS or voice.
    pub channel: Channel,
}

/// Behind the sender of a cell of foreign texts.
const TEXTS: &str = "(texts)";

impl CellKey {
    /// The cell of foreign texts beside this one: nobody sees whether their codes are typed.
    pub fn of_texts(self) -> Self {
        CellKey { sender: format!("{} {TEXTS}", self.sender).trim_start().to_owned(), ..self }
    }

    /// Whether foreign texts are gathered here.
    pub fn is_of_texts(&self) -> bool {
        self.sender.ends_with(TEXTS)
    }
}

/// How the choice that sent a message was made; it decides what the message proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lot {
    /// Best expected value, nobody suspect.
    Usual,
    /// The small share that goes to another carrier so that all stay known.
    Explored,
    /// Drawn with known shares because a cell of the network was suspect: only these are compared.
    Drawn,
    /// The trickle to a blocked cell; its person is served by the fall-back.
    Probe,
    /// Not a first try, or not ours to choose: no evidence for the sequential test.
    Aside,
}

/// What a receipt or a refusal said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Delivered (voice: answered).
    Delivered,
    /// The carrier or network says outright that it filtered or blocked the message.
    Filtered,
    /// Not there, for a reason that may be the cell's (expired, undelivered, unknown).
    Lost,
    /// The number's own fault (landline, off, opted out): says nothing of the cell.
    Number,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "e", rename_all = "snake_case")]
pub enum Event {
    /// Submitted and accepted.
    Sent {
        /// Which message.
        m: Message,
        /// Through which cell.
        cell: CellKey,
        /// How it was chosen.
        lot: Lot,
    },
    /// A receipt came. Repeats count once.
    Receipt {
        /// Of which message.
        m: Message,
        /// What it said.
        outcome: Outcome,
    },
    /// Its code was typed before anything else was sent for it.
    Typed {
        /// Of which message.
        m: Message,
    },
    /// The person clicked "Didn't receive a code?" while it was the newest.
    Clicked {
        /// After which message.
        m: Message,
    },
    /// Something sent after it (a call, another carrier) got its code typed.
    Rescued {
        /// Which message did not do.
        m: Message,
    },
    /// Nothing can be learned from it any more (canceled, superseded).
    Withdrawn {
        /// Which message.
        m: Message,
    },
    /// Time passed without an event (stored so that replicas agree on it).
    Tick,
}

impl Event {
    /// The message that it is about.
    pub fn message(&self) -> Option<Message> {
        match self {
            Event::Sent { m, .. }
            | Event::Receipt { m, .. }
            | Event::Typed { m }
            | Event::Clicked { m }
            | Event::Rescued { m }
            | Event::Withdrawn { m } => Some(*m),
            Event::Tick => None,
        }
    }
}
