//! What carriers report, and what a call is told to say.

use async_trait::async_trait;

use super::{Deliveries, Line, speech};
use crate::carrier::{CallEvent, CarrierEvents, Details, News, Passage, Phase, Report, Step, Unstored};
use crate::model::{
    AttemptId, AttemptState, Cause, Channel, DAY, DeliveryState, Digest, HOUR, Locale, MINUTE, Ms, Part, Progress,
    Script,
};
use crate::routing::Standing;
use crate::store::{Attempt, Delivery, Receive, Received, Record, StoreError, Then};

/// How long a report may be ahead of the answer to its own submit.
const PARK_MS: Ms = MINUTE;
/// How long an attempt is found by its carrier's own id: as long as records are kept.
const KNOWN_MS: Ms = DAY;

/// Whether a passage is spoken when the delivery has failed: it holds no code.
fn is_last_word(passage: Passage) -> bool {
    matches!(passage, Passage::NotAsked | Passage::NoKey)
}

#[async_trait]
impl CarrierEvents for Deliveries {
    async fn news(&self, attempt: AttemptId, news: News) -> Result<(), Unstored> {
        self.hear(attempt, news).await.map_err(|error| self.unstored(&attempt, &error))
    }

    async fn news_by_id(&self, carrier: &str, id: &str, news: News) -> Result<(), Unstored> {
        let name = self.name_at(carrier, id);
        let parked = serde_json::to_vec(&news).unwrap_or_default();
        match self.parts.store.archive.find(name, Some((parked, PARK_MS))).await {
            Ok(Some(attempt)) => self.news(attempt, news).await,
            Ok(None) => {
                self.parts.metrics.unknown_receipt();
                Ok(())
            }
            Err(error) => Err(self.unstored(&carrier, &error)),
        }
    }

    async fn call(
        &self,
        attempt: AttemptId,
        phase: Phase,
        event: CallEvent,
        reference: Option<String>,
    ) -> Result<Option<Step>, Unstored> {
        let unstored = |error: StoreError| self.unstored(&attempt, &error);
        let record = self.parts.store.numbers.read(attempt.delivery.record).await.map_err(unstored)?;
        let Some(record) = record else { return Ok(None) };
        let (step, progress) = match self.script_of(&record, attempt, false) {
            Some(script) => speech::next(&script, phase, event),
            // Approved, canceled or expired meanwhile: the code is gone, and not needed.
            None if phase == Phase::Code && event == CallEvent::Ended => (None, Some(Progress::Delivered)),
            None => (None, None),
        };
        if step.as_ref().is_some_and(|step| step.passage == Passage::Code) {
            // Whoever hangs up from now on has been told the code. Not noted, the call goes on.
            if let Err(error) = self.parts.store.archive.index(self.spoken(attempt), attempt, HOUR).await {
                tracing::warn!(%attempt, %error, "It is not noted that a call speaks its code.");
            }
        }
        if let Some(progress) = progress {
            let details = Details { reference, ..Details::default() };
            self.receive(attempt, Report { progress, details }).await.map_err(unstored)?;
        }
        Ok(step)
    }

    async fn words(&self, attempt: AttemptId, passage: Passage) -> Result<Option<(Locale, Vec<Part>)>, Unstored> {
        let record = self.parts.store.numbers.read(attempt.delivery.record).await;
        let record = record.map_err(|error| self.unstored(&attempt, &error))?;
        let script = record.and_then(|record| self.script_of(&record, attempt, is_last_word(passage)));
        Ok(script.map(|script| (script.locale.clone(), passage.of(&script).to_vec())))
    }
}

impl Deliveries {
    fn unstored(&self, about: &dyn std::fmt::Display, error: &StoreError) -> Unstored {
        self.parts.metrics.store_error();
        tracing::warn!(%about, %error, "What a carrier told waits for the store.");
        Unstored
    }

    async fn hear(&self, attempt: AttemptId, news: News) -> Result<(), StoreError> {
        match news {
            News::Report(report) => self.receive(attempt, report).await,
            News::Over(details) => self.call_over(attempt, details).await,
        }
    }

    /// How an attempt is found by its carrier's own id.
    fn name_at(&self, carrier: &str, id: &str) -> Digest {
        self.parts.keys.digest("carrier id", &[carrier.as_bytes(), id.as_bytes()])
    }

    /// Makes an attempt known by its carrier's own id, and hears what came before that.
    pub(super) async fn make_known(&self, attempt: AttemptId, carrier: &str, id: &str) -> Result<(), StoreError> {
        let name = self.name_at(carrier, id);
        for news in self.parts.store.archive.index(name, attempt, KNOWN_MS).await? {
            if let Ok(news) = serde_json::from_slice(&news) {
                self.hear(attempt, news).await?;
            }
        }
        Ok(())
    }

    /// What a call says, while its code is worth something. What it said last it may say
    /// although it has failed by then.
    fn script_of(&self, record: &Record, attempt: AttemptId, last_word: bool) -> Option<Script> {
        let delivery = record.delivery(attempt.delivery.n)?;
        let tried = delivery.attempt(attempt.m)?;
        let ended = delivery.channel != Channel::Voice
            || delivery.state == DeliveryState::Canceled
            || delivery.state == DeliveryState::Failed && !last_word
            || !record.is_open(self.parts.clock.now());
        let code = self.payload(record).filter(|_| !ended)?.code?;
        let line = self.parts.carriers.get(&tried.carrier);
        let gate = self.parts.gate && line.is_none_or(|line| line.carrier().waits_for_a_key());
        Some(self.parts.templates.script(&record.locale, &code, gate))
    }

