//! A live call on a sandbox phone: it rings, a person on the page (or the
//! script of the outcome) acts, and `delivery` says what is spoken next.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::Phones;
use super::list::{CallOutcome, Line};
use super::outcome::{Behaviour, Outcome};
use crate::carrier::{CallEvent, Phase, Step};
use crate::model::{AttemptId, Cause, Locale, Ms, Part, Progress};

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// A person.
    Person,
    /// An answering machine.
    Machine,
}

/// Something done to a live call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is answered.
    Answer(By),
    /// A key is pressed.
    Key(char),
    /// It is declined.
    Decline,
    /// The phone hangs up.
    HangUp,
    /// The gateway hangs up.
    Cancel,
}

/// What the call says now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Say {
    /// The how-manieth thing it says, from 1.
    pub n: usize,
    /// Its words.
    pub text: String,
    /// Whether a key is awaited after it.
    pub awaits_key: bool,
}

/// Why nothing could be done to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// It has ended, or never was.
    #[error("this call is not live any more")]
    NotLive,
    /// It is not in a state for this.
    #[error("a call is answered while it rings, and takes keys after it was answered")]
    NotNow,
}

/// A live call, as a page shows it.
#[derive(Debug, Clone)]
pub struct CallView {
    /// Where it stands.
    pub phase: Phase,
    /// When it stops ringing.
    pub rings_until: Ms,
    /// What it has said so far, as parts, to play.
    pub said: Vec<Vec<Part>>,
    /// What it says now.
    pub say: Option<Say>,
}

type Request = (Action, oneshot::Sender<Result<Option<Say>, CallError>>);

/// A call that rings or speaks.
pub struct LiveCall {
    attempt: AttemptId,
    view: Mutex<CallView>,
    actions: mpsc::Sender<Request>,
}

impl LiveCall {
    pub(super) fn attempt(&self) -> AttemptId {
        self.attempt
    }

    pub(super) fn view(&self) -> CallView {
        self.view.lock().expect("no panic while held").clone()
    }

    pub(super) async fn act(&self, action: Action) -> Result<Option<Say>, CallError> {
        let (reply, answer) = oneshot::channel();
        self.actions.send((action, reply)).await.map_err(|_| CallError::NotLive)?;
        answer.await.map_err(|_| CallError::NotLive)?
    }
}

/// Makes a live call, which can be acted on already and rings when told to.
pub fn place(
    phones: Arc<Phones>,
    id: String,
    attempt: AttemptId,
    locale: Locale,
    outcome: Outcome,
    ring_ms: Ms,
) -> Placed {
    let (actions, requests) = mpsc::channel(8);
    let rings_until = phones.clock.now() + ring_ms;
    let view = CallView { phase: Phase::Ringing, rings_until, said: Vec::new(), say: None };
    let live = Arc::new(LiveCall { attempt, view: Mutex::new(view), actions });
    phones.calls.lock().expect("no panic while held").insert(id.clone(), live.clone());
    Placed { line: Running { phones, id, live, locale, outcome }, requests, ring_ms }
}

/// A call that is live and does not ring yet.
pub struct Placed {
    line: Running,
    requests: mpsc::Receiver<Request>,
    ring_ms: Ms,
}

impl Placed {
    /// It rings; from now on it lives in a task of its own.
    pub fn ring(self) {
        self.line.phones.changed();
        tokio::spawn(self.line.run(self.requests, self.ring_ms));
    }

    /// It never rings.
    pub fn drop_unheard(self) {
        self.line.phones.calls.lock().expect("no panic while held").remove(&self.line.id);
    }
}

struct Running {
    phones: Arc<Phones>,
    id: String,
    live: Arc<LiveCall>,
    locale: Locale,
    outcome: Outcome,
}

/// How a wait on the line ended.
enum Heard {
    Request(Request),
    Time,
}

impl Running {
    async fn run(self, mut requests: mpsc::Receiver<Request>, ring_ms: Ms) {
        let attempt = self.live.attempt;
        self.phones.report(attempt, Progress::Ringing).await;
        let (outcome, last) = self.talk(&mut requests, ring_ms).await;
        // The record first: whoever sees the call ended may ask the gateway about it.
        match last {
            Some(progress) => self.phones.report(attempt, progress).await,
            None => self.event(CallEvent::Ended).await.map_or((), drop),
        }
        let _ = self.phones.list.append(Line::Ended { id: self.id.clone(), outcome }).await;
        self.phones.calls.lock().expect("no panic while held").remove(&self.id);
        self.phones.changed();
    }

