//! The attempt log and the counts behind `carriers status`: gathered here, written in
//! batches. What waits when a process is killed is lost from the log alone; the
//! record of its verification still has it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use super::Deliveries;
use super::tally::{Counted, name_of};
use crate::carrier::Details;
use crate::model::{AttemptId, AttemptState, Channel, DAY, E164, Progress, TenantId};
use crate::store::{Attempt, AttemptLog, LogEntry, Logged, Record, Reported, StoreError};

/// How often what was gathered is written.
const WRITE_EVERY: Duration = Duration::from_millis(200);
/// Most entries that are put back for a store that is away; what is more is dropped.
const MOST_WAITING: usize = 20_000;

/// What waits to be written.
#[derive(Default)]
pub(super) struct Book(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    entries: HashMap<(AttemptId, bool), LogEntry>,
    counts: BTreeMap<String, u64>,
}

impl Book {
    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.0.lock().expect("no panic while held")
    }
}

impl Deliveries {
    /// Notes what became of a submit, and of those before it whose owner died: nobody
    /// else does.
    pub(super) fn log_submit(&self, record: &Record, id: AttemptId, code: Option<String>) {
        let Some(delivery) = record.delivery(id.delivery.n) else { return };
        let mut waiting = self.book.waiting();
        for (m, attempt) in (1..).zip(&delivery.attempts) {
            let of = id.delivery.attempt(m);
            if of != id && attempt.state != AttemptState::Unknown {
                continue;
            }
            let price = self.price(record, attempt, delivery.channel);
            let logged = Logged {
                id: of,
                partition: record.to.partition,
                number: record.to.hash,
                tenant: record.tenant.clone(),
                channel: delivery.channel,
                country: record.to.country,
                network: record.to.network.clone(),
                carrier: attempt.carrier.clone(),
                sender: attempt.sender.clone(),
                reason: attempt.reason.clone(),
                state: attempt.state,
                cause: attempt.cause,
                code: code.clone().filter(|_| of == id),
                reference: attempt.reference.clone(),
                price: price.filter(|_| attempt.state != AttemptState::Failed),
                accepted: delivery.created,
                started: attempt.started,
                submitted: Some(attempt.changed),
            };
            waiting.entries.insert((of, false), LogEntry::Submitted(logged));
        }
    }

    fn price(&self, record: &Record, attempt: &Attempt, channel: Channel) -> Option<crate::model::Money> {
        let line = self.parts.carriers.get(&attempt.carrier)?;
        line.price(channel, record.to.country)
    }

    /// Notes a report that moved something, and counts it.
    pub(super) fn log_report(&self, record: &Record, id: AttemptId, progress: Progress, details: &Details) {
        let Some(delivery) = record.delivery(id.delivery.n) else { return };
        let Some(attempt) = delivery.attempt(id.m) else { return };
        let now = self.parts.clock.now();
        let took = now.saturating_sub(attempt.started);
        let counted = match progress {
            Progress::Ringing => Some(Counted::RingMs(took)),
            Progress::Answered => None,
            Progress::Delivered => Some(Counted::DeliveredMs(took)),
            Progress::Failed(cause) => Some(Counted::Failed(cause)),
        };
        let configured = self.price(record, attempt, delivery.channel);
        let spent = details.price.filter(|_| configured.is_none()).map(Counted::Spent);
        for counted in counted.into_iter().chain(spent) {
            self.tally(record, &attempt.carrier, delivery.channel, counted);
        }
        if matches!(progress, Progress::Ringing | Progress::Answered) {
            return;
        }
        let reported = Reported {
            id,
            number: record.to.hash,
            state: attempt.state,
            cause: attempt.cause,
            code: details.code.clone(),
            reference: details.reference.clone(),
            network: details.network.clone(),
            price: details.price,
            at: now,
        };
        self.book.waiting().entries.insert((id, true), LogEntry::Reported(reported));
    }

    /// A tenant's attempts to reach a number, newest first.
    pub async fn attempts(
        &self,
        number: &E164,
        tenant: &TenantId,
        limit: usize,
    ) -> Result<Vec<AttemptLog>, StoreError> {
        let (partition, hash) = (self.parts.keys.partition(number), self.parts.keys.number(number));
        let mut attempts = self.parts.store.archive.attempts(partition, hash, usize::MAX).await?;
        attempts.retain(|attempt| attempt.submitted.tenant == *tenant);
        attempts.truncate(limit);
        Ok(attempts)
    }

    /// Counts something of a carrier, channel and country.
    pub(super) fn tally(&self, record: &Record, carrier: &str, channel: Channel, counted: Counted) {
        let mut waiting = self.book.waiting();
        for (what, amount) in counted.adds() {
            *waiting.counts.entry(name_of(carrier, channel, record.to.country, &what)).or_default() += amount;
        }
    }

    /// Writes what was gathered, until the gateway stops.
    pub(super) async fn keep_log(self: std::sync::Arc<Self>) {
        let mut stopping = self.stopping.subscribe();
        while !*stopping.borrow_and_update() {
            tokio::select! {
                () = tokio::time::sleep(WRITE_EVERY) => {}
                _ = stopping.changed() => {}
            }
            self.write_log().await;
        }
    }

    /// Writes what was gathered. What a store that is away does not take waits.
    pub(super) async fn write_log(&self) {
        let Waiting { entries, counts } = std::mem::take(&mut *self.book.waiting());
        if !entries.is_empty() {
            let keep_ms = self.parts.keep_log_days * DAY;
            if let Err(error) = self.parts.store.archive.log(entries.values().cloned().collect(), keep_ms).await {
                tracing::debug!(%error, "The log of attempts waits for the store.");
                let mut waiting = self.book.waiting();
                let room = MOST_WAITING.saturating_sub(waiting.entries.len());
                self.parts.metrics.log_lost(entries.len().saturating_sub(room));
                for (key, entry) in entries.into_iter().take(room) {
                    waiting.entries.entry(key).or_insert(entry);
                }
            }
        }
        if !counts.is_empty()
            && let Err(error) = self.parts.store.archive.tally(counts.clone().into_iter().collect()).await
        {
            tracing::debug!(%error, "Counts wait for the store.");
            let mut waiting = self.book.waiting();
            for (name, amount) in counts {
                *waiting.counts.entry(name).or_default() += amount;
            }
        }
    }
}