    /// The mark that a call has begun to speak its code.
    fn spoken(&self, attempt: AttemptId) -> Digest {
        self.parts.keys.digest("spoken", &[attempt.to_string().as_bytes()])
    }

    /// A call is over, and its carrier cannot tell how far it came.
    pub(super) async fn call_over(&self, attempt: AttemptId, details: Details) -> Result<(), StoreError> {
        let told = !self.parts.gate || self.parts.store.archive.find(self.spoken(attempt), None).await?.is_some();
        let progress = if told { Progress::Delivered } else { Progress::Failed(Cause::NotAcknowledged) };
        self.receive(attempt, Report { progress, details }).await
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

    /// Stores a carrier's report. A failure that another carrier could cure goes back to
    /// work, if one is left that this record did not try.
    pub(super) async fn receive(&self, id: AttemptId, report: Report) -> Result<(), StoreError> {
        let Report { progress, details } = report;
        let (mut pause_ms, mut then) = (0, Then::Fail);
        if progress == Progress::Delivered && self.is_doubted(id).await? {
            then = Then::Doubt;
        }
        if let Progress::Failed(cause) = progress
            && (cause == Cause::DeclinedByPerson || cause.meaning().other_carrier_helps)
            && let Some(record) = self.parts.store.numbers.read(id.delivery.record).await?
        {
            if cause == Cause::DeclinedByPerson {
                pause_ms = self.wording(&record).map_or(0, |wording| wording.pause_ms);
            } else if self.goes_on(&record, id.delivery.n, cause) {
                then = Then::Another;
            }
        }
        let (network, reference) = (details.network.clone(), details.reference.clone());
        match self.parts.store.numbers.receive(Receive { id, progress, network, pause_ms, reference, then }).await? {
            Received::Moved(record) => {
                let delivery = record.delivery(id.delivery.n);
                let retried = delivery.is_some_and(|delivery| !delivery.state.is_final() && delivery.due.is_some());
                if retried && matches!(progress, Progress::Failed(_)) {
                    tracing::info!(attempt = %id, "Attempt failed, another carrier is tried.");
                } else if delivery.is_some_and(|delivery| has_advanced(delivery, id.m, progress)) {
                    self.count(&record, id.delivery.n);
                }
                self.log_report(&record, id, progress, &details);
                self.was_reported(id, progress);
            }
            Received::Same => {}
            Received::Unknown => {
                self.parts.metrics.unknown_receipt();
                tracing::warn!(attempt = %id, "A carrier reported an attempt that is not known.");
            }
        }
        Ok(())
    }

    /// Whether a carrier is left that may take this delivery and was not tried for it. No
    /// phone rings twice for one click: a call goes on only if it never rang.
    fn goes_on(&self, record: &Record, n: u16, cause: Cause) -> bool {
        let Some(delivery) = record.delivery(n) else { return false };
        let rang = delivery.state >= DeliveryState::Ringing || cause == Cause::NoReceipt;
        if delivery.channel == Channel::Voice && rang {
            return false;
        }
        let (channel, country, now) = (delivery.channel, record.to.country, self.parts.clock.now());
        let tried = |name: &str| record.tried().any(|(over, tried)| over == channel && tried == name);
        let ready = |line: &Line| self.parts.carriers.standing(line, channel, now) == Standing::Ready;
        let mut lines = self.parts.carriers.lines().iter();
        // Another was to send it anyhow.
        record.is_open(now)
            && (delivery.is_covered()
                || lines.any(|line| line.permits(channel, country) && ready(line) && !tried(line.name())))
    }

    /// Whether this success is to be doubted: the message was given to a carrier whose
    /// receipts on this network say nothing, while another may have to send it too.
    async fn is_doubted(&self, id: AttemptId) -> Result<bool, StoreError> {
        if self.parts.watch.is_calm() {
            return Ok(false);
        }
        let Some(record) = self.parts.store.numbers.read(id.delivery.record).await? else { return Ok(false) };
        let Some(delivery) = record.delivery(id.delivery.n).filter(|delivery| delivery.is_covered()) else {
            return Ok(false);
        };
        let (Some(attempt), Ok(to)) = (delivery.attempt(id.m), self.parts.keys.open_number(&record.to.sealed)) else {
            return Ok(false);
        };
        let cell = self.cell(&record, &to, delivery.channel, &attempt.carrier, attempt.sender.as_deref());
        Ok(!self.outlook(&cell).receipts_count)
    }
}

/// Whether a report moved its delivery, and not only an attempt that counts no more.
fn has_advanced(delivery: &Delivery, m: u16, progress: Progress) -> bool {
    let arrived = |attempt: &&Attempt| attempt.state == AttemptState::Delivered;
    match progress {
        Progress::Delivered => {
            delivery.state == DeliveryState::Delivered && delivery.attempts.iter().filter(arrived).count() == 1
        }
        Progress::Failed(_) => {
            delivery.state == DeliveryState::Failed
                && delivery.attempt(m).is_some_and(|own| own.changed == delivery.changed)
        }
        Progress::Ringing | Progress::Answered => usize::from(m) == delivery.attempts.len(),
    }
}
