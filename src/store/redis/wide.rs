//! The wide limits: one script for windows on one server, one per window in a cluster.

use async_trait::async_trait;
use futures_util::future::join_all;

use super::Redis;
use crate::model::Refusal;
use crate::store::wide::slice_ms;
use crate::store::{Limits, StoreError, Take, Taken, Taking};

#[async_trait]
impl Limits for Redis {
    async fn take(&self, takes: Vec<Take>) -> Result<Taking, StoreError> {
        if takes.is_empty() {
            return Ok(Taking::Taken(Vec::new()));
        }
        if !self.link.is_cluster() {
            return self.take_together(&takes).await;
        }
        let answers = join_all(takes.chunks(1).map(|one| self.take_together(one))).await;
        let (mut taken, mut refusal, mut failed) = (Vec::with_capacity(takes.len()), None::<Refusal>, None);
        for answer in answers {
            match answer {
                Ok(Taking::Taken(one)) => taken.extend(one),
                Ok(Taking::Refused(one)) if refusal.is_none_or(|other| other.until <= one.until) => refusal = Some(one),
                Ok(Taking::Refused(_)) => {}
                Err(error) => failed = Some(error),
            }
        }
        if refusal.is_none() && failed.is_none() {
            return Ok(Taking::Taken(taken));
        }
        if let Err(error) = self.give_back(taken).await {
            tracing::warn!(%error, "Wide limits could not be given back; they count too much for their span.");
        }
        failed.map_or_else(|| Ok(Taking::Refused(refusal.expect("one of both"))), Err)
    }

    async fn give_back(&self, taken: Vec<Taken>) -> Result<(), StoreError> {
        if taken.is_empty() {
            return Ok(());
        }
        if !self.link.is_cluster() {
            return self.give_back_together(&taken).await;
        }
        let given = join_all(taken.chunks(1).map(|one| self.give_back_together(one))).await;
        given.into_iter().collect()
    }
}

impl Redis {
    async fn take_together(&self, takes: &[Take]) -> Result<Taking, StoreError> {
        let mut call = self.scripts.take.on(takes.iter().map(|take| self.keys.window(take)));
        for Take { spec, .. } in takes {
            call = call.arg(spec.count).arg(spec.per_ms).arg(slice_ms(*spec));
        }
        let answer = self.call(&call).await?;
        match answer.word().0 {
            "taken" => {
                let taken =
                    takes.iter().enumerate().map(|(i, take)| Ok(Taken { take: *take, slice: answer.int(i + 2)? }));
                taken.collect::<Result<_, StoreError>>().map(Taking::Taken)
            }
            "refused" => {
                let limit =
                    takes.get((answer.int(2)? as usize).wrapping_sub(1)).ok_or_else(|| answer.unexpected())?.limit;
                Ok(Taking::Refused(Refusal { limit, until: answer.int(3)? }))
            }
            _ => Err(answer.unexpected()),
        }
    }

    async fn give_back_together(&self, taken: &[Taken]) -> Result<(), StoreError> {
        let op = crate::seal::token();
        let mark = taken.first().map(|first| self.keys.given(&first.take, &op));
        let windows = taken.iter().map(|one| self.keys.window(&one.take));
        let mut call = self.scripts.give_back.on(mark.into_iter().chain(windows));
        for one in taken {
            call = call.arg(one.slice);
        }
        self.call(&call).await.map(drop)
    }
}
