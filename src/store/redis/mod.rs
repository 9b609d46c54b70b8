//! The store for many gateways: Redis, alone, behind Sentinels or as a cluster. Owns
//! the connection, the scripts and the keys ([`keys`] lists them). Each operation on
//! a number is one script on declared keys of one slot, by the server's clock.
//!
//! ```text
//! numbers, sweep, wide, fleet, facts, archive, consents, evidence ──► scripts ──► link ──► address ──► Redis
//!             └─ wire: records and the log of attempts as the scripts keep them
//! ```
//!
//! A call whose answer is lost is repeated with the same operation id, by which the
//! script knows it: it starts no second job and counts no second guess. What is not
//! in one slot is not pretended to be atomic: wide limits in a cluster are taken one
//! by one and given back.

mod acks;
mod address;
mod answer;
mod archive;
mod args;
mod consents;
mod evidence;
mod examine;
mod facts;
mod fleet;
mod keys;
mod link;
mod numbers;
mod pack;
mod scripts;
mod states;
mod sweep;
mod wide;
mod wire;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::sync::Semaphore;

pub use self::examine::{Setup, examine};

use self::answer::Answer;
use self::keys::Keys;
use self::link::Link;
use self::scripts::{Call, Scripts};
use self::sweep::Sweep;
use super::fleet::Paces;
use super::{Facts, Record, Store, StoreError};
use crate::clock::Clock;
use crate::model::{Partition, Secret};

/// How to reach a store in Redis, and how it is used.
#[derive(Debug, Clone)]
pub struct RedisOptions {
    /// `redis://`, `redis-sentinel://` or `redis-cluster://`; see `docs/operations.md`.
    pub url: Secret<String>,
    /// In front of every key.
    pub key_prefix: String,
    /// A PEM bundle to trust instead of the system's.
    pub ca: Option<Vec<u8>>,
    /// Replicas that must have a start, resend or check before it is answered.
    pub min_replicas_acked: u32,
    /// The partition count if this is the store's first start.
    pub partitions: u16,
}

/// The store in Redis. Clones of its handles share one connection.
pub struct Redis {
    link: Link,
    scripts: Scripts,
    keys: Keys,
    sweep: Sweep,
    /// Facts that were read or written here.
    facts: Mutex<BTreeMap<String, Vec<u8>>>,
    /// They are to be put back if they are missing.
    facts_are_due: AtomicBool,
    /// Per carrier and pace, who may ask for its turns.
    asking: Paces<Semaphore>,
    /// Told by every answer that has the server's time.
    clock: Clock,
    /// This gateway among those that share the store: the version of its records, and
    /// what is random at every start.
    me: [u8; 18],
}

impl Redis {
    /// Connects. `clock` is to follow the server's.
    pub async fn open(options: &RedisOptions, clock: &Clock) -> Result<Store, StoreError> {
        Self::open_with(options, clock, &|_, text| text).await
    }

    /// The same with changed scripts (name, text), for the test that breaks them on purpose.
    pub async fn open_with(
        options: &RedisOptions,
        clock: &Clock,
        edit: &(dyn Fn(&str, String) -> String + Sync),
    ) -> Result<Store, StoreError> {
        let target = address::target(options.url.reveal(), options.ca.clone())?;
        let mut store = Redis {
            link: Link::new(target, options.min_replicas_acked),
            scripts: Scripts::new(edit),
            keys: Keys::new(&options.key_prefix),
            sweep: Sweep::new(0),
            facts: Mutex::default(),
            facts_are_due: AtomicBool::new(false),
            asking: Paces::default(),
            clock: clock.clone(),
            me: member(Record::VERSION, crate::seal::random()),
        };
        let partitions = store.set_once("partitions", options.partitions.to_be_bytes().to_vec()).await?;
        let partitions = partitions.try_into().map_err(|_| StoreError::unreadable("the partition count"))?;
        store.sweep = Sweep::new(u16::from_be_bytes(partitions));
        let store = Arc::new(store);
        Ok(Store {
            numbers: store.clone(),
            limits: store.clone(),
            facts: store.clone(),
            fleet: store.clone(),
            archive: store.clone(),
            consents: store.clone(),
            evidence: store,
        })
    }

    /// Calls a script, and learns the server's clock from its answer.
    async fn call(&self, call: &Call<'_>) -> Result<Answer, StoreError> {
        let answer = self.link.call(call).await?;
        if let (Ok(said), (_, false)) = (answer.now(), answer.word()) {
            self.clock.told(said, answer.asked, answer.came);
        }
        Ok(answer)
    }

    /// Calls a script whose effect must not be lost: waits until as many replicas have
    /// it as the operator wants.
    async fn change(&self, call: &Call<'_>, partition: Partition) -> Result<Answer, StoreError> {
        let answer = self.call(call).await?;
        if matches!(answer.word(), ("more" | "refused" | "waiting" | "not_found" | "other_body", _) | (_, true)) {
            // Nothing was written.
            return Ok(answer);
        }
        self.link.acknowledged(&self.keys.ack(partition), answer.over).await?;
        Ok(answer)
    }

    /// An id by which a script knows a repeat of the same operation: four random bytes,
    /// compared only within one delivery or one record's last checks.
    fn operation(&self) -> [u8; 4] {
        crate::seal::random()
    }
}

fn member(version: u16, random: [u8; 16]) -> [u8; 18] {
    let mut me = [0; 18];
    me[..2].copy_from_slice(&version.to_be_bytes());
    me[2..].copy_from_slice(&random);
    me
}

/// Reads the PEM bundle of `store.tls_ca_file`.
pub fn read_ca(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let wrong = |what: &dyn std::fmt::Display| {
        StoreError::Misconfigured(format!("store.tls_ca_file {}: {what}", path.display()))
    };
    let pem = std::fs::read(path).map_err(|error| wrong(&error))?;
    match CertificateDer::pem_slice_iter(&pem).next() {
        Some(Ok(_)) => Ok(Some(pem)),
        // Nothing would be trusted, and the server's certificate be blamed.
        _ => Err(wrong(&"no certificate in PEM form stands in it")),
    }
}
