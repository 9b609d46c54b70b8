//! One delivery, step by step: open, choose, pace, write the intent, submit,
//! write the outcome. Each step needs what the one before returns.

use std::time::{Duration, Instant};

use tokio::sync::{SemaphorePermit, TryAcquireError};

use super::carriers::Line;
use super::choices::Choices;
use super::job::{Chosen, Job, Opened, Retry, Stop, Tried};
use super::payload::Payload;
use super::{Deliveries, Wording};
use crate::blocks::Lot;
use crate::model::{AttemptId, AttemptState, Cause, Channel, LimitName, Ms, SECOND};
use crate::routing::Choice;
use crate::store::{Begin, Begun, Moved, Next, Record, Settle, Settled, Take, Taken, Taking};

/// How long a turn of one carrier's pace is waited for while another could take it.
const PATIENCE: Duration = Duration::from_secs(3);

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
        // A report that nobody else can cure, and whose reader died.
        let last = delivery.attempts.last().filter(|last| last.state == AttemptState::Failed);
        if let Some(cause) = last.and_then(|last| last.cause)
            && !cause.meaning().other_carrier_helps
            && (channel == Channel::Voice || !cause.meaning().same_carrier_later)
        {
            return self.give_up(&job, cause, Next::Never).await;
        }
        let opened = match self.open(&job) {
            Ok(opened) => opened,
            Err(cause) => return self.give_up(&job, cause, Next::Never).await,
        };
        let Choices { order, others_work, rest_ends } = self.choices(&job, delivery, &opened.to).await?;
        let (mut retry, count) = (Retry::default(), order.len());
        for (i, mut choice) in order.into_iter().enumerate() {
            let Some(line) = self.parts.carriers.get(&choice.carrier) else { continue };
            if let Some((cause, wait_ms)) = self.held_back(line, channel, &choice).await? {
                retry.note(cause, true, Some(wait_ms));
                continue;
            }
            let others_left = i + 1 < count;
            let Some(permit) = self.turn(&job, line, channel, others_left).await? else {
                retry.note(Cause::RateLimited, true, None);
                continue;
            };
            let mut reserved = None;
            if channel == Channel::Sms && choice.fall_back.is_some() {
                reserved = self.reserve_cover(&job).await;
                if reserved.is_none() && others_left && others_work && choice.lot != Lot::Drawn {
                    // Nobody is lost to a test.
                    continue;
                }
                choice.fall_back = choice.fall_back.filter(|_| reserved.is_some());
            }
            let begun = Instant::now();
            let attempt = self.begin(&job, &choice).await?;
            if begun.elapsed() > self.lease_time() / 2 {
                // This process slept: the lease may be another's, who finds the intent.
                return Ok(());
            }
            let sender = choice.sender.as_ref().map(|sender| sender.id.as_str());
            let cell = self.cell(&job.record, &opened.to, channel, &choice.carrier, sender);
            let chosen = Chosen { line, choice: &choice, cell, others_left };
            let tried = self.attempt(&job, &opened, chosen, attempt, &mut retry).await?;
            drop(permit);
            if let (Some(taken), Tried::Next | Tried::Over) = (reserved, &tried) {
                self.give_back(taken).await;
            }
            match tried {
                Tried::Submitted if channel == Channel::Voice => return self.hold_call(&job, line, attempt).await,
                Tried::Submitted | Tried::Over => return Ok(()),
                Tried::Next => {}
            }
        }
        match (retry.cause, rest_ends) {
            (None, None) => {
                let last = job.delivery().and_then(|delivery| delivery.attempts.last()?.cause);
                self.give_up(&job, last.unwrap_or(Cause::NoRoute), Next::Never).await
            }
            // All rest: it waits for the first.
            (None, Some((until, cause))) => {
                let wait = until.saturating_sub(self.parts.clock.now()).max(1);
                self.give_up(&job, cause, Next::Later(wait)).await
            }
            (Some(cause), _) => self.give_up(&job, cause, self.next(&job, false, &retry)).await,
        }
    }

    /// A second text of one verification counts in the wide limits as the first does: else
    /// whoever pumps gets twice what they allow. `None`: there is no room, or nobody knows.
    async fn reserve_cover(&self, job: &Job) -> Option<Vec<Taken>> {
        let took = job.accepted.as_ref()?.took.clone();
        match self.parts.store.limits.take(took).await {
            Ok(Taking::Taken(taken)) => Some(taken),
            Ok(Taking::Refused(_)) | Err(_) => {
                tracing::debug!(record = %job.record.id, "The wide limits leave no room for a cover.");
                None
            }
        }
    }

    async fn give_back(&self, taken: Vec<Taken>) {
        if let Err(error) = self.parts.store.limits.give_back(taken).await {
            tracing::debug!(%error, "What was reserved for a cover stays counted.");
        }
    }

    /// Why a carrier is not asked now, and for how long: it is on trial and another
    /// message tries it, or its cap is reached.
    async fn held_back(&self, line: &Line, channel: Channel, choice: &Choice) -> Result<Option<(Cause, Ms)>, Stop> {
        // A text that is not taken goes on at once. A call of unknown fate would hold the
        // person up, so its carrier must answer a question first.
        if choice.on_trial && !(self.may_try(line).await && (channel == Channel::Sms || self.answers(line).await)) {
            return Ok(Some((Cause::TemporaryCarrierFault, SECOND)));
        }
        let Some(spec) = line.options().cap else { return Ok(None) };
        let key = self.parts.keys.digest("carrier cap", &[line.name().as_bytes()]);
        match self.parts.store.limits.take(vec![Take { limit: LimitName::Carrier, key, spec }]).await? {
            Taking::Taken(_) => Ok(None),
            Taking::Refused(refusal) => {
                self.parts.metrics.refusal(refusal.limit);
                tracing::warn!(carrier = line.name(), cap = %spec, "Carrier's cap is reached.");
                Ok(Some((Cause::RateLimited, refusal.until.saturating_sub(self.parts.clock.now()))))
            }
        }
    }

    /// Waits for a turn of the carrier's pace and for a free worker, for as long as the
    /// code lives, or a moment if others could take it (`None`). The turn comes first, so
    /// that a carrier that is waited for holds no other one up; but a turn that had to
    /// wait for a worker is stale.
    async fn turn(
        &self,
        job: &Job,
        line: &Line,
        channel: Channel,
        others_left: bool,
    ) -> Result<Option<SemaphorePermit<'_>>, Stop> {
        let left = Duration::from_millis(job.record.expires.saturating_sub(self.parts.clock.now()));
        let turn = async || match line.pace(channel).spec(self.parts.clock.now()) {
            Some(pace) => self.parts.store.fleet.turn(&line.turns(channel), pace).await.map_err(Stop::Store),
            None => Ok(()),
        };
        let both = async {
            let at_once = if others_left { PATIENCE } else { left };
            match tokio::time::timeout(at_once, turn()).await {
                Ok(turn) => turn?,
                Err(_) if others_left => return Ok(None),
                Err(_) => return Err(Stop::Done),
            }
            match self.submits.try_acquire() {
                Ok(permit) => Ok(Some(permit)),
                Err(TryAcquireError::Closed) => Err(Stop::Done),
                Err(TryAcquireError::NoPermits) => {
                    let permit = self.submits.acquire().await.map_err(|_| Stop::Done)?;
                    turn().await?;
                    Ok(Some(permit))
                }
            }
        };
        // What expires meanwhile is ended by the store.
        tokio::time::timeout(left, both).await.unwrap_or(Err(Stop::Done))
    }

    /// Opens number and secret. Only damage makes it fail.
    fn open(&self, job: &Job) -> Result<Opened, Cause> {
        let damaged = |what: &str| {
            tracing::error!(record = %job.record.id, what, "A record cannot be opened; check the master keys.");
            Cause::PermanentOther
        };
        // Ended since it was queued: nothing is left to send.
        if job.record.secret.is_none() {
            return Err(Cause::ExpiredUnsent);
        }
        let to = self.parts.keys.open_number(&job.record.to.sealed).map_err(|_| damaged("number"))?;
        let payload = self.payload(&job.record).ok_or_else(|| damaged("secret"))?;
        let speaks = job.delivery().is_some_and(|delivery| delivery.channel == Channel::Voice);
        if payload.code.is_none() && (speaks || payload.text.is_none()) {
            return Err(damaged("code"));
        }
        Ok(Opened { to, payload })
    }

    pub(super) fn payload(&self, record: &Record) -> Option<Payload> {
        Payload::open(&self.parts.keys, record.id, record.secret.as_ref()?).ok()
    }

    pub(super) fn wording(&self, record: &Record) -> Option<&Wording> {
        self.parts.wordings.get(&record.tenant)
    }

    /// Ends or postpones a delivery for which no carrier is asked now. What a carrier has
    /// stays with it.
    async fn give_up(&self, job: &Job, cause: Cause, next: Next) -> Result<(), Stop> {
        let id = job.record.id.delivery(job.n).attempt(0);
        let moved = match (job.is_covering(), next) {
            (true, Next::Later(again_ms)) => Moved::Covered { reference: None, again_ms },
            (true, _) => Moved::Submitted { reference: None, keep_lease: false },
            (false, next) => Moved::Failed(cause, next),
        };
        self.settle(job, Settle { id, token: job.token, moved }).await.map(drop)
    }

    async fn begin(&self, job: &Job, choice: &Choice) -> Result<AttemptId, Stop> {
        let begin = Begin {
            id: job.record.id.delivery(job.n),
            token: job.token,
            carrier: choice.carrier.clone(),
            sender: choice.sender.as_ref().map(|sender| sender.id.clone()),
            reason: choice.reason.clone(),
        };
        match self.parts.store.numbers.begin(begin).await? {
            Begun::Attempt(attempt) => Ok(attempt),
            Begun::Ended if job.is_covering() => {
                self.give_up(job, Cause::ExpiredUnsent, Next::Never).await?;
                Err(Stop::Done)
            }
            Begun::Lost | Begun::Ended => Err(Stop::Done),
        }
    }

    pub(super) async fn settle(&self, job: &Job, settle: Settle) -> Result<Record, Stop> {
        match self.parts.store.numbers.settle(settle).await? {
            Settled::Done(record) => {
                // What covers another's message was counted with that.
                if !job.is_covering() {
                    self.count(&record, job.n);
                }
                Ok(record)
            }
            Settled::Lost => Err(Stop::Done),
        }
    }
}
