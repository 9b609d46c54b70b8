//! One submission to one carrier: its words, what the answer means for the job, and
//! what it says about the carrier.

use std::time::{Duration, Instant};

use super::carriers::{Line, draws};
use super::job::{Chosen, Job, Opened, Retry, Stop, Tried};
use super::schedule::backoff;
use super::tally::Counted;
use super::{Deliveries, Parts, speech};
use crate::carrier::{Answer, Content, Fate, Refused, Submission};
use crate::model::{AttemptId, AttemptState, Cause, Channel, MINUTE, Ms, SECOND, Secret};
use crate::routing::{FallBack, Sign, sign};
use crate::store::{Moved, Next, Record, Settle};

impl Deliveries {
    pub(super) async fn attempt(
        &self,
        job: &Job,
        opened: &Opened,
        chosen: Chosen<'_>,
        attempt: AttemptId,
        retry: &mut Retry,
    ) -> Result<Tried, Stop> {
        let Chosen { line, choice, cell, others_left } = chosen;
        let options = &self.parts.options;
        let channel = job.delivery().map_or(Channel::Sms, |delivery| delivery.channel);
        let submission = Submission {
            attempt,
            to: opened.to.clone(),
            content: self.content(job, opened, line, channel),
            sender: choice.sender.clone(),
            valid_for_ms: job.record.expires.saturating_sub(self.parts.clock.now()),
            ring_ms: options.ring_seconds * SECOND,
            call_ms: options.call_seconds * SECOND,
        };
        line.pace(channel).submitted(self.parts.clock.now());
        let begun = Instant::now();
        let limit = Duration::from_secs(options.submit_timeout_seconds);
        let answer = tokio::time::timeout(limit, line.carrier().submit(submission)).await.unwrap_or(Answer::Unknown);
        self.learn(job, line, channel, attempt, &answer, begun.elapsed()).await;
        match &answer {
            Answer::Accepted(_) => self.was_sent(attempt, cell, choice.lot),
            Answer::Refused(refused) => self.was_filtered(attempt, cell, choice.lot, refused.cause),
            Answer::Unknown => {}
        }
        let code = match &answer {
            Answer::Refused(refused) => refused.code.clone(),
            Answer::Accepted(_) | Answer::Unknown => None,
        };
        let mut ended = None;
        let moved = match answer {
            Answer::Accepted(reference) => match choice.fall_back.filter(|_| channel == Channel::Sms) {
                Some(FallBack { after_ms, .. }) => Moved::Covered { reference, again_ms: after_ms },
                None => Moved::Submitted { reference, keep_lease: channel == Channel::Voice },
            },
            Answer::Refused(Refused { cause, wait_ms, .. }) => {
                let meaning = cause.meaning();
                retry.note(cause, meaning.same_carrier_later, wait_ms);
                let next = match (meaning.other_carrier_helps, meaning.same_carrier_later) {
                    // Nobody can cure this, whatever an earlier carrier said.
                    (false, false) => Next::Never,
                    (other_helps, _) => self.next(job, others_left && other_helps, retry),
                };
                Moved::Failed(cause, next)
            }
            Answer::Unknown if channel == Channel::Voice => match line.carrier().ask(attempt, None).await {
                Fate::Live => Moved::Submitted { reference: None, keep_lease: true },
                Fate::Ended(progress) => {
                    ended = Some(progress);
                    Moved::Submitted { reference: None, keep_lease: false }
                }
                Fate::NeverSeen => {
                    retry.note(Cause::TemporaryCarrierFault, true, None);
                    Moved::Failed(Cause::TemporaryCarrierFault, self.next(job, others_left, retry))
                }
                // It may be ringing: the next carrier waits until it cannot any more.
                Fate::Over | Fate::CannotSay => Moved::Unknown(Next::Later(options.ring_seconds * SECOND)),
            },
            Answer::Unknown => {
                retry.note(Cause::TemporaryCarrierFault, true, None);
                Moved::Unknown(self.next(job, others_left, retry))
            }
        };
        // The carrier that had it first has it still, whatever becomes of this.
        let moved = match moved {
            Moved::Failed(cause, _) if job.is_covering() => Moved::Failed(cause, Next::Another),
            Moved::Unknown(_) if job.is_covering() => Moved::Unknown(Next::Another),
            moved => moved,
        };
        let tried = match moved {
            Moved::Submitted { .. } | Moved::Covered { .. } => Tried::Submitted,
            Moved::Failed(_, Next::Another) | Moved::Unknown(Next::Another) => Tried::Next,
            Moved::Failed(..) | Moved::Unknown(_) => Tried::Over,
        };
        let known = match &moved {
            Moved::Submitted { reference: Some(id), .. } | Moved::Covered { reference: Some(id), .. }
                if line.carrier().tells_by_its_id(channel) =>
            {
                Some(id.clone())
            }
            _ => None,
        };
        let settled = self.settle(job, Settle { id: attempt, token: job.token, moved }).await;
        let record = match &settled {
            Ok(record) => Some(record.clone()),
            // Another has the job, or it has ended. What was sent was sent all the same.
            Err(Stop::Done) => self.parts.store.numbers.read(attempt.delivery.record).await?,
            Err(Stop::Store(_)) => None,
        };
        if let Some(record) = record {
            self.log_submit(&record, attempt, code);
        }
        if let Some(id) = known {
            self.make_known(attempt, line.name(), &id).await?;
        }
        let record = settled?;
        if let Some(progress) = ended {
            self.receive(attempt, progress.into()).await?;
            return Ok(Tried::Over);
        }
        match tried {
            Tried::Submitted => self.overtaken(job, &record, attempt, others_left, retry).await,
            tried => Ok(tried),
        }
    }

