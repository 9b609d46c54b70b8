//! Which partitions are looked at for due work, and when. A partition belongs to one
//! living gateway (the highest hash of both, so that a gateway that comes or goes moves
//! only its own share), which looks at it every few seconds; what this gateway knows to
//! become due anywhere it looks for at that time. An idle gateway asks for little.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sha2::{Digest as _, Sha256};

use super::Redis;
use super::answer::Answer;
use super::wire;
use crate::model::{Ms, Partition};
use crate::store::{Claim, Claimed, Record, StoreError};

/// How often a partition is looked at without a reason.
const EVERY: Duration = Duration::from_secs(5);

/// What is due so soon is looked for now: the script decides, this side's clock is
/// behind by what an answer takes.
const SOON_MS: Ms = 5;
/// Partitions that are asked at the same time.
const AT_ONCE: usize = 16;
/// Most records that one look at a partition brings.
const MOST: usize = 32;

/// The plan of one gateway, by partition.
pub struct Sweep(Mutex<Vec<Look>>);

struct Look {
    is_mine: bool,
    last: Option<Instant>,
    /// By the server's clock; nothing known: never.
    due: Option<Ms>,
    /// How often something was noted or seen.
    notes: u64,
}

impl Sweep {
    /// For so many partitions, all ours until told otherwise. Their turns are spread.
    pub fn new(partitions: u16) -> Self {
        let look = |_| Look { is_mine: true, last: None, due: None, notes: 0 };
        Sweep(Mutex::new((0..partitions).map(look).collect()))
    }

    fn plan(&self) -> std::sync::MutexGuard<'_, Vec<Look>> {
        self.0.lock().expect("no panic while held")
    }

    /// Every partition.
    fn all(&self) -> Vec<Partition> {
        (0..self.plan().len() as u16).map(Partition).collect()
    }

    /// Who lives: shares the partitions out. A partition that becomes ours is looked at
    /// at once. Each name begins with the version of the records that it can read: only
    /// gateways of the newest one can read all.
    pub fn share(&self, me: &[u8], alive: &[&[u8]]) {
        let version = |who: &[u8]| who.get(..2).map(<[u8]>::to_vec);
        let rank = |who: &[u8], partition: usize| {
            let hash = Sha256::new().chain_update(who).chain_update((partition as u64).to_be_bytes()).finalize();
            (version(who), hash, who.to_vec())
        };
        for (partition, look) in self.plan().iter_mut().enumerate() {
            let mine = rank(me, partition);
            let is_mine = alive.iter().all(|other| rank(other, partition) <= mine);
            if is_mine && !look.is_mine {
                look.last = None;
            }
            look.is_mine = is_mine;
        }
    }

    /// Something in this partition is due at that instant of the server's clock.
    pub fn note(&self, partition: Partition, at: Ms) {
        if let Some(look) = self.plan().get_mut(usize::from(partition.0)) {
            look.due = Some(look.due.map_or(at, |due| due.min(at)));
            look.notes += 1;
        }
    }

    /// A look found that nothing is due before `next`. What was noted since it began
    /// counts too.
    fn seen(&self, Due { partition, notes }: Due, next: Option<Ms>) {
        if let Some(look) = self.plan().get_mut(usize::from(partition.0)) {
            let noted = look.due.filter(|_| look.notes != notes);
            look.due = noted.into_iter().chain(next).min();
            // Another look that runs now may know less.
            look.notes += 1;
        }
    }

    /// The partitions to be looked at now; for each [`Sweep::seen`] says what was found.
    fn due(&self, now: Ms) -> Vec<Due> {
        let (instant, mut due) = (Instant::now(), Vec::new());
        for (number, look) in self.plan().iter_mut().enumerate() {
            let is_due = look.due.is_some_and(|at| at <= now);
            let is_turn = look.is_mine && look.last.is_none_or(|last| instant - last >= EVERY);
            if is_due || is_turn {
                // Spread from the first round on.
                let spread = EVERY / 64 * (number as u32 % 64);
                look.last = Some(look.last.map_or(instant.checked_sub(spread).unwrap_or(instant), |_| instant));
                due.push(Due { partition: Partition(number as u16), notes: look.notes });
            }
        }
        due
    }
}

/// A partition that is to be looked at, and what was known then.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Due {
    partition: Partition,
    notes: u64,
}

impl Redis {
    /// Takes the leases of due deliveries, and ends what has expired. What was taken
    /// before the store went away is given all the same.
    pub async fn sweep(&self, op: Claim) -> Result<Vec<Claimed>, StoreError> {
        let (mut claimed, partitions) = (Vec::new(), self.sweep.due(self.clock.now() + SOON_MS));
        let mut failed = None;
        for some in partitions.chunks(AT_ONCE) {
            let looks = join_all(some.iter().map(|due| self.look(due.partition))).await;
            for (due, look) in some.iter().zip(looks) {
                let next = match look {
                    Ok(wakes) => self.work(due.partition, wakes, op, &mut claimed).await,
                    Err(error) => Err(error),
                };
                self.sweep.seen(*due, next.as_ref().map_or(Some(0), |next| *next));
                failed = failed.or(next.err());
            }
        }
        match failed {
            Some(error) if claimed.is_empty() => Err(error),
            _ => Ok(claimed),
        }
    }

