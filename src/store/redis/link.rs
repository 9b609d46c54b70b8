//! The way to Redis: one shared connection, made again when it breaks, and calls
//! that are repeated for a moment. That is safe: an operation on a number carries an id
//! by which its script knows a repeat. Only a wide limit may count a lost answer twice.

use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::aio::ConnectionLike;
use redis::{Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};

use super::acks::{Acks, Unacknowledged};
use super::address::{Connection, Target};
use super::answer::Answer;
use super::scripts::Call;
use crate::store::StoreError;

/// How long a call is repeated. With the last try's own time it stays below two
/// seconds, after which a request is answered 503.
const PATIENCE: Duration = Duration::from_millis(900);
const FIRST_WAIT: Duration = Duration::from_millis(20);
const MOST_WAIT: Duration = Duration::from_millis(200);
/// How often Sentinels are asked who is master, while there are calls.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);

/// The way to Redis.
pub struct Link {
    target: Target,
    live: RwLock<Option<Live>>,
    /// The last connection that could not be made: when, and why.
    connecting: tokio::sync::Mutex<Option<(Instant, String)>>,
    made: AtomicU64,
    /// The last call failed: the next one tries once and does not wait.
    is_away: AtomicBool,
    /// When Sentinels were asked last.
    followed: tokio::sync::Mutex<Instant>,
    acks: Acks,
}

#[derive(Clone)]
struct Live {
    number: u64,
    /// Whose it is; empty in a cluster.
    address: String,
    connection: Connection,
    /// To the same server, for waits, which block a connection; if there are any.
    waits: Option<Connection>,
}

/// What an error means for the call.
enum Fate {
    /// The server does not know the script.
    SendWhole,
    /// It may work in a moment; over a new connection if so said.
    Again { reconnect: bool },
    /// It will not.
    Over(StoreError),
}

fn fate(error: &RedisError) -> Fate {
    let away = || StoreError::Away(error.to_string());
    match (error.kind(), error.code()) {
        (_, Some("NEWER")) => Fate::Over(StoreError::Newer),
        (_, Some("OOM" | "MISCONF")) => Fate::Over(StoreError::Full),
        (_, Some("BUSY")) => Fate::Again { reconnect: false },
        // Perhaps an old master that its Sentinels have left.
        (_, Some("NOREPLICAS")) => Fate::Again { reconnect: true },
        (ErrorKind::AuthenticationFailed, _) | (ErrorKind::Server(ServerErrorKind::NoPerm), _) => {
            let fix = "docs/operations.md lists what the user needs";
            Fate::Over(StoreError::Misconfigured(format!("Redis refuses the user of store.url ({error}); {fix}")))
        }
        (ErrorKind::Server(kind), _) => match kind {
            ServerErrorKind::NoScript => Fate::SendWhole,
            ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown => Fate::Again { reconnect: true },
            ServerErrorKind::BusyLoading
            | ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::Moved
            | ServerErrorKind::Ask => Fate::Again { reconnect: false },
            // What a script stumbles over is what is stored.
            ServerErrorKind::ResponseError if error.to_string().contains("script") => {
                Fate::Over(StoreError::unreadable(error))
            }
            _ => Fate::Over(away()),
        },
        (
            ErrorKind::Extension | ErrorKind::InvalidClientConfig | ErrorKind::Client | ErrorKind::UnexpectedReturnType,
            _,
        ) => Fate::Over(away()),
        _ => Fate::Again { reconnect: true },
    }
}

impl Link {
    /// A way to `target`; nothing is connected yet.
    pub fn new(target: Target, min_replicas: u32) -> Self {
        let is_cluster = target.is_cluster();
        Link {
            target,
            live: RwLock::new(None),
            connecting: tokio::sync::Mutex::new(None),
            made: AtomicU64::new(0),
            is_away: AtomicBool::new(false),
            followed: tokio::sync::Mutex::new(Instant::now()),
            acks: Acks::new(min_replicas, is_cluster),
        }
    }

    /// Whether keys may lie on different servers.
    pub fn is_cluster(&self) -> bool {
        self.target.is_cluster()
    }

    /// Calls a script.
    pub async fn call(&self, call: &Call<'_>) -> Result<Answer, StoreError> {
        let (over, asked, value) = self.repeat(|whole| call.command(whole)).await?;
        Answer::new(value, asked, over)
    }

