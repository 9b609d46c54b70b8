//! Whether a send may happen at all: country, kind of number, channel, route,
//! what the person does not want, and the wide limits (address, prefix block,
//! country, tenant). Owns taking those and giving them back, and the opt-outs. What
//! lives with one number is asked by the store in the same step as the delivery, not
//! here.

mod channels;
mod memory;
mod optouts;
mod wide;

use std::net::IpAddr;
use std::sync::Arc;

use crate::clock::Clock;
use crate::config::{Config, Countries, WideLimitOptions};
use crate::delivery::{Accepted, Deliveries};
use crate::model::{Channel, Country, E164, NumberKind, RecordId, Refusal, TenantId};
use crate::number::Parsed;
use crate::seal::Keys;
use crate::store::{Archive, AttemptLog, Consents, Destination, Limits, Memo, Store, StoreError, Taken, Taking};
use crate::telemetry::Metrics;

pub use channels::{ChannelState, Channels, Closed, Wanted, Why};
pub use memory::Memory;
pub use optouts::{Keyword, OptOuts};

/// Why a send is refused before anything is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    /// The operator does not send there over this channel.
    Country(Country, Channel),
    /// A kind of number that is never contacted, or not over this channel.
    NumberType(NumberKind, Channel),
    /// No carrier may take it.
    NoRoute(Country, Channel),
    /// The person does not want messages over this channel.
    OptedOut(Channel),
    /// A wide limit.
    Limit(Refusal),
    /// The store is away; without limits nothing is sent.
    Store(StoreError),
}

/// Permission for one send. It must be given back if the send does not happen.
#[derive(Debug)]
pub struct Admitted {
    /// The channel that it goes over.
    pub channel: Channel,
    /// What is closed for the number.
    pub closed: Closed,
    taken: Vec<Taken>,
    /// The newest verifications of the number.
    newest: Vec<RecordId>,
}

impl Admitted {
    /// What whoever runs the delivery may need of it.
    pub fn accepted(&self) -> Accepted {
        let took = self.taken.iter().map(|taken| taken.take).collect();
        Accepted { before: self.newest.clone(), took }
    }
}

/// Decides who may send.
pub struct Admission {
    limits: Arc<dyn Limits>,
    consents: Arc<dyn Consents>,
    archive: Arc<dyn Archive>,
    keys: Arc<Keys>,
    countries: Countries,
    wide: WideLimitOptions,
    deliveries: Arc<Deliveries>,
    metrics: Arc<Metrics>,
    clock: Clock,
}

/// What every room has.
#[derive(Clone)]
pub struct Shared {
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The clock.
    pub clock: Clock,
}

/// What admission needs to know of a number.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The number.
    pub number: &'a E164,
    /// The number as the store knows it.
    pub at: &'a Destination,
}

impl Admission {
    /// Admission under these rules.
    pub fn new(store: &Store, keys: Arc<Keys>, config: &Config, deliveries: Arc<Deliveries>, shared: Shared) -> Self {
        Admission {
            limits: store.limits.clone(),
            consents: store.consents.clone(),
            archive: store.archive.clone(),
            keys,
            countries: config.countries.clone(),
            wide: config.limits.wide.clone(),
            deliveries,
            metrics: shared.metrics,
            clock: shared.clock,
        }
    }

    /// May this send happen? Takes one from each wide limit if so.
    pub async fn admit(
        &self,
        tenant: &TenantId,
        to: Target<'_>,
        wanted: Wanted,
        address: Option<IpAddr>,
    ) -> Result<Admitted, Denied> {
        let channel = self.choose(to.at.country, to.at.kind, wanted)?;
        let takes = wide::takes(&self.keys, &self.wide, tenant, to, address);
        // One round: none depends on another.
        let out = self.consents.opted_out(to.at.partition, to.at.hash);
        let (taking, out, attempts) = tokio::join!(self.limits.take(takes), out, self.attempts(to.at));
        let newest = memory::newest(&attempts, self.clock.now());
        let memory = self.memory(tenant, attempts);
        let taken = match taking.map_err(Denied::Store)? {
            Taking::Taken(taken) => taken,
            Taking::Refused(refusal) => {
                self.metrics.refusal(refusal.limit);
                return Err(Denied::Limit(refusal));
            }
        };
        let closed = out.map(|out| Closed::of(out, tenant, memory)).map_err(Denied::Store);
        let chosen = closed.and_then(|closed| {
            let channel = self.remembered_channel(to.at, wanted, channel, &closed.memory);
            Ok((self.wanted_channel(to.at, wanted, channel, &closed.out)?, closed))
        });
        match chosen {
            Ok((channel, closed)) => Ok(Admitted { channel, closed, taken, newest }),
            Err(denied) => {
                self.give_back(Admitted { channel, closed: Closed::default(), taken, newest }).await;
                Err(denied)
            }
        }
    }

