//! The log of attempts, one key for each number; names of attempts; and counters. Each
//! call is on keys of one slot, so all of it works in a cluster.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::Redis;
use super::answer::pairs;
use super::wire;
use crate::model::{AttemptId, Digest, Ms, NumberHash, Partition};
use crate::store::archive::parkable;
use crate::store::{Archive, AttemptLog, LogEntry, PARKED_MOST, StoreError, TALLY_KEPT_MS, TALLY_MS};

type Result<T> = std::result::Result<T, StoreError>;

/// Most attempts in the log of one number.
const LOG_MOST: usize = 1_000;
/// Calls of one operation that run at the same time.
const AT_ONCE: usize = 16;

#[async_trait]
impl Archive for Redis {
    async fn log(&self, entries: Vec<LogEntry>, keep_ms: Ms) -> Result<()> {
        let mut by_number = BTreeMap::<_, Vec<_>>::new();
        for entry in entries.into_iter().map(LogEntry::fitting) {
            by_number.entry((entry.id().delivery.record.partition(), entry.number())).or_default().push(entry);
        }
        let logs = by_number.into_iter().map(|((partition, number), entries)| async move {
            let mut call = self.scripts.log.on([self.keys.log(partition, number)]).arg(keep_ms).arg(LOG_MOST);
            for entry in entries {
                let (kind, packed) = match &entry {
                    LogEntry::Submitted(logged) => ("s", wire::pack_logged(logged)),
                    LogEntry::Reported(reported) => ("r", wire::pack_reported(reported)),
                };
                call = call.arg(kind).arg(wire::entry_id(entry.id())).arg(packed);
            }
            self.call(&call).await.map(drop)
        });
        // All are tried, whatever becomes of one.
        let done: Vec<Result<()>> = stream::iter(logs).buffer_unordered(AT_ONCE).collect().await;
        done.into_iter().collect()
    }

    async fn attempts(&self, partition: Partition, number: NumberHash, limit: usize) -> Result<Vec<AttemptLog>> {
        let answer = self.call(&self.scripts.view.on([self.keys.log(partition, number)])).await?;
        let mut all = wire::logs(answer.bytes(4), partition, number, answer.now()?)?;
        all.sort_by_key(|log| std::cmp::Reverse((log.submitted.started, log.submitted.id)));
        all.truncate(limit);
        Ok(all)
    }

    async fn index(&self, name: Digest, attempt: AttemptId, keep_ms: Ms) -> Result<Vec<Vec<u8>>> {
        let call = self.scripts.index.on(self.keys.reference(&name)).arg(attempt.to_string());
        let answer = self.call(&call.arg(keep_ms.max(1)).arg(&self.operation()[..])).await?;
        Ok((2..answer.len()).map(|place| answer.bytes(place).to_vec()).collect())
    }

    async fn find(&self, name: Digest, park: Option<(Vec<u8>, Ms)>) -> Result<Option<AttemptId>> {
        let call = self.scripts.find.on(self.keys.reference(&name));
        let call = match parkable(park) {
            Some((what, keep_ms)) => call.arg(what).arg(keep_ms).arg(PARKED_MOST),
            None => call,
        };
        let answer = self.call(&call).await?;
        match answer.word().0 {
            "found" => answer.text(2)?.parse().map(Some).map_err(StoreError::unreadable),
            "unknown" => Ok(None),
            _ => Err(answer.unexpected()),
        }
    }

    async fn tally(&self, adds: Vec<(String, u64)>) -> Result<()> {
        if adds.is_empty() {
            return Ok(());
        }
        // The followed clock: a key must be named before its server says the time.
        let slice = self.clock.now() / TALLY_MS;
        let mut call = self.scripts.tally.on([self.keys.tally(slice)]).arg(slice * TALLY_MS + TALLY_KEPT_MS);
        for (name, add) in adds {
            call = call.arg(name).arg(i64::try_from(add).unwrap_or(i64::MAX));
        }
        self.call(&call).await.map(drop)
    }

    async fn tallies(&self, since: Ms) -> Result<BTreeMap<String, u64>> {
        let now = self.clock.now();
        let first = since.max(now.saturating_sub(TALLY_KEPT_MS)) / TALLY_MS;
        let slices = (first..=now / TALLY_MS).map(|slice| async move {
            let mut all = ::redis::cmd("HGETALL");
            all.arg(self.keys.tally(slice));
            pairs(&self.link.send(all).await?)
        });
        let mut sums = BTreeMap::<String, u64>::new();
        let mut slices = stream::iter(slices).buffer_unordered(AT_ONCE);
        while let Some(counters) = slices.try_next().await? {
            for (name, count) in counters {
                let count: u64 = count.parse().map_err(StoreError::unreadable)?;
                let sum = sums.entry(name).or_default();
                *sum = sum.saturating_add(count);
            }
        }
        Ok(sums)
    }
}
