//! The store calls of one `POST /v1/verifications` with an SMS through the sandbox
//! carrier, in the gateway's order and with values of the gateway's sizes, and
//! nothing around them: no keys, no words, no log. What a ceiling server calls.
//!
//! ```text
//! before the answer   limits.take, numbers.start
//! after it            numbers.begin, numbers.settle; numbers.receive when the receipt comes
//! ```

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::config::Config;
use crate::model::{
    AskedBy, Channel, Country, Digest, E164, LimitName, LimitSpec, Locale, Ms, Network, NumberHash, NumberKind,
    NumberLimits, Partition, Progress, RecordId, RecordKind, SECOND, Sealed, TenantId,
};
use crate::seal::{random, token};
use crate::store::{
    Begin, Begun, Destination, Lease, Moved, Receive, Record, Settle, Settled, Start, Started, Store, StoreError, Take,
    Taking, Then,
};

/// What sealing adds to a value: version, master's id, nonce and tag.
const SEAL: usize = 1 + 4 + 12 + 16;
/// The calling code's length, a space and the number: what is sealed of a number.
const NUMBER: usize = 15;
/// As the gateway writes it for the demo's two carriers.
const REASON: &str = "drawn by weight, weight 100, of 2";

/// A call that failed, or an answer that a fresh number does not get.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The store.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// It answered something else.
    #[error("the store answered {0}")]
    Answered(&'static str),
}

/// Makes the calls against one store.
pub struct Calls {
    store: Store,
    number_limits: NumberLimits,
    wide: Vec<(LimitName, Vec<LimitSpec>)>,
    tenant: TenantId,
    country: Country,
    config: Config,
    /// Submits at the same time, as the gateway bounds them.
    submits: Semaphore,
    undone: AtomicU64,
}

impl Calls {
    /// Calls with the limits, times and bounds of this configuration. The wide
    /// limits are asked and refuse nobody; `relaxed`: none is asked.
    pub fn new(store: Store, config: Config, relaxed: bool) -> Self {
        let wide = &config.limits.wide;
        let asked =
            [(LimitName::Prefix, &wide.prefix), (LimitName::Country, &wide.country), (LimitName::Tenant, &wide.tenant)];
        let endless = |spec: &LimitSpec| LimitSpec { count: u32::MAX, ..*spec };
        let wide = asked.map(|(limit, specs)| (limit, specs.iter().map(endless).collect::<Vec<_>>()));
        Calls {
            store,
            number_limits: config.limits.number.limits(),
            wide: if relaxed { Vec::new() } else { wide.into() },
            tenant: TenantId("demo".into()),
            country: Country::new("JP").expect("two letters"),
            submits: Semaphore::new(config.delivery.workers),
            undone: AtomicU64::new(0),
            config,
        }
    }

    /// Deliveries that were begun and are not yet settled.
    pub fn undone(&self) -> u64 {
        self.undone.load(Ordering::Relaxed)
    }

