//! The store for one process: SQLite in one file, with nothing else to install.
//! Owns the file, its schema and its single writer; what an operation does is
//! in [`rules`], which this shell feeds and saves for.
//!
//! `synchronous=FULL` with the write-ahead log: an answer is given only after
//! the data is on disk (`fdatasync`), and operations that arrive together share
//! one (group commit).

mod archive;
mod consents;
mod evidence;
mod facts;
mod fleet;
mod operation;
pub mod rules;
mod schema;
mod shell;
mod writer;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use self::operation::{Once, Operation};
use self::rules::{Rule, Rules};
pub use self::schema::backup;
use self::writer::Writer;
use super::*;
use crate::clock::Clock;
use crate::model::Digest;

/// The embedded store. Dropping the last handle closes the file.
pub struct Embedded {
    writer: Writer,
    rules: Rules,
    log: evidence::Log,
    clock: Clock,
}

impl Embedded {
    /// Opens the file (made if missing) and takes back every lease: only one
    /// process may use it, so whoever held them is gone.
    pub fn open(path: &Path, clock: Clock) -> Result<Store, StoreError> {
        Self::open_with(path, clock, Rules::default())
    }

    /// The same with other rules, for the test that breaks them on purpose.
    pub fn open_with(path: &Path, clock: Clock, rules: Rules) -> Result<Store, StoreError> {
        let mut conn = schema::open(path)?;
        shell::drop_leases(&mut conn, clock.now())?;
        let fleet = Arc::new(fleet::Alone::new(clock.clone()));
        let writer = Writer::start(conn, clock.clone());
        let store = Arc::new(Embedded { writer, rules, log: evidence::Log::default(), clock });
        Ok(Store {
            numbers: store.clone(),
            limits: store.clone(),
            facts: store.clone(),
            fleet,
            archive: store.clone(),
            consents: store.clone(),
            evidence: store,
        })
    }

    async fn apply<O: Operation>(&self, op: O, rule: Rule<O, O::Answer>) -> Result<O::Answer, StoreError> {
        self.writer.run(move |conn, now| shell::apply(conn, &op, rule, now)).await
    }

    async fn apply_once<O: Once>(&self, op: O, rule: Rule<O, O::Answer>) -> Result<O::Answer, StoreError> {
        self.writer.run(move |conn, now| shell::apply_once(conn, &op, rule, now)).await
    }
}

#[async_trait]
impl Numbers for Embedded {
    async fn recall(&self, _: Partition, memo: &Memo) -> Result<Recall, StoreError> {
        let memo = *memo;
        self.writer.run(move |conn, now| shell::recall(conn, &memo, now)).await
    }

    async fn start(&self, op: Start) -> Result<Started, StoreError> {
        self.apply_once(op, self.rules.start).await
    }

    async fn resend(&self, op: Resend) -> Result<Resent, StoreError> {
        self.apply_once(op, self.rules.resend).await
    }

    async fn check(&self, op: Check) -> Result<Checked, StoreError> {
        self.apply_once(op, self.rules.check).await
    }

    async fn cancel(&self, op: Cancel) -> Result<Canceled, StoreError> {
        self.apply(op, self.rules.cancel).await
    }

    async fn get(&self, id: RecordId, tenant: &TenantId) -> Result<Option<View>, StoreError> {
        let tenant = tenant.clone();
        self.writer.run(move |conn, now| shell::view(conn, id, &tenant, now)).await
    }

    async fn read(&self, id: RecordId) -> Result<Option<Record>, StoreError> {
        self.writer.run(move |conn, _| shell::load_record(conn, id)).await
    }

    async fn find_open(
        &self,
        tenant: &TenantId,
        number: &Destination,
        subject: Digest,
    ) -> Result<Option<RecordId>, StoreError> {
        let (tenant, hash) = (tenant.clone(), number.hash);
        self.writer.run(move |conn, now| shell::find_open(conn, &tenant, hash, subject, now)).await
    }

    async fn claim(&self, op: Claim) -> Result<Vec<Claimed>, StoreError> {
        let rules = self.rules;
        self.writer.run(move |conn, now| shell::claim(conn, &op, &rules, now)).await
    }

    async fn renew(&self, op: Renew) -> Result<Renewed, StoreError> {
        self.apply(op, self.rules.renew).await
    }

    async fn begin(&self, op: Begin) -> Result<Begun, StoreError> {
        self.apply(op, self.rules.begin).await
    }

    async fn settle(&self, op: Settle) -> Result<Settled, StoreError> {
        self.apply(op, self.rules.settle).await
    }

    async fn receive(&self, op: Receive) -> Result<Received, StoreError> {
        self.apply(op, self.rules.receive).await
    }

    async fn release(&self, op: Release) -> Result<(), StoreError> {
        self.apply(op, self.rules.release).await
    }

    async fn next_wake(&self) -> Result<Option<Ms>, StoreError> {
        self.writer.run(|conn, _| shell::next_wake(conn)).await
    }
}

#[async_trait]
impl Limits for Embedded {
    async fn take(&self, takes: Vec<Take>) -> Result<Taking, StoreError> {
        self.writer.run(move |conn, now| shell::take(conn, &takes, now)).await
    }

    async fn give_back(&self, taken: Vec<Taken>) -> Result<(), StoreError> {
        if !self.rules.give_back {
            return Ok(());
        }
        self.writer.run(move |conn, _| shell::give_back(conn, &taken)).await
    }
}

#[async_trait]
impl Facts for Embedded {
    async fn fact(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let name = name.to_owned();
        self.writer.run(move |conn, _| facts::fact(conn, &name)).await
    }

    async fn set_once(&self, name: &str, value: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let name = name.to_owned();
        self.writer.run(move |conn, _| facts::set_once(conn, &name, value)).await
    }

    async fn set(&self, name: &str, value: Vec<u8>) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.writer.run(move |conn, _| facts::set(conn, &name, &value)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.writer.run(|conn, now| facts::set(conn, "last_ping", &now.to_be_bytes())).await
    }
}
