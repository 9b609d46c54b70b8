//! The life of one code: start, resend, check, cancel, read, help. Owns the
//! order of these steps and the making of codes; asks `admission` whether, the
//! store for the one atomic step, and `delivery` to run what was accepted.

mod check;
mod help;
mod start;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::admission::{Admission, Closed, Denied, Wanted};
use crate::clock::Clock;
use crate::config::TenantOptions;
use crate::delivery::Deliveries;
use crate::model::{AskedBy, Channel, Locale, RecordId, Refusal, Status, TenantId};
use crate::number::Parsed;
use crate::seal::Keys;
use crate::store::{Store, StoreError, View};
use crate::telemetry::Metrics;
use crate::template::Templates;

pub use check::{CheckError, Verdict};
pub use start::life_seconds;

/// What `app.rs` connects the room with.
pub struct Verifications {
    /// The store.
    pub store: Store,
    /// The keys.
    pub keys: Arc<Keys>,
    /// Who may send.
    pub admission: Arc<Admission>,
    /// Runs what was accepted.
    pub deliveries: Arc<Deliveries>,
    /// The tenants by name.
    pub tenants: Arc<BTreeMap<TenantId, TenantOptions>>,
    /// Help texts.
    pub templates: Arc<Templates>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// For `created` of a new record; the store's own clock replaces it.
    pub clock: Clock,
}

/// An idempotency key with the body it came with.
#[derive(Debug, Clone, Copy)]
pub struct Repeatable<'a> {
    /// The caller's key.
    pub key: &'a str,
    /// The request's body, byte for byte.
    pub body: &'a [u8],
}

/// A new verification.
#[derive(Debug)]
pub struct StartRequest<'a> {
    /// The number.
    pub to: &'a Parsed,
    /// The application's id of this login attempt.
    pub subject: Option<&'a str>,
    /// The first channel.
    pub wanted: Wanted,
    /// The language.
    pub locale: Option<Locale>,
    /// The end user's address.
    pub address: Option<IpAddr>,
    /// Who asked.
    pub asked_by: AskedBy,
    /// Digits of the code.
    pub code_length: Option<u8>,
    /// Life of the code, in seconds.
    pub ttl_seconds: Option<u64>,
    /// The caller's own notes, as JSON text.
    pub metadata: Option<String>,
    /// The caller's idempotency key.
    pub repeatable: Option<Repeatable<'a>>,
}

/// One more delivery.
#[derive(Debug)]
pub struct ResendRequest<'a> {
    /// The verification.
    pub id: RecordId,
    /// The channel.
    pub channel: Channel,
    /// The end user's address.
    pub address: Option<IpAddr>,
    /// Who asked.
    pub asked_by: AskedBy,
    /// The caller's idempotency key.
    pub repeatable: Option<Repeatable<'a>>,
}

/// How a start was answered.
#[derive(Debug)]
pub enum StartAnswer {
    /// A new verification, and what is closed for its number.
    Created(View, Closed),
    /// The open one with the same subject, with one more delivery.
    Joined(View),
    /// The same, but a limit holds its next delivery back.
    Waiting(View, Refusal),
}

/// Why a start or a resend was refused. Nothing was sent, no limit was used.
#[derive(Debug)]
pub enum SendError {
    /// Before anything was stored.
    Denied(Denied),
    /// A limit of the number, with the record if there is one.
    Limit(Refusal, crate::model::Ms),
    /// The verification has ended like this.
    Ended(Status),
    /// No such verification of this tenant.
    NotFound,
    /// The idempotency key belongs to another body.
    OtherBody,
    /// An option lies outside what the tenant allows: its name and what it may be.
    Option(&'static str, String),
    /// The store is away.
    Store(StoreError),
}

impl From<StoreError> for SendError {
    fn from(error: StoreError) -> Self {
        SendError::Store(error)
    }
}

impl Verifications {
    fn tenant(&self, tenant: &TenantId) -> &TenantOptions {
        self.tenants.get(tenant).expect("a key's tenant is configured, checked when the configuration is read")
    }

    /// The country of a tenant's numbers without country code.
    pub fn default_region(&self, tenant: &TenantId) -> Option<crate::model::Country> {
        self.tenant(tenant).verification.default_region
    }

    /// A verification of this tenant as it is now.
    pub async fn get(&self, id: RecordId, tenant: &TenantId) -> Result<Option<View>, StoreError> {
        self.store.numbers.get(id, tenant).await
    }
}
