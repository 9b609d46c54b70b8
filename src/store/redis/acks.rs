//! Waiting until replicas have a write (`store.min_replicas_acked`). It narrows what
//! a promotion may lose and does not close it: a replica that has the write need not
//! be the one that is promoted. <https://redis.io/docs/latest/commands/wait/>
//!
//! WAIT blocks its connection, so it has one of its own, to the same server, on which it
//! follows a small write: what that write's replicas have, they have everything before it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::RedisError;

use super::address::Connection;

/// Longest wait, in milliseconds.
const WAIT_MS: u64 = 500;
/// Longest that a write waits in all: those who come while a wait runs share the next.
const PATIENCE: Duration = Duration::from_millis(3 * WAIT_MS);

/// The small write; checks are made also when Redis is out of memory.
const MARK: &str = "#!lua flags=allow-oom\nreturn redis.call('SET', KEYS[1], '', 'PX', 1000)";

/// Who waits for replicas.
pub struct Acks {
    min_replicas: u32,
    is_cluster: bool,
    /// Writes that were answered.
    written: AtomicU64,
    last: tokio::sync::Mutex<Last>,
}

/// What the last wait found, over which connection, and the writes that it is about:
/// those before `upto`.
#[derive(Default)]
struct Last {
    over: u64,
    upto: u64,
    too_few: Option<i64>,
}

/// Why a write does not count as kept.
#[derive(Debug, thiserror::Error)]
pub enum Unacknowledged {
    /// Too few have it.
    #[error("{0} replicas acknowledged a write, store.min_replicas_acked wants {1}")]
    TooFew(i64, u32),
    /// Nobody said so in time.
    #[error("no replica was asked about a write in time")]
    Late,
    /// The connection.
    #[error("{0}")]
    Broken(#[from] RedisError),
}

impl Acks {
    pub fn new(min_replicas: u32, is_cluster: bool) -> Self {
        Acks { min_replicas, is_cluster, written: AtomicU64::new(0), last: tokio::sync::Mutex::default() }
    }

    /// Whether anybody waits at all.
    pub fn are_wanted(&self) -> bool {
        self.min_replicas > 0
    }

    /// Waits until enough replicas have what was written before this call over the
    /// connection with that number, on the server of `key`; `waits` goes there too. One
    /// wait serves all who came before it began.
    pub async fn wait(&self, waits: &Connection, over: u64, key: &str) -> Result<(), Unacknowledged> {
        // Each server of a cluster has replicas of its own.
        if self.is_cluster {
            return self.verdict(self.ask(&mut waits.clone(), key).await?);
        }
        let (mine, begun) = (self.written.fetch_add(1, Ordering::SeqCst), Instant::now());
        let mut last = self.last.lock().await;
        if last.over == over && last.upto > mine {
            return last.too_few.map_or(Ok(()), |replicas| self.verdict(replicas));
        }
        if begun.elapsed() > PATIENCE {
            return Err(Unacknowledged::Late);
        }
        let upto = self.written.load(Ordering::SeqCst);
        let replicas = self.ask(&mut waits.clone(), key).await?;
        let verdict = self.verdict(replicas);
        *last = Last { over, upto, too_few: verdict.is_err().then_some(replicas) };
        verdict
    }

    fn verdict(&self, replicas: i64) -> Result<(), Unacknowledged> {
        let is_enough = replicas >= i64::from(self.min_replicas);
        if is_enough { Ok(()) } else { Err(Unacknowledged::TooFew(replicas, self.min_replicas)) }
    }

    /// One pipeline: in a cluster it goes to the server of its first key.
    async fn ask(&self, waits: &mut Connection, key: &str) -> Result<i64, RedisError> {
        let mut both = redis::pipe();
        both.cmd("EVAL").arg(MARK).arg(1).arg(key).ignore();
        both.cmd("WAIT").arg(self.min_replicas).arg(WAIT_MS);
        let (replicas,) = match waits {
            Connection::One(one) => both.query_async(one).await?,
            Connection::Cluster(cluster) => both.query_async(cluster).await?,
        };
        Ok(replicas)
    }
}
