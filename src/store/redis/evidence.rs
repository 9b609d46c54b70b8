//! The log of evidence: a stream whose ids are places, `N-0`; and what was made of it.
//! All keys lie in one slot.

use std::collections::BTreeMap;

use async_trait::async_trait;
use redis::Value;

use super::Redis;
use super::answer::{bytes, pairs};
use crate::store::evidence::LOG_BATCHES;
use crate::store::{Batch, Evidence, Kept, Placed, StoreError};

type Result<T> = std::result::Result<T, StoreError>;

#[async_trait]
impl Evidence for Redis {
    async fn append(&self, batch: Batch) -> Result<()> {
        let Batch { replica, epoch, sequence, events } = batch;
        let call = self.scripts.witness.on([self.keys.evidence("log"), self.keys.evidence("marks")]);
        let call = call.arg(replica).arg(epoch).arg(sequence).arg(events.join("\n")).arg(LOG_BATCHES);
        self.call(&call).await.map(drop)
    }

    async fn since(&self, place: u64, limit: usize) -> Result<Vec<Placed>> {
        let mut range = ::redis::cmd("XRANGE");
        range.arg(self.keys.evidence("log")).arg(format!("{place}-0")).arg("+").arg("COUNT").arg(limit);
        let Value::Array(entries) = self.link.send(range).await? else {
            return Err(StoreError::unreadable("a stream gave no list"));
        };
        entries.iter().map(placed).collect()
    }

    async fn keep(&self, kept: Kept, cut: u64) -> Result<bool> {
        let keys = ["log", "marks", "state", "cells"].map(|name| self.keys.evidence(name));
        let mut call = self.scripts.conclude.on(keys).arg(kept.place).arg(kept.state).arg(cut);
        for (name, cell) in kept.cells {
            call = call.arg(name).arg(cell);
        }
        Ok(self.call(&call).await?.word().0 == "kept")
    }

    async fn kept(&self) -> Result<Option<(u64, Vec<u8>)>> {
        let mut get = ::redis::cmd("GET");
        get.arg(self.keys.evidence("state"));
        let value = self.link.send(get).await?;
        let Some(text) = bytes(&value) else { return Ok(None) };
        let end = text.iter().position(|byte| *byte == b' ').ok_or_else(|| StoreError::unreadable("a kept state"))?;
        let place = std::str::from_utf8(&text[..end]).ok().and_then(|place| place.parse().ok());
        let place = place.ok_or_else(|| StoreError::unreadable("the place of a kept state"))?;
        Ok(Some((place, text[end + 1..].to_vec())))
    }
}

/// An entry of the stream: its id and its fields.
fn placed(entry: &Value) -> Result<Placed> {
    let unreadable = || StoreError::unreadable("an entry of the log of evidence");
    let Value::Array(parts) = entry else { return Err(unreadable()) };
    let [id, fields] = parts.as_slice() else { return Err(unreadable()) };
    let id = bytes(id).and_then(|id| std::str::from_utf8(id).ok()).ok_or_else(unreadable)?;
    let place = id.strip_suffix("-0").and_then(|place| place.parse().ok()).ok_or_else(unreadable)?;
    let fields: BTreeMap<String, String> = pairs(fields)?.into_iter().collect();
    let text = |name: &str| fields.get(name).ok_or_else(unreadable);
    let number = |name: &str| text(name)?.parse::<u64>().map_err(|_| unreadable());
    let batch = Batch {
        replica: text("replica")?.clone(),
        epoch: number("epoch")?,
        sequence: number("sequence")?,
        events: text("events")?.lines().map(str::to_owned).collect(),
    };
    Ok(Placed { place, at: number("at")?, batch })
}
