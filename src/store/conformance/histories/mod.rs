//! Random concurrent histories: rounds of one to three operations at the same
//! time, then some time passes. After each round the answers must be those of a
//! plain model for some order of the operations; every state that is still
//! possible is carried on. A history is its seed's alone, so a failing one can
//! be run again: `histories(harnesses, 17..18, 1)`.
//!
//! All numbers of a history lie in one partition: an operation is atomic there, but for
//! a claim, which may list what is due before it takes it.

mod draw;
mod search;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use self::draw::Draw;
use self::search::{Call, Search};
use super::failure::{Failure, Told, Wrong, run};
use super::model::{Model, Moment};
use super::operation::{Answer, Operation};
use super::random::Random;
use super::world::{make_clock, read_clock};
use super::{Harness, Harnesses};
use crate::model::{Ms, RecordId, TenantId};
use crate::store::Store;

/// Rounds of one history.
const ROUNDS: usize = 30;

/// Runs the history of each seed, `at_once` of them at a time, and returns what
/// failed.
pub async fn histories(harnesses: Arc<dyn Harnesses>, seeds: Range<u64>, at_once: usize) -> Vec<Failure> {
    let jobs = seeds.map(|seed| {
        let harnesses = harnesses.clone();
        (format!("history {seed}"), async move { History::new(harnesses.fresh().await, seed).await?.run().await })
    });
    run(jobs, at_once).await
}

struct History {
    harness: Arc<dyn Harness>,
    store: Store,
    clock: (RecordId, TenantId),
    draw: Draw,
    /// Every state that explains all answers so far.
    states: Vec<Model>,
}

impl History {
    async fn new(harness: Arc<dyn Harness>, seed: u64) -> Told<Self> {
        let (store, mut random) = (harness.store(), Random::new(seed));
        let clock = make_clock(&store, &mut random).await?;
        let draw = Draw::new(random);
        let states = vec![Model::new(draw.limits().deliveries_all_tenants.per_ms)];
        Ok(History { harness, store, clock, draw, states })
    }

    async fn run(mut self) -> Told {
        for round in 1..=ROUNDS {
            self.round()
                .await
                .map_err(|wrong| Wrong { expected: format!("round {round}: {}", wrong.expected), ..wrong })?;
            let now = self.now().await?;
            let ms = self.draw.pass(&self.states[0], now);
            if ms > 0 {
                self.harness.pass(ms).await;
            }
        }
        self.look(self.draw.owners().to_vec()).await?;
        let wakes = Operation::NextWake.run(&self.store).await?;
        self.agree(&Operation::NextWake, wakes, self.now().await?)
    }

    async fn now(&self) -> Told<Ms> {
        read_clock(&self.store, self.clock.0, &self.clock.1).await
    }

    async fn round(&mut self) -> Told {
        let before = self.now().await?;
        let ops = self.draw.round(&self.states[0], before);
        let answers = self.at_once(&ops).await?;
        let after = self.now().await?;
        let tolerance = self.harness.tolerance_ms();
        let calls: Vec<Call> = ops.into_iter().zip(answers).map(|(op, answer)| Call { op, answer }).collect();
        let (first, last) = (before.saturating_sub(tolerance), after + tolerance);

        let looked_at = if first == last { self.named(&calls) } else { self.draw.owners().to_vec() };
        let looks = self.looks(looked_at).await?;
        let answers = looks.iter().map(|(_, answer)| answer);
        let mut search = Search::new(&calls, (first, last), self.draw.limits(), answers);
        for mut state in std::mem::take(&mut self.states) {
            state.forget(first);
            search.from(state);
        }
        self.states = search.explained()?;
        for (op, answer) in looks {
            let now = answer.instant().unwrap_or(after);
            self.agree(&op, answer, now)?;
        }
        self.draw.learn(&calls);
        Ok(())
    }

    /// Runs up to three operations at the same time.
    async fn at_once(&self, ops: &[Operation]) -> Told<Vec<Answer>> {
        let run = async |op: Option<&Operation>| match op {
            Some(op) => op.clone().run(&self.store).await.map(Some),
            None => Ok(None),
        };
        let (a, b, c) = tokio::join!(run(ops.first()), run(ops.get(1)), run(ops.get(2)));
        Ok([a?, b?, c?].into_iter().flatten().collect())
    }

    /// The records that a round had to do with, with their tenants.
    fn named(&self, calls: &[Call]) -> Vec<(RecordId, TenantId)> {
        let mut ids: BTreeSet<RecordId> = calls.iter().filter_map(|call| call.op.names()).collect();
        for call in calls {
            ids.extend(call.answer.view().map(|view| view.record.id));
            if let Answer::Claimed(claimed) = &call.answer {
                ids.extend(claimed.iter().map(|claimed| claimed.record.id));
            }
        }
        self.draw.owners().iter().filter(|(id, _)| ids.contains(id)).cloned().collect()
    }

    async fn looks(&self, records: Vec<(RecordId, TenantId)>) -> Told<Vec<(Operation, Answer)>> {
        let mut looks = Vec::with_capacity(records.len());
        for (id, tenant) in records {
            let op = Operation::Get(id, tenant);
            let answer = op.clone().run(&self.store).await?;
            looks.push((op, answer));
        }
        Ok(looks)
    }

    async fn look(&mut self, records: Vec<(RecordId, TenantId)>) -> Told {
        for (op, answer) in self.looks(records).await? {
            let now = answer.instant().unwrap_or_default();
            self.agree(&op, answer, now)?;
        }
        Ok(())
    }

    /// Keeps the states that agree with something seen while nothing else ran.
    fn agree(&mut self, op: &Operation, seen: Answer, now: Ms) -> Told {
        let at = Moment { now, missed: &[], first: now, last: now };
        let mut expected = Vec::new();
        self.states.retain_mut(|state| state.apply(op, &seen, at).map_err(|other| expected.push(other)).is_ok());
        match self.states.is_empty() {
            true => Err(Wrong { expected: format!("{op:?}: {}", expected.join("\nor ")), seen: format!("{seen:?}") }),
            false => Ok(()),
        }
    }
}
