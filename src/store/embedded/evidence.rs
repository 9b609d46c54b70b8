//! The log of evidence of a gateway that is alone: in memory, since nobody else reads it;
//! what was made of it is written. A kill loses what was seen since then.

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;

use super::{Embedded, facts};
use crate::model::Ms;
use crate::store::evidence::LOG_BATCHES;
use crate::store::{Batch, Evidence, Kept, Placed, StoreError};

type Result<T> = std::result::Result<T, StoreError>;

/// The fact under which the state rests, and the one that is read by people.
const STATE: &str = "evidence";
const CELLS: &str = "evidence_cells";

/// The log.
#[derive(Default)]
pub struct Log(Mutex<Batches>);

#[derive(Default)]
struct Batches {
    batches: VecDeque<Placed>,
    last: u64,
    /// When the last one came.
    at: Ms,
    /// The highest of each run.
    marks: std::collections::BTreeMap<String, (u64, u64)>,
}

#[async_trait]
impl Evidence for Embedded {
    async fn append(&self, batch: Batch) -> Result<()> {
        // Places go on after what is kept, whose log is gone.
        let kept = if self.log.0.lock().expect("no panic while held").last == 0 { self.kept().await? } else { None };
        let now = self.clock.now();
        let mut log = self.log.0.lock().expect("no panic while held");
        log.last = log.last.max(kept.map_or(0, |(place, _)| place));
        let mark = (batch.epoch, batch.sequence);
        if log.marks.get(&batch.replica).is_some_and(|highest| mark <= *highest) {
            return Ok(());
        }
        log.marks.insert(batch.replica.clone(), mark);
        log.last += 1;
        log.at = log.at.max(now);
        let (place, at) = (log.last, log.at);
        log.batches.push_back(Placed { place, at, batch });
        if log.batches.len() > LOG_BATCHES {
            log.batches.pop_front();
        }
        Ok(())
    }

    async fn since(&self, place: u64, limit: usize) -> Result<Vec<Placed>> {
        let log = self.log.0.lock().expect("no panic while held");
        Ok(log.batches.iter().filter(|placed| placed.place >= place).take(limit).cloned().collect())
    }

    async fn keep(&self, kept: Kept, cut: u64) -> Result<bool> {
        let Kept { place, state, cells } = kept;
        let cells =
            serde_json::to_vec(&std::collections::BTreeMap::from_iter(cells)).map_err(StoreError::unreadable)?;
        let kept = self.writer.run(move |conn, _| {
            let stands = facts::fact(conn, STATE)?.and_then(|state| read(&state));
            if stands.is_some_and(|(stands, _)| stands >= place) {
                return Ok(false);
            }
            let state = [&place.to_be_bytes()[..], &state].concat();
            facts::set(conn, STATE, &state)?;
            facts::set(conn, CELLS, &cells)?;
            Ok(true)
        });
        let kept = kept.await?;
        if kept {
            self.log.0.lock().expect("no panic while held").batches.retain(|placed| placed.place >= cut);
        }
        Ok(kept)
    }

    async fn kept(&self) -> Result<Option<(u64, Vec<u8>)>> {
        let state = self.writer.run(|conn, _| facts::fact(conn, STATE)).await?;
        Ok(state.and_then(|state| read(&state)))
    }
}

fn read(state: &[u8]) -> Option<(u64, Vec<u8>)> {
    let (place, state) = state.split_first_chunk()?;
    Some((u64::from_be_bytes(*place), state.to_vec()))
}