    /// The call from its first ring to its end: how it ended, and the report if
    /// `delivery` does not know it from what happened.
    async fn talk(&self, requests: &mut mpsc::Receiver<Request>, ring_ms: Ms) -> (CallOutcome, Option<Progress>) {
        let ring_ends = Instant::now() + Duration::from_millis(ring_ms);
        let acts_after = Instant::now() + Duration::from_millis(self.outcome.delay_or(500));
        let failed = |cause| Some(Progress::Failed(cause));
        let scripted = match self.outcome.outcome {
            Behaviour::Busy => return (CallOutcome::Busy, failed(Cause::Busy)),
            Behaviour::Answers => Some(Action::Answer(By::Person)),
            Behaviour::Machine => Some(Action::Answer(By::Machine)),
            Behaviour::Declined => Some(Action::Decline),
            _ => None,
        };
        // Whoever acts only after the last ring does not act.
        let scripted = scripted.filter(|_| acts_after < ring_ends);
        let by = loop {
            let until = if scripted.is_some() { acts_after.min(ring_ends) } else { ring_ends };
            let (action, reply) = match wait(requests, until).await {
                Heard::Request((action, reply)) => (action, Some(reply)),
                Heard::Time => match scripted {
                    Some(action) => (action, None),
                    None => return (CallOutcome::NoAnswer, failed(Cause::NoAnswer)),
                },
            };
            match action {
                Action::Answer(by) => break (by, reply),
                Action::Decline | Action::HangUp => {
                    answer(reply, Ok(None));
                    return (CallOutcome::Declined, failed(Cause::Declined));
                }
                Action::Cancel => {
                    answer(reply, Ok(None));
                    return (CallOutcome::Canceled, failed(Cause::NoAnswer));
                }
                Action::Key(_) => answer(reply, Err(CallError::NotNow)),
            }
        };
        let (by, reply) = by;
        let (event, ended) = match by {
            By::Person => (CallEvent::AnsweredByPerson, CallOutcome::Answered),
            By::Machine => (CallEvent::AnsweredByMachine, CallOutcome::Machine),
        };
        let mut ends = self.say(event, reply).await;
        let mut key = self.outcome.key.filter(|_| scripted.is_some());
        while let Some((until, awaits_key)) = ends {
            let scripted_at = Instant::now() + Duration::from_millis(self.outcome.delay_or(500));
            // A scripted person does not listen to the end.
            let until =
                if scripted.is_some() && (key.is_some() || !awaits_key) { until.min(scripted_at) } else { until };
            match wait(requests, until).await {
                Heard::Request((Action::Key(pressed), reply)) if awaits_key => {
                    ends = self.say(CallEvent::Key(pressed), Some(reply)).await;
                }
                Heard::Request((Action::HangUp | Action::Decline | Action::Cancel, reply)) => {
                    answer(Some(reply), Ok(None));
                    break;
                }
                // A key that nobody waits for is heard by nobody.
                Heard::Request((Action::Key(_), reply)) => answer(Some(reply), Ok(self.live.view().say)),
                Heard::Request((Action::Answer(_), reply)) => answer(Some(reply), Err(CallError::NotNow)),
                Heard::Time if awaits_key => {
                    let event = key.take().map_or(CallEvent::NoKey, CallEvent::Key);
                    ends = self.say(event, None).await;
                }
                Heard::Time => break,
            }
        }
        (ended, None)
    }

    async fn event(&self, event: CallEvent) -> Option<Step> {
        let phase = self.live.view().phase;
        for _ in 0..600 {
            let events = self.phones.listener()?;
            if let Ok(step) = events.call(self.live.attempt, phase, event, None).await {
                return step;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        None
    }

    /// Tells what happened and says what comes next: until when, and whether a
    /// key is awaited. `None`: hang up.
    async fn say(
        &self,
        event: CallEvent,
        reply: Option<oneshot::Sender<Result<Option<Say>, CallError>>>,
    ) -> Option<(Instant, bool)> {
        let Some(step) = self.event(event).await else {
            answer(reply, Ok(None));
            return None;
        };
        let spoken_ms = crate::voice::duration_ms(&self.phones.prompts, &self.locale, step.say.iter());
        let say = {
            let mut view = self.live.view.lock().expect("no panic while held");
            view.phase = step.phase;
            let n = view.said.len() + 1;
            let say = Say { n, text: crate::voice::spoken(step.say.iter()), awaits_key: step.await_key_ms.is_some() };
            view.said.push(step.say);
            view.say = Some(say.clone());
            say
        };
        self.phones.changed();
        answer(reply, Ok(Some(say)));
        let listens_ms = spoken_ms + u64::from(step.await_key_ms.unwrap_or(1_000));
        Some((Instant::now() + Duration::from_millis(listens_ms), step.await_key_ms.is_some()))
    }
}

fn answer(reply: Option<oneshot::Sender<Result<Option<Say>, CallError>>>, with: Result<Option<Say>, CallError>) {
    if let Some(reply) = reply {
        // The page may have gone away meanwhile.
        let _ = reply.send(with);
    }
}

async fn wait(requests: &mut mpsc::Receiver<Request>, until: Instant) -> Heard {
    tokio::select! {
        request = requests.recv() => match request {
            Some(request) => Heard::Request(request),
            None => {
                sleep_until(until).await;
                Heard::Time
            }
        },
        () = sleep_until(until) => Heard::Time,
    }
}
