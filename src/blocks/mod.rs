//! The carrier-block radar: everything from an event to an estimate and a decision.
//! Pure: no clock, no input or output, no randomness. Its state is a function of the
//! sequence of `(time, Event)` alone, and two replicas that read the same sequence are
//! equal to the bit.
//!
//! A message's way: `Sent` opens a [`pending`] entry on its cell. What comes (receipt,
//! typed code, click, rescue) and what does not come until a checkpoint of the cell's
//! [`curve`] moves the cell's [`score`]s against its [`baseline`] (scaled by how much
//! [`users`] type at this hour). From a suspicion on, only messages drawn with known
//! shares feed the [`contrast`], which tells a block from a bad hour that all carriers
//! have. [`states`] turns both into healthy, suspect, blocked, ramp. At 300 s a message is
//! closed and learned.

mod baseline;
mod cell;
mod compare;
mod contrast;
mod curve;
mod early;
mod event;
mod explain;
mod groups;
mod judge;
mod learn;
mod look;
mod maths;
mod outlook;
mod pending;
mod probe;
mod radar;
mod rules;
mod score;
mod states;
mod table;
mod users;

pub use event::{CellKey, Event, Lot, Message, Outcome};
pub use outlook::{CellView, Change, Label, Outlook, State, What};
pub use radar::Radar;
pub use rules::{
    ChoiceRules, CompareRules, CurveRules, KeepRules, LearnRules, ProbeRules, Rules, ScoreRules, StateRules, UserRules,
};

#[cfg(test)]
mod tests;