    /// What follows a submit that was taken: nothing, unless a report of its failure was
    /// faster than the carrier's answer. Then the job is still ours, and goes on.
    async fn overtaken(
        &self,
        job: &Job,
        record: &Record,
        attempt: AttemptId,
        others_left: bool,
        retry: &mut Retry,
    ) -> Result<Tried, Stop> {
        let delivery = record.delivery(attempt.delivery.n);
        let cause = delivery.and_then(|delivery| {
            let own = delivery.attempt(attempt.m)?;
            own.cause.filter(|_| own.state == AttemptState::Failed && !delivery.state.is_final())
        });
        let Some(cause) = cause else { return Ok(Tried::Submitted) };
        if job.is_covering() || others_left && cause.meaning().other_carrier_helps {
            retry.note(cause, cause.meaning().same_carrier_later, None);
            return Ok(Tried::Next);
        }
        self.settle(job, Settle { id: attempt, token: job.token, moved: Moved::Failed(cause, Next::Never) }).await?;
        Ok(Tried::Over)
    }

    /// The words or the script. The text of a verification tells how long its code lives.
    fn content(&self, job: &Job, opened: &Opened, line: &Line, channel: Channel) -> Content {
        let Parts { templates, gate, clock, .. } = &self.parts;
        let (record, payload) = (&job.record, &opened.payload);
        match (channel, &payload.text, &payload.code) {
            (Channel::Voice, _, Some(code)) => {
                let script = templates.script(&record.locale, code, *gate && line.carrier().waits_for_a_key());
                let opening = speech::opening(&script);
                Content::Voice { script, opening }
            }
            (_, Some(text), _) => Content::Sms(Secret::new(text.clone())),
            (_, None, Some(code)) => {
                let minutes = (record.expires.saturating_sub(clock.now()).div_ceil(MINUTE) as u32).max(1);
                let app = self.wording(record).map_or("", |wording| &wording.app_name);
                Content::Sms(templates.text(&record.locale, code, app, minutes).body)
            }
            // `open` has refused it.
            (_, None, None) => Content::Sms(Secret::new(String::new())),
        }
    }

    /// What an answer says about its carrier: breaker, pace, counts. What a sandbox phone
    /// answers was set for one number, and says nothing about the next.
    async fn learn(
        &self,
        job: &Job,
        line: &Line,
        channel: Channel,
        attempt: AttemptId,
        answer: &Answer,
        took: Duration,
    ) {
        let (outcome, counted, sign) = match answer {
            Answer::Accepted(_) => ("accepted", Counted::Accepted, sign(None)),
            Answer::Refused(refused) => {
                let cause = refused.cause;
                if cause == Cause::RateLimited && !line.is_sandbox() {
                    line.pace(channel).slow_down(self.parts.clock.now(), refused.wait_ms);
                }
                if let (Some(code), false) = (&refused.code, refused.listed) {
                    self.parts.metrics.unlisted_code(line.name());
                    tracing::warn!(%attempt, carrier = line.name(), code, "Carrier told a code that its errors.toml does not list.");
                }
                (cause.as_str(), Counted::Refused(cause), sign(Some(cause)))
            }
            Answer::Unknown => ("unknown", Counted::Unknown, Sign::Ill(Cause::TemporaryCarrierFault)),
        };
        self.parts.metrics.attempt(line.name(), channel, outcome, took.as_secs_f64());
        tracing::info!(%attempt, carrier = line.name(), %channel, outcome, "Carrier was asked.");
        self.tally(&job.record, line.name(), channel, counted);
        if let (Answer::Accepted(_), Some(price)) = (answer, line.price(channel, job.record.to.country)) {
            self.tally(&job.record, line.name(), channel, Counted::Spent(price));
        }
        if !line.is_sandbox() {
            self.note(line, sign).await;
        }
    }

    pub(super) fn next(&self, job: &Job, other_carrier: bool, retry: &Retry) -> Next {
        let options = &self.parts.options;
        match (other_carrier, retry.may_pass) {
            (true, _) => Next::Another,

            (false, true) => {
                let retries = job.delivery().map_or(0, |delivery| delivery.retries);
                let (first, most): (Ms, Ms) =
                    (options.retry_first_seconds * SECOND, options.retry_most_seconds * SECOND);
                Next::Later(backoff(retries, retry.hint_ms, first, most, draws()()))
            }
            (false, false) => Next::Never,
        }
    }
}