    /// Everything before the answer, and the rest in a task of its own.
    pub async fn start_and_deliver(self: Arc<Self>, number: &E164) -> Result<(), Failed> {
        match self.store.limits.take(self.takes(number)).await? {
            Taking::Taken(_) => {}
            Taking::Refused(_) => return Err(Failed::Answered("a wide limit")),
        }
        let lease = self.lease(self.config.delivery.lease_seconds * SECOND);
        let record = self.start(number, lease).await?;
        self.undone.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            if let Err(error) = self.deliver(&record, lease).await {
                tracing::warn!(%error, "A ceiling's delivery failed.");
            }
            self.undone.fetch_sub(1, Ordering::Relaxed);
        });
        Ok(())
    }

    /// The one call that makes the record. Its delivery is never run: it is held for
    /// the record's whole life, so that no gateway takes it over meanwhile.
    pub async fn start_only(&self, number: &E164) -> Result<(), Failed> {
        self.start(number, self.lease(self.life_ms())).await.map(drop)
    }

    async fn start(&self, number: &E164, lease: Lease) -> Result<Record, Failed> {
        let op = Start {
            record: self.record(number),
            channel: Channel::Sms,
            asked_by: AskedBy::Person,
            limits: self.number_limits.clone(),
            lease,
            memo: None,
        };
        match self.store.numbers.start(op).await? {
            Started::Created(view) => Ok(view.record),
            Started::Refused(..) => Err(Failed::Answered("a limit of the number")),
            Started::Joined(_) | Started::JoinedWaiting(..) | Started::OtherBody => {
                Err(Failed::Answered("a record of before"))
            }
        }
    }

    async fn deliver(self: &Arc<Self>, record: &Record, lease: Lease) -> Result<(), Failed> {
        let _permit = self.submits.acquire().await.expect("never closed");
        let begin = Begin {
            id: record.id.delivery(1),
            token: lease.token,
            carrier: "sandbox-a".into(),
            reason: REASON.into(),
            sender: None,
        };
        let attempt = match self.store.numbers.begin(begin).await? {
            Begun::Attempt(attempt) => attempt,
            Begun::Lost | Begun::Ended => return Err(Failed::Answered("a delivery that is lost")),
        };
        // Here the gateway submits, and the sandbox's network brings the message a moment later.
        let calls = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(calls.config.sandbox.sms_delay_ms)).await;
            let receipt = Receive {
                id: attempt,
                progress: Progress::Delivered,
                network: None,
                pause_ms: 0,
                reference: None,
                then: Then::Fail,
            };
            if let Err(error) = calls.store.numbers.receive(receipt).await {
                tracing::warn!(%error, "A ceiling's receipt failed.");
            }
        });
        let moved = Moved::Submitted { reference: Some("sbx_100000".into()), keep_lease: false };
        match self.store.numbers.settle(Settle { id: attempt, token: lease.token, moved }).await? {
            Settled::Done(_) => Ok(()),
            Settled::Lost => Err(Failed::Answered("an attempt that is lost")),
        }
    }

    /// What a start without an end user's address takes.
    fn takes(&self, number: &E164) -> Vec<Take> {
        let takes = self.wide.iter().flat_map(|(limit, specs)| {
            let of = match limit {
                LimitName::Prefix => number.prefix_block(),
                LimitName::Country => self.country.as_str(),
                _ => "",
            };
            let key = digest(limit.as_str(), of);
            specs.iter().map(move |spec| Take { limit: *limit, key, spec: *spec })
        });
        takes.collect()
    }

    fn record(&self, number: &E164) -> Record {
        let options = &self.config.verification;
        let hash = digest("number", number.reveal());
        let to = Destination {
            partition: Partition(u16::from_be_bytes([hash.0[0], hash.0[1]]) % self.config.store.partitions.max(1)),
            hash: NumberHash(hash),
            sealed: sealed(NUMBER),
            masked: number.masked(),
            country: self.country,
            kind: NumberKind::Mobile,
            network: Network::Guessed("JP/KDDI".into()),
        };
        let id = RecordId::new(RecordKind::Verification, to.partition, random());
        Record {
            secret: Some(sealed(options.code_length.into())),
            code_hash: Some(token()),
            max_wrong: options.max_wrong_codes,
            ..Record::pending(id, &self.tenant, to, Locale::english(), Clock::System.now(), self.life_ms())
        }
    }

    fn life_ms(&self) -> Ms {
        self.config.verification.ttl_seconds * SECOND
    }

    fn lease(&self, ms: Ms) -> Lease {
        Lease { token: token(), ms }
    }
}

/// Stands for a keyed hash: as long and as even, and cheap.
fn digest(purpose: &str, of: &str) -> Digest {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, purpose, of).hash(&mut hasher);
        hasher.finish().to_be_bytes()
    };
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&half(0));
    bytes[8..].copy_from_slice(&half(1));
    Digest(bytes)
}

/// Stands for a sealed value of so many bytes: as long, and no more to be opened.
fn sealed(plain: usize) -> Sealed {
    Sealed(vec![0x5a; SEAL + plain])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Payload;
    use crate::model::Code;
    use crate::seal::{Keys, MasterKey};

    #[test]
    fn what_stands_for_a_sealed_value_is_as_long_as_one() {
        let masters = vec![MasterKey::from_base64(MasterKey::generate().reveal()).unwrap()];
        let wrapped = Keys::wrap_new(&masters);
        let keys = Keys::unwrap(masters, &wrapped, 128).unwrap();
        let number = E164::new("+819012345678", 2).unwrap();
        assert_eq!(sealed(NUMBER).0.len(), keys.seal_number(&number).0.len());
        let id = RecordId::new(RecordKind::Verification, Partition(1), [7; 14]);
        let payload = Payload { code: Code::new("482917"), text: None };
        assert_eq!(sealed(6).0.len(), payload.seal(&keys, id).0.len());
        assert_ne!(digest("number", "1"), digest("number", "2"));
    }
}