    /// Waits until as many replicas have what was written over that connection as the
    /// operator wants, on the server of `key`. Only the same server can say so: if the
    /// connection is gone, a promotion may have lost the write.
    pub async fn acknowledged(&self, key: &str, over: u64) -> Result<(), StoreError> {
        if !self.acks.are_wanted() {
            return Ok(());
        }
        let waits = self.known().filter(|live| live.number == over).and_then(|live| live.waits);
        let waits = waits.ok_or_else(|| StoreError::Away("the connection of a write broke".into()))?;
        let waited = self.acks.wait(&waits, over, key).await;
        // One server of a cluster whose replicas are gone says nothing about the others.
        if matches!(&waited, Err(Unacknowledged::Broken(_))) && !self.is_cluster() {
            self.drop_connection(over);
        }
        waited.map_err(|error| StoreError::Away(error.to_string()))
    }

    /// Sends a plain command.
    pub async fn send(&self, command: Cmd) -> Result<Value, StoreError> {
        self.repeat(|_| command.clone()).await.map(|(_, _, value)| value)
    }

    /// The answer, with the connection that brought it and when that try was sent.
    async fn repeat(&self, command: impl Fn(bool) -> Cmd) -> Result<(u64, Instant, Value), StoreError> {
        let begun = Instant::now();
        let patience = if self.is_away.load(Ordering::Relaxed) { Duration::ZERO } else { PATIENCE };
        let (mut wait, mut whole, mut may_have_run) = (FIRST_WAIT, false, false);
        loop {
            let asked = Instant::now();
            let (number, error) = match self.once(command(whole)).await {
                Ok((over, value)) => {
                    self.is_away.store(false, Ordering::Relaxed);
                    return Ok((over, asked, value));
                }
                Err(error) => error,
            };
            match fate(&error) {
                Fate::SendWhole if !whole => {
                    whole = true;
                    continue;
                }
                Fate::SendWhole => return Err(StoreError::Away(error.to_string())),
                // Its answer was lost before: whatever this try says, nobody knows.
                Fate::Over(error) if may_have_run => return Err(StoreError::Away(error.to_string())),
                Fate::Over(error) => return Err(error),
                Fate::Again { reconnect: true } => {
                    may_have_run |= number != 0;
                    self.drop_connection(number);
                }
                Fate::Again { reconnect: false } => {}
            }
            if begun.elapsed() + wait > patience {
                self.is_away.store(true, Ordering::Relaxed);
                return Err(StoreError::Away(error.to_string()));
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(MOST_WAIT);
        }
    }

    async fn once(&self, command: Cmd) -> Result<(u64, Value), (u64, RedisError)> {
        let live = self.live().await.map_err(|error| (0, error))?;
        let answer = match live.connection {
            Connection::One(mut one) => one.req_packed_command(&command).await,
            Connection::Cluster(mut cluster) => cluster.req_packed_command(&command).await,
        };
        let answer = answer.and_then(Value::extract_error);
        answer.map(|value| (live.number, value)).map_err(|error| (live.number, error))
    }

    fn known(&self) -> Option<Live> {
        self.live.read().expect("no panic while held").clone()
    }

    /// The connection, made if there is none. Those who wait for the same attempt
    /// share its failure.
    async fn live(&self) -> RedisResult<Live> {
        if let Some(live) = self.known() {
            self.follow(&live).await;
        }
        if let Some(live) = self.known() {
            return Ok(live);
        }
        let asked = Instant::now();
        let mut failed = self.connecting.lock().await;
        if let Some(live) = self.known() {
            return Ok(live);
        }
        if let Some((_, why)) = failed.as_ref().filter(|(at, _)| *at >= asked) {
            return Err((ErrorKind::Io, "cannot connect", why.clone()).into());
        }
        let connected = match self.acks.are_wanted() {
            true => self.target.connect().await.map(|(address, [one, waits])| (address, one, Some(waits))),
            false => self.target.connect().await.map(|(address, [one])| (address, one, None)),
        };
        match connected {
            Ok((address, connection, waits)) => {
                let live = Live { number: self.made.fetch_add(1, Ordering::Relaxed) + 1, address, connection, waits };
                *self.live.write().expect("no panic while held") = Some(live.clone());
                *failed = None;
                Ok(live)
            }
            Err(error) => {
                *failed = Some((Instant::now(), error.to_string()));
                Err(error)
            }
        }
    }

    /// Asks the Sentinels now and then whether this is still the master's connection: one
    /// that was replaced and comes back takes writes for ten seconds, until a Sentinel
    /// tells it, and all of them are lost.
    async fn follow(&self, live: &Live) {
        let Ok(mut followed) = self.followed.try_lock() else { return };
        if followed.elapsed() < FOLLOW_EVERY {
            return;
        }
        *followed = Instant::now();
        if self.target.master().await.is_some_and(|master| master != live.address) {
            self.drop_connection(live.number);
        }
    }

    /// Gives a connection up, unless somebody has made a newer one.
    fn drop_connection(&self, number: u64) {
        let mut live = self.live.write().expect("no panic while held");
        if live.as_ref().is_some_and(|live| live.number == number) {
            *live = None;
        }
    }
}
