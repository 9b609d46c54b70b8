//! Upstreams that take a message or place a call. Owns the trait that all of
//! them fulfil and the one that they report to; each protocol is a folder here.
//! It chooses nothing and stores nothing about records.

pub mod sandbox;

use async_trait::async_trait;

use crate::model::{AttemptId, Cause, E164, Ms, Network, Part, Progress, Script, Secret};

/// One submission.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Our id for it; a carrier that can carry it back must.
    pub attempt: AttemptId,
    /// The number.
    pub to: E164,
    /// What is sent.
    pub content: Content,
    /// How long it is worth something, in milliseconds: the code's remaining life.
    pub valid_for_ms: Ms,
    /// How long a phone may ring, in milliseconds.
    pub ring_ms: Ms,
}

/// What is sent.
#[derive(Debug, Clone)]
pub enum Content {
    /// A text.
    Sms(Secret<String>),
    /// A call.
    Voice(Script),
}

/// A carrier's answer to a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Taken, with the carrier's own id.
    Accepted(Option<String>),
    /// Not taken, and why; with the wait that the carrier asked for.
    Refused(Cause, Option<Ms>),
    /// Nobody knows whether it was taken.
    Unknown,
}

/// What a carrier says of an attempt that it is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It never came there.
    NeverSeen,
    /// The call is live.
    Live,
    /// It ended like this.
    Ended(Progress),
    /// This carrier cannot say.
    CannotSay,
}

/// Someone who takes messages. Submissions of the same attempt may repeat.
#[async_trait]
pub trait Carrier: Send + Sync {
    /// Hands a message over. The caller sets the time-out and drops the future.
    async fn submit(&self, submission: Submission) -> Answer;
    /// Ends a call that nobody needs any more. Harmless if it has ended.
    async fn cancel(&self, attempt: AttemptId);
    /// What became of an attempt whose owner died.
    async fn ask(&self, attempt: AttemptId) -> Fate;
}

/// Where a call stands; the carrier gives back what it was told last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nobody has answered.
    Ringing,
    /// The gate is spoken for the n-th time, from 1; a key is awaited.
    Gate(u8),
    /// The code is spoken.
    Code,
    /// The last words are spoken.
    Over,
}

/// What happened on a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallEvent {
    /// A person answered.
    AnsweredByPerson,
    /// A machine answered.
    AnsweredByMachine,
    /// A key was pressed.
    Key(char),
    /// The awaited key did not come.
    NoKey,
    /// What was to be said is said, or the line was closed.
    Ended,
}

/// What a call says next.
#[derive(Debug, Clone)]
pub struct Step {
    /// Where the call stands now.
    pub phase: Phase,
    /// What is spoken.
    pub say: Vec<Part>,
    /// How long a key is awaited after it was spoken, in milliseconds; `None`: the
    /// call ends after it.
    pub await_key_ms: Option<u32>,
}

/// Who hears what carriers report. `delivery` implements it; webhooks, SIP and
/// the sandbox all report here.
#[async_trait]
pub trait CarrierEvents: Send + Sync {
    /// A report about an attempt. `Err`: it could not be stored, report it again.
    async fn receipt(&self, attempt: AttemptId, progress: Progress, network: Option<Network>) -> Result<(), Unstored>;
    /// Something happened on a call; what does it say next? `None`: hang up.
    async fn call(&self, attempt: AttemptId, phase: Phase, event: CallEvent) -> Result<Option<Step>, Unstored>;
}

/// The report could not be stored; it must be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the report could not be stored")]
pub struct Unstored;