    /// The first records of a partition's schedule, with when each is due.
    async fn look(&self, partition: Partition) -> Result<Vec<(String, Ms)>, StoreError> {
        let mut range = redis::cmd("ZRANGE");
        range.arg(self.keys.jobs(partition)).arg(0).arg(MOST - 1).arg("WITHSCORES");
        let wakes: Vec<(String, f64)> =
            redis::from_redis_value(self.link.send(range).await?).map_err(StoreError::unreadable)?;
        Ok(wakes.into_iter().map(|(id, at)| (id, at as Ms)).collect())
    }

    /// Takes what is due of a partition in one step, and says when the next is. Whether
    /// something is due the script knows best: it has the clock.
    async fn work(
        &self,
        partition: Partition,
        mut wakes: Vec<(String, Ms)>,
        op: Claim,
        claimed: &mut Vec<Claimed>,
    ) -> Result<Option<Ms>, StoreError> {
        let left = op.limit.saturating_sub(claimed.len());
        let now = self.clock.now() + SOON_MS;
        let first = wakes.first().map(|(_, at)| *at);
        wakes.retain(|(_, at)| *at <= now);
        if wakes.is_empty() || left == 0 {
            return Ok(first);
        }
        let records = wakes.iter().map(|(id, _)| self.keys.named(partition, id));
        let call = self.scripts.claim.on([self.keys.jobs(partition)].into_iter().chain(records));
        let call = call.arg(&op.lease.token.0[..]).arg(op.lease.ms).arg(left);
        let call = wakes.iter().fold(call, |call, (id, _)| call.arg(id));
        let answer = self.call(&call).await?;
        for one in (3..answer.len()).map(|place| answer.list(place)) {
            match take_over(&one) {
                Ok(taken) => claimed.extend(taken),
                Err(error) => {
                    tracing::error!(record = one.text(0).unwrap_or("?"), %error, "A record cannot be worked on.")
                }
            }
        }
        if answer.bytes(2).is_empty() { Ok(None) } else { answer.int(2).map(Some) }
    }

    /// Notes when a record that this gateway changed has to be looked at again.
    pub fn note(&self, record: &Record) {
        if let Some(at) = record.wakes().into_iter().map(|(_, at)| at).min() {
            self.sweep.note(record.id.partition(), at);
        }
    }

    /// The earliest entry of all schedules.
    pub async fn first_wake(&self) -> Result<Option<Ms>, StoreError> {
        let looks = join_all(self.sweep.all().into_iter().map(|partition| self.look(partition))).await;
        let wakes = looks.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(wakes.iter().filter_map(|wakes| wakes.first()).map(|(_, at)| *at).min())
    }
}

/// A record of a claim's answer, once for each delivery whose lease was taken.
fn take_over(one: &Answer) -> Result<Vec<Claimed>, StoreError> {
    if one.bytes(1).is_empty() {
        return Err(StoreError::unreadable(one.text(2)?));
    }
    let record = wire::unpack(one.text(0)?.parse().map_err(StoreError::unreadable)?, one.bytes(1))?;
    let number = |place| u16::try_from(one.int(place)?).map_err(StoreError::unreadable);
    (2..one.len()).map(|place| Ok(Claimed { record: record.clone(), n: number(place)? })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_has_one_owner_and_a_leaver_moves_only_its_own() {
        let names: Vec<[u8; 4]> = (0..3u8).map(|i| [0, 1, i, i]).collect();
        let owned = |alive: &[&[u8]], me: &[u8]| -> Vec<bool> {
            let sweep = Sweep::new(128);
            sweep.share(me, alive);
            sweep.plan().iter().map(|look| look.is_mine).collect()
        };
        let all: Vec<&[u8]> = names.iter().map(|name| &name[..]).collect();
        let before: Vec<_> = all.iter().map(|me| owned(&all, me)).collect();
        let after: Vec<_> = all[..2].iter().map(|me| owned(&all[..2], me)).collect();
        for partition in 0..128 {
            assert_eq!(before.iter().filter(|mine| mine[partition]).count(), 1);
            assert_eq!(after.iter().filter(|mine| mine[partition]).count(), 1);
            assert!(!before[0][partition] || after[0][partition]);
            assert!(!before[1][partition] || after[1][partition]);
        }
        assert!(before.iter().all(|mine| mine.iter().filter(|mine| **mine).count() > 20));
        // One that reads newer records than the others does all of it.
        let newer = [0, 2, 0, 0];
        let all = [all[0], all[1], &newer[..]];
        assert!(owned(&all, &newer).iter().all(|mine| *mine) && owned(&all, all[0]).iter().all(|mine| !mine));
    }

    #[test]
    fn what_is_known_to_be_due_is_looked_at_then_and_the_rest_in_turn() {
        let sweep = Sweep::new(8);
        assert_eq!(sweep.due(1_000).len(), 8);
        assert_eq!(sweep.due(1_000), []);
        sweep.note(Partition(3), 999);
        sweep.note(Partition(4), 60_000);
        sweep.note(Partition(99), 0);
        let due = sweep.due(1_000);
        assert_eq!(due.iter().map(|due| due.partition).collect::<Vec<_>>(), [Partition(3)]);
        sweep.note(Partition(3), 1_000);
        sweep.seen(due[0], Some(70_000));
        let due = sweep.due(1_000);
        assert_eq!(due.len(), 1, "noted while it was looked at");
        sweep.seen(due[0], None);
        assert_eq!(sweep.due(1_000), []);
    }
}
