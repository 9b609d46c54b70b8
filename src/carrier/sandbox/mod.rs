//! A phone network in memory: carriers that deliver to phones on a page. It
//! needs no account, behaves as it is told (see [`Outcome`]), and keeps what it
//! delivered in an append-only file, on disk before it says "accepted".

mod call;
mod list;
mod outcome;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use self::call::LiveCall;
use super::{Answer, Carrier, CarrierEvents, Content, Fate, Probed, Refused, Submission};
use crate::clock::Clock;
use crate::model::{AttemptId, Cause, Channel, Ms, Progress, Script};
use crate::voice::Prompts;

pub use call::{Action, By, CallError, CallView, Say};
pub use list::{CallOutcome, Item};
pub use outcome::{Behaviour, Outcome, known};

/// The phones of one gateway and what they received. Shared by its sandbox carriers.
pub struct Phones {
    list: list::List,
    behaviours: Mutex<Vec<Outcome>>,
    calls: Mutex<HashMap<String, Arc<LiveCall>>>,
    /// Weak: who hears the reports owns these phones.
    events: OnceLock<Weak<dyn CarrierEvents>>,
    revision: watch::Sender<u64>,
    prompts: Arc<Prompts>,
    clock: Clock,
    sms_delay: Duration,
}

impl Phones {
    /// Opens the list at `path`, made if missing; without a path what arrives is forgotten.
    pub fn open(
        path: Option<&Path>,
        prompts: Arc<Prompts>,
        clock: Clock,
        sms_delay: Duration,
    ) -> std::io::Result<Arc<Self>> {
        let (list, behaviours) = match path {
            Some(path) => list::List::open(path)?,
            None => (list::List::none(), Vec::new()),
        };
        Ok(Arc::new(Phones {
            list,
            behaviours: Mutex::new(behaviours),
            calls: Mutex::default(),
            events: OnceLock::new(),
            revision: watch::Sender::new(1),
            prompts,
            clock,
            sms_delay,
        }))
    }

    /// Tells the phones whom to report to; the first call counts. What arrived
    /// shortly before a restart is reported again: the report may have been lost.
    pub fn report_to(self: &Arc<Self>, events: &Arc<dyn CarrierEvents>) {
        if self.events.set(Arc::downgrade(events)).is_err() {
            return;
        }
        let since = self.clock.now().saturating_sub(crate::model::HOUR);
        for item in self.list.items().into_iter().filter(|item| item.at >= since && item.channel == Channel::Sms) {
            let phones = self.clone();
            tokio::spawn(async move { phones.report(item.attempt, Progress::Delivered).await });
        }
    }

    /// A carrier that delivers to these phones.
    pub fn carrier(self: &Arc<Self>, name: &str) -> Arc<dyn Carrier> {
        Arc::new(SandboxCarrier { name: name.to_owned(), phones: self.clone() })
    }

    /// The newest `limit` items, of one number if `to` names it, oldest first.
    pub fn items(&self, limit: usize, to: Option<&str>) -> Vec<Arc<Item>> {
        let items = self.list.items();
        let mut chosen: Vec<_> =
            items.into_iter().rev().filter(|item| to.is_none_or(|to| item.to == to)).take(limit).collect();
        chosen.reverse();
        chosen
    }

    /// One item.
    pub fn item(&self, id: &str) -> Option<Arc<Item>> {
        self.list.items().into_iter().rev().find(|item| item.id == id)
    }

    /// How the call of an item ended, if it has.
    pub fn ended(&self, id: &str) -> Option<CallOutcome> {
        self.list.ended(id)
    }

    /// The live call of an item.
    pub fn call(&self, id: &str) -> Option<CallView> {
        self.calls.lock().expect("no panic while held").get(id).map(|call| call.view())
    }

