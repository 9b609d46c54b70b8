//! The way to Redis: one shared connection, made again when it breaks, and calls
//! that are repeated while that is safe. Every call is: an operation carries an id
//! by which its script knows a repeat.

use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::aio::ConnectionLike;
use redis::{Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};

use super::acks::Acks;
use super::address::{Connection, Target};
use super::answer::Answer;
use super::scripts::Call;
use crate::store::StoreError;

/// How long a call is repeated. With the last try's own time it stays below two
/// seconds, after which a request is answered 503.
const PATIENCE: Duration = Duration::from_millis(900);
const FIRST_WAIT: Duration = Duration::from_millis(20);
const MOST_WAIT: Duration = Duration::from_millis(200);

/// The way to Redis.
pub struct Link {
    target: Target,
    live: RwLock<Option<Live>>,
    /// The last connection that could not be made: when, and why.
    connecting: tokio::sync::Mutex<Option<(Instant, String)>>,
    made: AtomicU64,
    /// The last call failed: the next one tries once and does not wait.
    is_away: AtomicBool,
    acks: Acks,
}

#[derive(Clone)]
struct Live {
    number: u64,
    connection: Connection,
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
        (_, Some("BUSY" | "NOREPLICAS")) => Fate::Again { reconnect: false },
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
                Fate::Over(StoreError::Unreadable(error.to_string()))
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
        Link {
            target,
            live: RwLock::new(None),
            connecting: tokio::sync::Mutex::new(None),
            made: AtomicU64::new(0),
            is_away: AtomicBool::new(false),
            acks: Acks::new(min_replicas),
        }
    }

    /// Whether keys may lie on different servers.
    pub fn is_cluster(&self) -> bool {
        self.target.is_cluster()
    }

    /// Calls a script.
    pub async fn call(&self, call: &Call<'_>) -> Result<Answer, StoreError> {
        let (asked, value) = self.repeat(|whole| call.command(whole)).await?;
        Answer::new(value, asked)
    }

    /// Waits until as many replicas have what was written as the operator wants, on
    /// the server of `key`.
    pub async fn acknowledged(&self, key: &str) -> Result<(), StoreError> {
        self.acks.wait(&self.target, key).await
    }

    /// Sends a plain command.
    pub async fn send(&self, command: Cmd) -> Result<Value, StoreError> {
        self.repeat(|_| command.clone()).await.map(|(_, value)| value)
    }

    /// The answer, and when the try that brought it was sent.
    async fn repeat(&self, command: impl Fn(bool) -> Cmd) -> Result<(Instant, Value), StoreError> {
        let begun = Instant::now();
        let patience = if self.is_away.load(Ordering::Relaxed) { Duration::ZERO } else { PATIENCE };
        let (mut wait, mut whole) = (FIRST_WAIT, false);
        loop {
            let asked = Instant::now();
            let (number, error) = match self.once(command(whole)).await {
                Ok(value) => {
                    self.is_away.store(false, Ordering::Relaxed);
                    return Ok((asked, value));
                }
                Err(error) => error,
            };
            match fate(&error) {
                Fate::SendWhole if !whole => {
                    whole = true;
                    continue;
                }
                Fate::SendWhole => return Err(StoreError::Away(error.to_string())),
                Fate::Over(error) => return Err(error),
                Fate::Again { reconnect: true } => self.drop_connection(number),
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

    async fn once(&self, command: Cmd) -> Result<Value, (u64, RedisError)> {
        let live = self.live().await.map_err(|error| (0, error))?;
        let answer = match live.connection {
            Connection::One(mut one) => one.req_packed_command(&command).await,
            Connection::Cluster(mut cluster) => cluster.req_packed_command(&command).await,
        };
        answer.and_then(Value::extract_error).map_err(|error| (live.number, error))
    }

    fn known(&self) -> Option<Live> {
        self.live.read().expect("no panic while held").clone()
    }

    /// The connection, made if there is none. Those who wait for the same attempt
    /// share its failure.
    async fn live(&self) -> RedisResult<Live> {
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
        match self.target.connect().await {
            Ok(connection) => {
                let live = Live { number: self.made.fetch_add(1, Ordering::Relaxed) + 1, connection };
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

    /// Gives a connection up, unless somebody has made a newer one.
    fn drop_connection(&self, number: u64) {
        let mut live = self.live.write().expect("no panic while held");
        if live.as_ref().is_some_and(|live| live.number == number) {
            *live = None;
        }
    }
}
