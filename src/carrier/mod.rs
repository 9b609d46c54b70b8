//! Upstreams that take a message or place a call. Owns the trait that all of
//! them fulfil and the one that they report to; each protocol is a folder here:
//! `http` reads what an upstream is like from a folder under `carriers/`.
//! It chooses nothing and stores nothing about records.

pub mod http;
pub mod sandbox;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::model::{
    AttemptId, Cause, Channel, E164, Locale, Money, Ms, Network, Part, Progress, Script, Secret, Sender,
};

/// One submission.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Our id for it; a carrier that can carry it back must.
    pub attempt: AttemptId,
    /// The number.
    pub to: E164,
    /// What is sent.
    pub content: Content,
    /// Whom the person sees; `None`: the carrier's own choice.
    pub sender: Option<Sender>,
    /// How long it is worth something, in milliseconds: the code's remaining life.
    pub valid_for_ms: Ms,
    /// How long a phone may ring, in milliseconds.
    pub ring_ms: Ms,
    /// How long a call may take, in milliseconds.
    pub call_ms: Ms,
}

/// What is sent.
#[derive(Debug, Clone)]
pub enum Content {
    /// A text.
    Sms(Secret<String>),
    /// A call.
    Voice {
        /// All that it may say.
        script: Script,
        /// What it says when somebody answers.
        opening: Step,
    },
}

/// A carrier's answer to a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Taken, with the carrier's own id.
    Accepted(Option<String>),
    /// Not taken, and why.
    Refused(Refused),
    /// Nobody knows whether it was taken.
    Unknown,
}

/// Why something was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// In our word.
    pub cause: Cause,
    /// The wait that the carrier asked for, in milliseconds.
    pub wait_ms: Option<Ms>,
    /// The carrier's own code.
    pub code: Option<String>,
    /// Whether its profile lists that code.
    pub listed: bool,
}

impl From<Cause> for Refused {
    fn from(cause: Cause) -> Self {
        Refused { cause, wait_ms: None, code: None, listed: false }
    }
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
    /// The call is over; what was said decides how it ended.
    Over,
    /// This carrier cannot say.
    CannotSay,
}

/// Someone who takes messages. Submissions of the same attempt may repeat.
#[async_trait]
pub trait Carrier: Send + Sync {
    /// Hands a message over. The caller sets the time-out and drops the future.
    async fn submit(&self, submission: Submission) -> Answer;
    /// Ends a call that nobody needs any more. Harmless if it has ended. `reference` is
    /// the carrier's own id, if it is known.
    async fn cancel(&self, attempt: AttemptId, reference: Option<&str>);
    /// What became of an attempt whose fate is unknown.
    async fn ask(&self, attempt: AttemptId, reference: Option<&str>) -> Fate;
    /// Whether the carrier may be used: credentials and balance. Sends nothing.
    async fn probe(&self) -> Probed;
    /// Whether a call of its can wait for a key before the code is spoken.
    fn waits_for_a_key(&self) -> bool {
        true
    }
    /// Whether its reports over a channel name the attempt by its own id alone.
    fn tells_by_its_id(&self, _channel: Channel) -> bool {
        false
    }
    /// Addresses that the operator must give it by hand, by what it posts there.
    fn addresses(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probed {
    /// It answers, and takes our credentials.
    Fine(Option<Money>),
    /// It answers, and refuses.
    Refused(Refused),
    /// It does not answer, and why.
    Away(String),
    /// It has nothing to ask.
    CannotSay,
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

/// A passage of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// Greeting and "press a key".
    Gate,
    /// The code.
    Code,
    /// To a person who did not ask for this.
    NotAsked,
    /// To one who pressed nothing.
    NoKey,
}

impl Passage {
    /// All of them.
    pub const ALL: [Passage; 4] = [Passage::Gate, Passage::Code, Passage::NotAsked, Passage::NoKey];

    /// The word for it in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Passage::Gate => "gate",
            Passage::Code => "code",
            Passage::NotAsked => "not-asked",
            Passage::NoKey => "no-key",
        }
    }

    /// Its words.
    pub fn of(self, script: &Script) -> &[Part] {
        match self {
            Passage::Gate => &script.gate,
            Passage::Code => &script.code,
            Passage::NotAsked => &script.not_asked,
            Passage::NoKey => &script.no_key,
        }
    }
}

/// What a call says next.
#[derive(Debug, Clone)]
pub struct Step {
    /// Where the call stands now.
    pub phase: Phase,
    /// Which passage is spoken.
    pub passage: Passage,
    /// In which language.
    pub locale: Locale,
    /// What is spoken.
    pub say: Vec<Part>,
    /// How long a key is awaited after it was spoken, in milliseconds; `None`: the
    /// call ends after it.
    pub await_key_ms: Option<u32>,
}

/// Who hears what carriers report. `delivery` implements it; webhooks, SIP and
/// the sandbox all report here. `Err`: it could not be stored, report it again.
#[async_trait]
pub trait CarrierEvents: Send + Sync {
    /// Something happened on a call; what does it say next? `None`: hang up. `reference`
    /// is the carrier's own id, if it tells it.
    async fn call(
        &self,
        attempt: AttemptId,
        phase: Phase,
        event: CallEvent,
        reference: Option<String>,
    ) -> Result<Option<Step>, Unstored>;
    /// News of an attempt.
    async fn news(&self, attempt: AttemptId, news: News) -> Result<(), Unstored>;
    /// News of the attempt that a carrier knows by this id of its own. Those that come
    /// before the answer to their submit wait for it.
    async fn news_by_id(&self, carrier: &str, id: &str, news: News) -> Result<(), Unstored>;
    /// The words of a passage, for as long as the code lives; `None`: it is over.
    async fn words(&self, attempt: AttemptId, passage: Passage) -> Result<Option<(Locale, Vec<Part>)>, Unstored>;
}

/// What is new about an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum News {
    /// A report.
    Report(Report),
    /// A call is over, and its carrier does not know how far it came.
    Over(Details),
}

impl From<Progress> for News {
    fn from(progress: Progress) -> Self {
        News::Report(progress.into())
    }
}

/// What a carrier reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// How far it got.
    pub progress: Progress,
    /// What came with it.
    pub details: Details,
}

/// What may come with a report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// The phone's network.
    pub network: Option<Network>,
    /// The carrier's own id.
    pub reference: Option<String>,
    /// What it cost.
    pub price: Option<Money>,
    /// The carrier's own error code.
    pub code: Option<String>,
}

impl From<Progress> for Report {
    fn from(progress: Progress) -> Self {
        Report { progress, details: Details::default() }
    }
}

/// The report could not be stored; it must be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the report could not be stored")]
pub struct Unstored;