    /// What is remembered of a number from what this tenant sent: nobody is told what others
    /// did. Nothing, if the store is away: it helps, and stops nobody.
    pub async fn memory_of(&self, tenant: &TenantId, to: &Destination) -> Memory {
        self.memory(tenant, self.attempts(to).await)
    }

    fn memory(&self, tenant: &TenantId, mut attempts: Vec<AttemptLog>) -> Memory {
        attempts.retain(|attempt| attempt.submitted.tenant == *tenant);
        Memory::of(&attempts, self.clock.now())
    }

    async fn attempts(&self, to: &Destination) -> Vec<AttemptLog> {
        self.archive.attempts(to.partition, to.hash, memory::REMEMBERED).await.unwrap_or_default()
    }

    /// Where the channel is ours to choose: a call, if texts are known not to arrive there.
    fn remembered_channel(&self, to: &Destination, wanted: Wanted, channel: Channel, memory: &Memory) -> Channel {
        let no_texts = memory.rather_calls || memory.blocked_until(Channel::Sms).is_some();
        let may_call = || {
            memory.blocked_until(Channel::Voice).is_none() && self.permits(to.country, to.kind, Channel::Voice).is_ok()
        };
        if wanted == Wanted::Auto && channel == Channel::Sms && no_texts && may_call() {
            tracing::info!(to = to.masked, ?memory, "A call comes first: texts did not arrive there lately.");
            return Channel::Voice;
        }
        channel
    }

    /// The channel, unless the person wants nothing over it. Who opted out of SMS may
    /// still be called, where the channel is ours to choose.
    fn wanted_channel(
        &self,
        to: &Destination,
        wanted: Wanted,
        channel: Channel,
        out: &[Channel],
    ) -> Result<Channel, Denied> {
        let is_out = |channel| out.contains(&channel);
        let may_call = || !is_out(Channel::Voice) && self.permits(to.country, to.kind, Channel::Voice).is_ok();
        match channel {
            channel if !is_out(channel) => Ok(channel),
            _ if wanted == Wanted::Auto && may_call() => Ok(Channel::Voice),
            channel => Err(Denied::OptedOut(channel)),
        }
    }

    /// Ends an admission: gives back what was taken for a send that did not happen. Of
    /// one whose fate is unknown (the store went away) nothing is given back: limits may
    /// over-count by it, never the other way.
    pub async fn conclude<A>(&self, admitted: Admitted, done: &Result<A, StoreError>, sent: impl Fn(&A) -> bool) {
        let is_over = match done {
            Ok(answer) => !sent(answer),
            Err(error) => matches!(error, StoreError::Full | StoreError::Newer | StoreError::Misconfigured(_)),
        };
        if is_over {
            self.give_back(admitted).await;
        }
    }

    /// Gives back what was taken for a send that did not happen. If the store is
    /// away now, the limits over-count by this send: never the other way.
    pub async fn give_back(&self, admitted: Admitted) {
        if let Err(error) = self.limits.give_back(admitted.taken).await {
            tracing::warn!(%error, "Wide limits could not be given back.");
        }
    }

    /// A number as the store may know it.
    pub fn destination(&self, parsed: &Parsed) -> Destination {
        destination(&self.keys, parsed)
    }

    /// An idempotency key as the store knows it: bound to the tenant, the endpoint
    /// and what it is about, so that another number is another request.
    pub fn memo(&self, tenant: &TenantId, endpoint: &str, about: &str, key: &str, body: &[u8]) -> Memo {
        let parts = [tenant.0.as_bytes(), endpoint.as_bytes(), about.as_bytes(), key.as_bytes()];
        Memo {
            key: self.keys.digest("idempotency key", &parts),
            fingerprint: self.keys.digest("body", &[body]),
            keep_ms: crate::model::HOUR,
        }
    }
}

/// A number as a store with these keys may know it.
pub fn destination(keys: &Keys, parsed: &Parsed) -> Destination {
    Destination {
        partition: keys.partition(&parsed.e164),
        hash: keys.number(&parsed.e164),
        sealed: keys.seal_number(&parsed.e164),
        masked: parsed.e164.masked(),
        country: parsed.country,
        kind: parsed.kind,
        network: parsed.network.clone(),
    }
}
