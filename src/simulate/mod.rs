//! `otp-gateway simulate`: worlds in virtual time, in which carriers are blocked, slow
//! or fine, and policies that choose among them. Our own policy is the production code
//! of `blocks` and `routing`; nothing of it is written here again.
//!
//! ```text
//! scenario, random ──► compare ──► report          a file or a draw; all policies and seeds; tables, JSON, SVG
//!                       └─ run ──► judge           one world with one policy; what is right, false, lost
//!                           ├─ messages, people    the same people and luck for every policy of a seed (draws)
//!                           ├─ truth               how the world is, for itself, the judge and the oracle
//!                           └─ policy ──► blocks, routing
//! ```

mod command;
mod compare;
mod draws;
mod due;
mod judge;
mod messages;
mod people;
mod policy;
mod random;
mod report;
mod run;
mod scenario;
#[cfg(test)]
mod tests;
mod truth;

pub use self::command::{SimulateArgs, run};
pub use self::scenario::Problem;
