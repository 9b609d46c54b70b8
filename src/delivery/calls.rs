//! Live calls: kept while they run, ended when nobody needs them, asked about when
//! their owner died. No phone rings twice for one click.

use std::time::Duration;

use super::Deliveries;
use super::carriers::Line;
use super::job::{Job, Stop};
use crate::carrier::{Details, Fate};
use crate::model::{AttemptId, AttemptState, Cause, DeliveryState, Progress, SECOND};
use crate::store::{Moved, Next, Renew, Renewed, Settle};

impl Deliveries {
    /// A call whose owner died: is it live, has it ended, or did it never ring?
    /// `true`: nothing more to do now.
    pub(super) async fn resume_call(&self, job: &Job) -> Result<bool, Stop> {
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
            Some(line) => line.carrier().ask(attempt, last.reference.as_deref()).await,
            None => Fate::CannotSay,
        };
        if !matches!(fate, Fate::NeverSeen | Fate::CannotSay) {
            // Whoever submitted it did not live to log it.
            self.log_submit(&job.record, attempt, None);
        }
        match (fate, line) {
            (Fate::NeverSeen, _) => Ok(false),
            (Fate::Live, Some(line)) => self.hold_call(job, line, attempt).await.map(|()| true),
            (Fate::Ended(progress), _) => Ok(self.receive(attempt, progress.into()).await.map(|()| true)?),
            (Fate::Over, _) => Ok(self.call_over(attempt, Details::default()).await.map(|()| true)?),
            (Fate::CannotSay | Fate::Live, _) => {
                let options = &self.parts.options;
                // One that was taken may have been answered: then it may be speaking.
                let speaks = if last.state == AttemptState::Submitted { options.call_seconds } else { 0 };
                // Its submit may have taken so long before it rang.
                let submits = if last.state == AttemptState::Submitting { options.submit_timeout_seconds } else { 0 };
                let ends = last.changed + (submits + options.ring_seconds + speaks) * SECOND;
                let left = ends.saturating_sub(self.parts.clock.now());
                if left == 0 {
                    return Ok(false);
                }
                // The attempt stays as it is: whoever comes then reckons from the same time.
                let moved = Moved::Unknown(Next::Later(left));
                self.settle(job, Settle { id: delivery_id.attempt(0), token: job.token, moved }).await.map(|_| true)
            }
        }
    }

    /// Keeps a live call's lease, and hangs up when the call is not wanted any more.
    pub(super) async fn hold_call(&self, job: &Job, line: &Line, attempt: AttemptId) -> Result<(), Stop> {
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
                Ok(Renewed::Ended) => return self.hang_up(line, attempt, false).await,
                Ok(Renewed::Held) | Err(_) => {
                    self.hang_up(line, attempt, true).await?;
                    return Ok(self.receive(attempt, Progress::Failed(Cause::NoReceipt).into()).await?);
                }
            }
        }
    }

    /// Ends a call at its carrier: one that was canceled, that a machine took, or
    /// (`always`) that takes too long. A call that ends by itself says its last words.
    async fn hang_up(&self, line: &Line, attempt: AttemptId, always: bool) -> Result<(), Stop> {
        let record = self.parts.store.numbers.read(attempt.delivery.record).await?;
        let delivery = record.as_ref().and_then(|record| record.delivery(attempt.delivery.n));
        let is_unwanted = delivery.is_none_or(|delivery| {
            delivery.state == DeliveryState::Canceled || delivery.cause == Some(Cause::AnsweredByMachine)
        });
        if always || is_unwanted {
            let reference = delivery.and_then(|delivery| delivery.attempts.last()?.reference.as_deref());
            line.carrier().cancel(attempt, reference).await;
        }
        Ok(())
    }
}
