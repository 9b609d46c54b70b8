//! The one thread that touches the file. Operations that arrive together run in
//! one transaction and share its sync to disk; each has its own savepoint, so
//! one that fails leaves the others alone.

use std::sync::mpsc;
use std::thread;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::shell;
use crate::clock::Clock;
use crate::model::{Ms, SECOND};
use crate::store::StoreError;

/// Most operations that share one commit: bounds how long the first one waits.
const GROUP: usize = 256;
/// How often rows that have ended are removed.
const PURGE_EVERY: Ms = 5 * SECOND;

type Finish = Box<dyn FnOnce(Option<StoreError>) + Send>;
/// Does its work in the open transaction, or is told that there is none.
type Task = Box<dyn FnOnce(Result<(&Connection, Ms), StoreError>) -> Finish + Send>;

/// The queue to the writer thread. The thread ends when the last queue is dropped.
pub struct Writer {
    queue: Option<mpsc::Sender<Task>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread; it owns the connection from now on.
    pub fn start(conn: Connection, clock: Clock) -> Self {
        let (queue, tasks) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("store".into())
            .spawn(move || run(&conn, &clock, &tasks))
            .expect("the system starts one more thread at start-up");
        Writer { queue: Some(queue), thread: Some(thread) }
    }

    /// Runs `work` in the next transaction and answers when it is on disk.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection, Ms) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let task: Task = Box::new(move |open| {
            let result = open.and_then(|(conn, now)| in_savepoint(conn, |conn| work(conn, now)));
            Box::new(move |failed| {
                // Nobody waits any more: the request was dropped. What is written stays.
                let _ = reply.send(failed.map_or(result, Err));
            })
        });
        let gone = || StoreError::Away("the store's thread has ended".into());
        self.queue.as_ref().ok_or_else(gone)?.send(task).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // The queue is closed, so the thread ends after what it holds.
            let _ = thread.join();
        }
    }
}

fn in_savepoint<T>(
    conn: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    conn.execute_batch("SAVEPOINT op").map_err(shell::error)?;
    let result = work(conn);
    let end = if result.is_ok() { "RELEASE op" } else { "ROLLBACK TO op; RELEASE op" };
    conn.execute_batch(end).map_err(shell::error)?;
    result
}

fn run(conn: &Connection, clock: &Clock, tasks: &mpsc::Receiver<Task>) {
    let mut purged_at = 0;
    while let Ok(first) = tasks.recv() {
        let mut failed = conn.execute_batch("BEGIN IMMEDIATE").map_err(shell::error).err();
        let mut finishes = Vec::new();
        let mut next = Some(first);
        while let Some(task) = next.take() {
            finishes.push(task(failed.clone().map_or(Ok((conn, clock.now())), Err)));
            // A full disk may end the whole transaction in the middle of the group.
            if failed.is_none() && conn.is_autocommit() {
                failed = Some(StoreError::Away("the transaction was rolled back".into()));
            }
            if finishes.len() < GROUP {
                next = tasks.try_recv().ok();
            }
        }
        let now = clock.now();
        if failed.is_none() && purged_at + PURGE_EVERY <= now {
            purged_at = now;
            if let Err(error) = shell::purge(conn, now) {
                tracing::warn!(%error, "Old rows could not be removed.");
            }
        }
        let failed = failed.or_else(|| conn.execute_batch("COMMIT").map_err(shell::error).err());
        if failed.is_some() && !conn.is_autocommit() {
            // It may fail too; then the next BEGIN does, and says so.
            let _ = conn.execute_batch("ROLLBACK");
        }
        for finish in finishes {
            finish(failed.clone());
        }
    }
}
