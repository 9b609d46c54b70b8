//! Waiting until replicas have a write (`store.min_replicas_acked`). It narrows what
//! a promotion may lose and does not close it: a replica that has the write need not
//! be the one that is promoted. <https://redis.io/docs/latest/commands/wait/>
//!
//! WAIT blocks its connection, so it has one of its own, on which it follows a small
//! write: what that write's replicas have, they have everything before it.

use std::sync::atomic::{AtomicU64, Ordering};

use super::address::{Connection, Target};
use crate::store::StoreError;

/// Longest wait, in milliseconds.
const WAIT_MS: u64 = 500;

/// Who waits for replicas.
pub struct Acks {
    min_replicas: u32,
    /// Writes that were answered.
    written: AtomicU64,
    state: tokio::sync::Mutex<State>,
}

#[derive(Default)]
struct State {
    connection: Option<Connection>,
    /// Writes that replicas are known to have.
    covered: u64,
}

impl Acks {
    pub fn new(min_replicas: u32) -> Self {
        Acks { min_replicas, written: AtomicU64::new(0), state: tokio::sync::Mutex::default() }
    }

    /// Waits until enough replicas have what was written before this call, on the
    /// server of `key`. One wait serves all who came before it began.
    pub async fn wait(&self, target: &Target, key: &str) -> Result<(), StoreError> {
        if self.min_replicas == 0 {
            return Ok(());
        }
        let mine = self.written.fetch_add(1, Ordering::SeqCst);
        let mut state = self.state.lock().await;
        if state.covered > mine {
            return Ok(());
        }
        let upto = self.written.load(Ordering::SeqCst);
        let away = |error: redis::RedisError| StoreError::Away(error.to_string());
        let connection = match state.connection.take() {
            Some(connection) => connection,
            None => target.connect().await.map_err(away)?,
        };
        let replicas = self.ask(&mut connection.clone(), key).await.map_err(away)?;
        state.connection = Some(connection);
        if replicas < i64::from(self.min_replicas) {
            return Err(StoreError::Away(format!(
                "{replicas} replicas acknowledged a write, store.min_replicas_acked wants {}",
                self.min_replicas
            )));
        }
        // Each server of a cluster has replicas of its own.
        if !target.is_cluster() {
            state.covered = upto;
        }
        Ok(())
    }

    /// One pipeline: in a cluster it goes to the server of its first key.
    async fn ask(&self, connection: &mut Connection, key: &str) -> redis::RedisResult<i64> {
        let mut both = redis::pipe();
        both.cmd("SET").arg(key).arg("").arg("PX").arg(1_000).ignore();
        both.cmd("WAIT").arg(self.min_replicas).arg(WAIT_MS);
        let (replicas,) = match connection {
            Connection::One(one) => both.query_async(one).await?,
            Connection::Cluster(cluster) => both.query_async(cluster).await?,
        };
        Ok(replicas)
    }
}
