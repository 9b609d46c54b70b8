//! One delivery, step by step: open, choose, pace, write the intent, submit,
//! write the outcome. Each step needs what the one before returns.

use std::time::{Duration, Instant};

use tokio::sync::{SemaphorePermit, TryAcquireError};

use super::carriers::{Line, draw};
use super::payload::Payload;
use super::schedule::backoff;
use super::{Deliveries, Parts, Wording};
use crate::carrier::{Answer, Content, Fate, Submission};
use crate::model::{
    AttemptId, AttemptState, Cause, Channel, DeliveryState, Digest, E164, MINUTE, Ms, Progress, SECOND,
};
use crate::store::{
    Begin, Begun, Delivery, Moved, Next, Receive, Received, Record, Renew, Renewed, Settle, Settled, StoreError,
};

/// A delivery whose lease we hold.
pub struct Job {
    pub record: Record,
    pub n: u16,
    pub token: Digest,
}

/// A job whose secrets are open.
struct Opened {
    to: E164,
    content: Content,
}

/// Why a job stops here; all are normal.
enum Stop {
    /// Not ours any more, not wanted any more, or done.
    Done,
    /// The store is away; the lease ends by itself and somebody takes over.
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Stop::Store(error)
    }
}

/// How an attempt ended.
enum Tried {
    /// It is with the carrier.
    Submitted,
    /// Try the next carrier.
    Next,
    /// Nothing more to do now.
    Over,
}

impl Job {
    fn delivery(&self) -> Option<&Delivery> {
        self.record.delivery(self.n)
    }
}

impl Deliveries {
    /// Runs one delivery to where it needs nobody any more.
    pub(super) async fn deliver(&self, job: Job) {
        let id = job.record.id.delivery(job.n);
        if let Err(Stop::Store(error)) = self.steps(job).await {
            self.parts.metrics.store_error();
            tracing::warn!(delivery = %id, %error, "Store is away, the delivery waits for its lease to end.");
        }
    }

    async fn steps(&self, job: Job) -> Result<(), Stop> {
        let Some(delivery) = job.delivery() else { return Ok(()) };
        let channel = delivery.channel;
        // Before anything is opened: the code of a call that rang may be gone by now.
        if channel == Channel::Voice && self.resume_call(&job).await? {
            return Ok(());
        }
        let opened = match self.open(&job, channel) {
            Ok(opened) => opened,
            Err(cause) => return self.give_up(&job, cause).await,
        };
        let tried: Vec<_> = job.record.tried().collect();
        let choices = self.route(channel, job.record.to.country, &tried);
        let lines: Vec<_> =
            choices.iter().filter_map(|choice| Some((choice, self.parts.carriers.get(&choice.carrier)?))).collect();
        if lines.is_empty() {
            return self.give_up(&job, Cause::NoRoute).await;
        }
        let mut retry_hint = Retry::default();
        for (i, (choice, line)) in lines.iter().enumerate() {
            let permit = self.turn(&job, line).await?;
            let begun = Instant::now();
            let attempt = self.begin(&job, line, &choice.reason).await?;
            if begun.elapsed() > self.lease_time() / 2 {
                // This process slept: the lease may be another's, who finds the intent.
                return Ok(());
            }
            let others_left = i + 1 < lines.len();
            let tried = self.attempt(&job, &opened, line, attempt, channel, others_left, &mut retry_hint).await?;
            drop(permit);
            match tried {
                Tried::Submitted if channel == Channel::Voice => return self.hold_call(&job, line, attempt).await,
                Tried::Submitted | Tried::Over => return Ok(()),
                Tried::Next => {}
            }
        }
        Ok(())
    }