    /// Does something to a live call; answers what it says next.
    pub async fn act(&self, id: &str, action: Action) -> Result<Option<Say>, CallError> {
        let call = self.calls.lock().expect("no panic while held").get(id).cloned();
        call.ok_or(CallError::NotLive)?.act(action).await
    }

    /// The scripted outcomes.
    pub fn outcomes(&self) -> Vec<Outcome> {
        self.behaviours.lock().expect("no panic while held").clone()
    }

    /// Sets one outcome, in place of one for the same number, carrier and channel.
    pub async fn set_outcome(&self, outcome: Outcome) -> std::io::Result<()> {
        {
            let mut rows = self.behaviours.lock().expect("no panic while held");
            rows.retain(|row| !row.same_place(&outcome));
            rows.push(outcome.clone());
        }
        self.list.append(list::Line::Outcome(outcome)).await
    }

    /// Forgets the outcomes of one number, or (`None`) all of them.
    pub async fn clear_outcomes(&self, to: Option<String>) -> std::io::Result<()> {
        self.behaviours.lock().expect("no panic while held").retain(|row| to.is_some() && row.to != to);
        self.list.append(list::Line::Cleared(to)).await
    }

    /// The current revision, and a way to wait for the next one.
    pub fn revision(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// Who hears the reports, while that gateway lives.
    fn listener(&self) -> Option<Arc<dyn CarrierEvents>> {
        self.events.get()?.upgrade()
    }

    fn live(&self, attempt: AttemptId) -> Option<Arc<LiveCall>> {
        let calls = self.calls.lock().expect("no panic while held");
        calls.values().find(|call| call.attempt() == attempt).cloned()
    }

    /// Wakes whoever waits for news.
    pub fn changed(&self) {
        self.revision.send_modify(|revision| *revision += 1);
    }

    /// Reports until it is stored, or the code is long worth nothing.
    async fn report(&self, attempt: AttemptId, progress: Progress) {
        for _ in 0..600 {
            let Some(events) = self.listener() else { return };
            if events.news(attempt, progress.into()).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    fn behaviour(&self, to: &str, carrier: &str, channel: Channel) -> Outcome {
        let rows = self.behaviours.lock().expect("no panic while held");
        let fits = rows.iter().filter(|row| row.fits(to, carrier, channel));
        fits.max_by_key(|row| row.precision()).cloned().unwrap_or_else(|| Outcome::plain(channel))
    }
}

struct SandboxCarrier {
    name: String,
    phones: Arc<Phones>,
}

#[async_trait]
impl Carrier for SandboxCarrier {
    async fn submit(&self, submission: Submission) -> Answer {
        let channel = match submission.content {
            Content::Sms(_) => Channel::Sms,
            Content::Voice { .. } => Channel::Voice,
        };
        let outcome = self.phones.behaviour(submission.to.reveal(), &self.name, channel);
        match outcome.outcome {
            Behaviour::Refused => return Answer::Refused(outcome.cause.unwrap_or(Cause::PermanentOther).into()),
            Behaviour::TemporaryFault => return Answer::Refused(Cause::TemporaryCarrierFault.into()),
            Behaviour::RateLimited => {
                let wait_ms = Some(outcome.delay_or(1_000));
                return Answer::Refused(Refused { wait_ms, ..Cause::RateLimited.into() });
            }
            Behaviour::Silent => std::future::pending::<()>().await,
            _ => {}
        }
        match submission.content {
            Content::Sms(text) => self.text(submission.attempt, submission.to.reveal(), text.reveal(), &outcome).await,
            Content::Voice { script, .. } => {
                if outcome.outcome == Behaviour::Slow {
                    tokio::time::sleep(Duration::from_millis(outcome.delay_or(20_000))).await;
                }
                let to = submission.to.reveal();
                self.ring(submission.attempt, to, script, outcome, submission.ring_ms).await
            }
        }
    }

    async fn cancel(&self, attempt: AttemptId, _reference: Option<&str>) {
        if let Some(call) = self.phones.live(attempt) {
            // It may have ended in this instant, which is what was wanted.
            let _ = call.act(Action::Cancel).await;
        }
    }

    async fn ask(&self, attempt: AttemptId, _reference: Option<&str>) -> Fate {
        if self.phones.live(attempt).is_some() {
            return Fate::Live;
        }
        match self.phones.list.items().iter().rev().find(|item| item.attempt == attempt) {
            None => Fate::NeverSeen,
            Some(item) if item.channel == Channel::Sms => Fate::Ended(Progress::Delivered),
            Some(item) => Fate::Ended(match self.phones.ended(&item.id) {
                Some(outcome) => outcome.progress(),
                // It rang when the process died, and nobody can answer it any more.
                None => Progress::Failed(Cause::NoAnswer),
            }),
        }
    }

    async fn probe(&self) -> Probed {
        Probed::Fine(None)
    }
}

impl SandboxCarrier {
    fn item(&self, attempt: AttemptId, to: &str, channel: Channel, body: String, script: Option<&Script>) -> Item {
        Item {
            id: self.phones.list.next_id(),
            attempt,
            carrier: self.name.clone(),
            to: to.to_owned(),
            channel,
            body,
            locale: script.map(|script| script.locale.clone()),
            parts: script.map(|script| script.whole().cloned().collect()),
            at: self.phones.clock.now(),
        }
    }

    async fn text(&self, attempt: AttemptId, to: &str, text: &str, outcome: &Outcome) -> Answer {
        let item = self.item(attempt, to, Channel::Sms, text.to_owned(), None);
        let (phones, delay) = (self.phones.clone(), self.phones.sms_delay);
        let reference = Answer::Accepted(Some(item.id.clone()));
        match outcome.outcome {
            Behaviour::NeverArrives => return reference,
            Behaviour::Undelivered => {
                let cause = outcome.cause.unwrap_or(Cause::UnreachableHandset);
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    phones.report(attempt, Progress::Failed(cause)).await;
                });
                return reference;
            }
            _ => {}
        }
        let wait = Duration::from_millis(outcome.delay_or(20_000));
        let (late, slow) = (outcome.outcome == Behaviour::Late, outcome.outcome == Behaviour::Slow);
        // In a task of its own: a caller that gives up does not call it back.
        let arrival = tokio::spawn(async move {
            if late || slow {
                tokio::time::sleep(wait).await;
            }
            let stored = phones.list.append(list::Line::Item(item)).await;
            phones.changed();
            if stored.is_ok() {
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    phones.report(attempt, Progress::Delivered).await;
                });
            }
            stored
        });
        if late {
            return reference;
        }
        let stored = arrival.await;
        if outcome.outcome == Behaviour::SlowAnswer {
            tokio::time::sleep(wait).await;
        }
        match stored {
            Ok(Ok(())) => reference,
            _ => Answer::Refused(Cause::TemporaryCarrierFault.into()),
        }
    }

    async fn ring(&self, attempt: AttemptId, to: &str, script: Script, outcome: Outcome, ring_ms: Ms) -> Answer {
        let body = crate::voice::spoken(script.whole());
        let item = self.item(attempt, to, Channel::Voice, body, Some(&script));
        let id = item.id.clone();
        // Live before it is listed: whoever sees it may answer at once. In a task of its
        // own: a caller that gives up leaves a call that rings, not one that never ends.
        let line = call::place(self.phones.clone(), id.clone(), attempt, script.locale, outcome, ring_ms);
        let phones = self.phones.clone();
        let rings = tokio::spawn(async move {
            let listed = phones.list.append(list::Line::Item(item)).await.is_ok();
            if listed {
                line.ring()
            } else {
                line.drop_unheard()
            }
            listed
        });
        if !rings.await.unwrap_or(false) {
            return Answer::Refused(Cause::TemporaryCarrierFault.into());
        }
        Answer::Accepted(Some(id))
    }
}