    /// Waits for a turn of the carrier's pace and for a free worker, for as long as the
    /// code lives. The turn comes first, so that a carrier that is waited for holds no
    /// other one up; but a turn that had to wait for a worker is stale.
    async fn turn(&self, job: &Job, line: &Line) -> Result<SemaphorePermit<'_>, Stop> {
        let left = Duration::from_millis(job.record.expires.saturating_sub(self.parts.clock.now()));
        let turn = async || match line.pace() {
            Some(pace) => self.parts.store.fleet.turn(line.name(), pace).await.map_err(Stop::Store),
            None => Ok(()),
        };
        let both = async {
            turn().await?;
            match self.submits.try_acquire() {
                Ok(permit) => Ok(permit),
                Err(TryAcquireError::Closed) => Err(Stop::Done),
                Err(TryAcquireError::NoPermits) => {
                    let permit = self.submits.acquire().await.map_err(|_| Stop::Done)?;
                    turn().await?;
                    Ok(permit)
                }
            }
        };
        // What expires meanwhile is ended by the store.
        tokio::time::timeout(left, both).await.unwrap_or(Err(Stop::Done))
    }

    /// Opens number and secret and makes the words. Only damage makes it fail.
    fn open(&self, job: &Job, channel: Channel) -> Result<Opened, Cause> {
        let Parts { keys, templates, gate, .. } = &self.parts;
        let damaged = |what: &str| {
            tracing::error!(record = %job.record.id, what, "A record cannot be opened; check the master keys.");
            Cause::PermanentOther
        };
        // Ended since it was queued: nothing is left to send.
        if job.record.secret.is_none() {
            return Err(Cause::ExpiredUnsent);
        }
        let to = keys.open_number(&job.record.to.sealed).map_err(|_| damaged("number"))?;
        let payload = self.payload(&job.record).ok_or_else(|| damaged("secret"))?;
        let content = match (channel, payload) {
            (Channel::Sms, Payload { text: Some(text), .. }) => Content::Sms(crate::model::Secret::new(text)),
            (Channel::Sms, Payload { code: Some(code), .. }) => {
                let left_ms = job.record.expires.saturating_sub(self.parts.clock.now());
                let minutes = (left_ms.div_ceil(MINUTE) as u32).max(1);
                let app = self.wording(&job.record).map_or("", |wording| &wording.app_name);
                Content::Sms(templates.text(&job.record.locale, &code, app, minutes).body)
            }
            (Channel::Voice, Payload { code: Some(code), .. }) => {
                Content::Voice(templates.script(&job.record.locale, &code, *gate))
            }
            (_, Payload { code: None, .. }) => return Err(damaged("code")),
        };
        Ok(Opened { to, content })
    }

    pub(super) fn payload(&self, record: &Record) -> Option<Payload> {
        Payload::open(&self.parts.keys, record.id, record.secret.as_ref()?).ok()
    }

    pub(super) fn wording(&self, record: &Record) -> Option<&Wording> {
        self.parts.wordings.get(&record.tenant)
    }

    async fn give_up(&self, job: &Job, cause: Cause) -> Result<(), Stop> {
        let id = job.record.id.delivery(job.n).attempt(0);
        let moved = Moved::Failed(cause, Next::Never);
        self.settle(Settle { id, token: job.token, moved }).await.map(drop)
    }

    async fn begin(&self, job: &Job, line: &Line, reason: &str) -> Result<AttemptId, Stop> {
        let begin = Begin {
            id: job.record.id.delivery(job.n),
            token: job.token,
            carrier: line.name().to_owned(),
            reason: reason.to_owned(),
        };
        match self.parts.store.numbers.begin(begin).await? {
            Begun::Attempt(attempt) => Ok(attempt),
            Begun::Lost | Begun::Ended => Err(Stop::Done),
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the loop's state, taken apart for reading")]
    async fn attempt(
        &self,
        job: &Job,
        opened: &Opened,
        line: &Line,
        attempt: AttemptId,
        channel: Channel,
        others_left: bool,
        retry: &mut Retry,
    ) -> Result<Tried, Stop> {
        let options = &self.parts.options;
        let submission = Submission {
            attempt,
            to: opened.to.clone(),
            content: opened.content.clone(),
            valid_for_ms: job.record.expires.saturating_sub(self.parts.clock.now()),
            ring_ms: options.ring_seconds * SECOND,
        };
        let begun = Instant::now();
        let limit = Duration::from_secs(options.submit_timeout_seconds);
        let answer = tokio::time::timeout(limit, line.carrier().submit(submission)).await.unwrap_or(Answer::Unknown);
        let outcome = match &answer {
            Answer::Accepted(_) => "accepted",
            Answer::Refused(cause, _) => cause.as_str(),
            Answer::Unknown => "unknown",
        };
        self.parts.metrics.attempt(line.name(), channel, outcome, begun.elapsed().as_secs_f64());
        tracing::info!(%attempt, carrier = line.name(), %channel, outcome, "Carrier was asked.");
        let moved = match answer {
            Answer::Accepted(reference) => Moved::Submitted { reference, keep_lease: channel == Channel::Voice },
            Answer::Refused(cause, hint) => {
                let meaning = cause.meaning();
                retry.note(meaning.same_carrier_later, hint);
                let next = match (meaning.other_carrier_helps, meaning.same_carrier_later) {
                    // Nobody can cure this, whatever an earlier carrier said.
                    (false, false) => Next::Never,
                    (other_helps, _) => self.next(job, others_left && other_helps, retry),
                };
                Moved::Failed(cause, next)
            }
            Answer::Unknown if channel == Channel::Voice => {
                match line.carrier().ask(attempt).await {
                    Fate::Live => Moved::Submitted { reference: None, keep_lease: true },
                    Fate::Ended(progress) => {
                        self.receive(attempt, progress).await?;
                        return Ok(Tried::Over);
                    }
                    Fate::NeverSeen => {
                        retry.note(true, None);
                        Moved::Failed(Cause::TemporaryCarrierFault, self.next(job, others_left, retry))
                    }
                    // It may be ringing: the next carrier waits until it cannot any more.
                    Fate::CannotSay => Moved::Unknown(Next::Later(options.ring_seconds * SECOND)),
                }
            }
            Answer::Unknown => {
                retry.note(true, None);
                Moved::Unknown(self.next(job, others_left, retry))
            }
        };
        let tried = match moved {
            Moved::Submitted { .. } => Tried::Submitted,
            Moved::Failed(_, Next::Another) | Moved::Unknown(Next::Another) => Tried::Next,
            Moved::Failed(..) | Moved::Unknown(_) => Tried::Over,
        };
        self.settle(Settle { id: attempt, token: job.token, moved }).await?;
        Ok(tried)
    }

    fn next(&self, job: &Job, other_carrier: bool, retry: &Retry) -> Next {
        let options = &self.parts.options;
        match (other_carrier, retry.may_pass) {
            (true, _) => Next::Another,
            (false, true) => {
                let retries = job.delivery().map_or(0, |delivery| delivery.retries);
                let (first, most) = (options.retry_first_seconds * SECOND, options.retry_most_seconds * SECOND);
                Next::Later(backoff(retries, retry.hint_ms, first, most, draw()))
            }
            (false, false) => Next::Never,
        }
    }

    async fn settle(&self, settle: Settle) -> Result<Record, Stop> {
        let n = settle.id.delivery.n;
        match self.parts.store.numbers.settle(settle).await? {
            Settled::Done(record) => {
                self.count(&record, n);
                Ok(record)
            }
            Settled::Lost => Err(Stop::Done),
        }
    }

    /// Counts a delivery that has just reached a state.
    pub(super) fn count(&self, record: &Record, n: u16) {
        let Some(delivery) = record.delivery(n) else { return };
        if delivery.state != DeliveryState::Queued {
            self.parts.metrics.delivery(delivery.channel, delivery.state, delivery.cause);
            let (id, state) = (record.id.delivery(n), delivery.state.as_str());
            let cause = delivery.cause.map(Cause::as_str);
            tracing::info!(delivery = %id, state, cause, "Delivery moved.");
        }
    }

    /// Stores a carrier's report.
    pub(super) async fn receive(&self, attempt: AttemptId, progress: Progress) -> Result<(), StoreError> {
        self.receive_with(attempt, progress, None).await
    }

    pub(super) async fn receive_with(
        &self,
        id: AttemptId,
        progress: Progress,
        network: Option<crate::model::Network>,
    ) -> Result<(), StoreError> {
        let pause_ms = match progress {
            Progress::Failed(Cause::DeclinedByPerson) => {
                let record = self.parts.store.numbers.read(id.delivery.record).await?;
                record.and_then(|record| self.wording(&record).map(|wording| wording.pause_ms)).unwrap_or(0)
            }
            _ => 0,
        };
        match self.parts.store.numbers.receive(Receive { id, progress, network, pause_ms }).await? {
            Received::Moved(record) => self.count(&record, id.delivery.n),
            Received::Same => {}
            Received::Unknown => tracing::warn!(attempt = %id, "A carrier reported an attempt that is not known."),
        }
        Ok(())
    }

    /// A call whose owner died: is it live, has it ended, or did it never ring?
    /// `true`: nothing more to do now.
    async fn resume_call(&self, job: &Job) -> Result<bool, Stop> {
        let delivery_id = job.record.id.delivery(job.n);
        let Some((m, last)) = job.delivery().and_then(|d| Some((d.attempts.len() as u16, d.attempts.last()?))) else {
            return Ok(false);
        };
        if !matches!(last.state, AttemptState::Submitting | AttemptState::Submitted | AttemptState::Unknown) {
            return Ok(false);
        }
        let attempt = delivery_id.attempt(m);
        // A carrier that is no longer configured can tell nothing.
        let line = self.parts.carriers.get(&last.carrier);
        let fate = match line {
            Some(line) => line.carrier().ask(attempt).await,
            None => Fate::CannotSay,
        };
        match (fate, line) {
            (Fate::NeverSeen, _) => Ok(false),
            (Fate::Live, Some(line)) => self.hold_call(job, line, attempt).await.map(|()| true),
            (Fate::Ended(progress), _) => self.receive(attempt, progress).await.map(|()| true).map_err(Stop::Store),
            (Fate::CannotSay | Fate::Live, _) => {
                let options = &self.parts.options;
                // One that was taken may have been answered: then it may be speaking.
                let speaks = if last.state == AttemptState::Submitted { options.call_seconds } else { 0 };
                let ends = last.changed + (options.ring_seconds + speaks) * SECOND;
                let left = ends.saturating_sub(self.parts.clock.now());
                if left == 0 {
                    return Ok(false);
                }
                let moved = Moved::Unknown(Next::Later(left));
                self.settle(Settle { id: attempt, token: job.token, moved }).await.map(|_| true)
            }
        }
    }

    /// Keeps a live call's lease, and hangs up when the call is not wanted any more.
    async fn hold_call(&self, job: &Job, line: &Line, attempt: AttemptId) -> Result<(), Stop> {
        let options = &self.parts.options;
        let most = Duration::from_secs(options.ring_seconds + options.call_seconds + 5);
        let ends = tokio::time::Instant::now() + most;
        let lease = crate::store::Lease { token: job.token, ms: options.lease_seconds * SECOND };
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            // A store that is away for a moment does not end a call.
            match self.parts.store.numbers.renew(Renew { id: attempt.delivery, lease }).await {
                Ok(Renewed::Held) | Err(_) if tokio::time::Instant::now() < ends => {}
                Ok(Renewed::Lost) => return Ok(()),
                Ok(Renewed::Ended) => {
                    line.carrier().cancel(attempt).await;
                    return Ok(());
                }
                Ok(Renewed::Held) | Err(_) => {
                    line.carrier().cancel(attempt).await;
                    return self.receive(attempt, Progress::Failed(Cause::NoReceipt)).await.map_err(Stop::Store);
                }
            }
        }
    }
}

/// Whether what failed so far may pass, and the longest wait that a carrier asked for.
#[derive(Default)]
struct Retry {
    may_pass: bool,
    hint_ms: Option<Ms>,
}

impl Retry {
    fn note(&mut self, may_pass: bool, hint_ms: Option<Ms>) {
        self.may_pass |= may_pass;
        self.hint_ms = self.hint_ms.max(hint_ms);
    }
}
