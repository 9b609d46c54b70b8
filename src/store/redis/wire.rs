//! How records and numbers stand in Redis: MessagePack maps with short names,
//! which the scripts read and write as Lua tables. What no script looks at is one
//! blob in `b`.
//!
//! ```text
//! record   v version  n tenant  s status  a created  e expires  k secret  c code's hash
//!          o replaced hashes  w wrong  m most wrong  t network  b blob  d deliveries
//!          g ids of checks that counted
//! delivery c channel  a asked by  s state  w cause  b created  h changed  q due  r retries
//!          t token  u lease ends  x attempts  z id of the last begin, settle or report
//! attempt  c carrier  s state  w cause  r reason  b started  h changed  f reference
//! number   v version  a deliveries over all tenants  l its longest span, if over a day
//!          t {tenant: {s sent, f failures, p paused until, o open: [id, expires, subject]}}
//! memo     v version  f fingerprint  a the kept answer
//! ```
//!
//! Times of a record but `a` are milliseconds after `a`; counts of none and what is not
//! there are left out. The ids of operations are there so that a retry after a lost answer is known.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::pack::{Map, Pack};
use super::states::Numbered;
use crate::model::{
    AskedBy, AttemptState, Cause, Channel, Country, DeliveryState, Digest, Locale, Ms, Network, NumberHash, NumberKind,
    RecordId, Sealed, Sent, Status, TenantId, Usage,
};
use crate::store::StoreError;
use crate::store::record::{Attempt, Delivery, Destination, HeldUntil, Record};

pub fn unreadable(error: impl ToString) -> StoreError {
    StoreError::Unreadable(error.to_string())
}

/// Reads a MessagePack value.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    rmp_serde::from_slice(bytes).map_err(unreadable)
}

/// What no script looks at.
#[derive(Serialize, Deserialize)]
struct Blob {
    hash: Digest,
    number: Sealed,
    masked: String,
    country: Country,
    kind: u64,
    locale: Locale,
    metadata: Option<String>,
    subject: Option<Digest>,
}

#[derive(Deserialize)]
struct RecordWire {
    v: u16,
    n: TenantId,
    s: u64,
    a: Ms,
    e: Ms,
    #[serde(default)]
    k: Option<ByteBuf>,
    #[serde(default)]
    c: Option<ByteBuf>,
    #[serde(default)]
    o: Option<Vec<ByteBuf>>,
    #[serde(default)]
    w: u32,
    m: u32,
    t: String,
    b: ByteBuf,
    d: Vec<DeliveryWire>,
}

#[derive(Deserialize)]
struct DeliveryWire {
    c: u64,
    a: u64,
    s: u64,
    #[serde(default)]
    w: Option<Cause>,
    b: Ms,
    h: Ms,
    #[serde(default)]
    q: Option<Ms>,
    #[serde(default)]
    r: u32,
    #[serde(default)]
    t: Option<ByteBuf>,
    #[serde(default)]
    u: Option<Ms>,
    x: Vec<AttemptWire>,
}

#[derive(Deserialize)]
struct AttemptWire {
    c: String,
    s: u64,
    #[serde(default)]
    w: Option<Cause>,
    r: String,
    b: Ms,
    h: Ms,
    #[serde(default)]
    f: Option<String>,
}

#[derive(Deserialize)]
struct NumberWire {
    v: u16,
    a: Vec<Ms>,
    t: BTreeMap<String, TenantWire>,
}

#[derive(Deserialize)]
struct TenantWire {
    s: Vec<(Ms, u64)>,
    f: Vec<Ms>,
    p: Ms,
    o: Vec<OpenWire>,
}

/// An open record in its number's list: id, expiry, subject (empty if none).
pub type OpenWire = (RecordId, Ms, ByteBuf);

fn digest(bytes: &ByteBuf) -> Result<Digest, StoreError> {
    bytes.as_slice().try_into().map(Digest).map_err(unreadable)
}

/// A network as the scripts keep it.
pub fn network(network: &Network) -> String {
    match network {
        Network::Known(name) => format!("k{name}"),
        Network::Guessed(name) => format!("g{name}"),
        Network::Unknown => String::new(),
    }
}

/// A record as the scripts keep it.
pub fn pack(record: &Record) -> Vec<u8> {
    let blob = Blob {
        hash: record.to.hash.0,
        number: record.to.sealed.clone(),
        masked: record.to.masked.clone(),
        country: record.to.country,
        kind: record.to.kind.number().into(),
        locale: record.locale.clone(),
        metadata: record.metadata.clone(),
        subject: record.subject,
    };
    let superseded = Some(&record.superseded).filter(|old| !old.is_empty());
    Map::default()
        .int("v", record.v)
        .text("n", &record.tenant.0)
        .int("s", record.status.number())
        .int("a", record.created)
        .int("e", record.expires.saturating_sub(record.created))
        .some("k", record.secret.as_ref(), |pack, sealed| pack.bytes(&sealed.0))
        .some("c", record.code_hash.as_ref(), |pack, hash| pack.bytes(&hash.0))
        .some("o", superseded, |pack, old| pack.list(old.iter(), |pack, hash| pack.bytes(&hash.0)))
        .some("w", Some(record.wrong.into()).filter(|wrong| *wrong > 0), Pack::int)
        .int("m", record.max_wrong)
        .text("t", network(&record.to.network))
        // Without names: nobody but us reads it.
        .bytes("b", &rmp_serde::to_vec(&blob).expect("a blob is plain data"))
        .with("d", |pack| pack.list(record.deliveries.iter(), |pack, one| pack.map(pack_delivery(one, record.created))))
        .done()
}

fn pack_delivery(delivery: &Delivery, since: Ms) -> Map {
    let after = |at: Ms| at.saturating_sub(since);
    Map::default()
        .int("c", delivery.channel.number())
        .int("a", delivery.asked_by.number())
        .int("s", delivery.state.number())
        .some("w", delivery.cause, |pack, cause| pack.bytes(cause.as_str().as_bytes()))
        .int("b", after(delivery.created))
        .int("h", after(delivery.changed))
        .some("q", delivery.due.map(after), Pack::int)
        .some("r", Some(delivery.retries.into()).filter(|retries| *retries > 0), Pack::int)
        .some("t", delivery.lease.as_ref(), |pack, lease| pack.bytes(&lease.token.0))
        .some("u", delivery.lease.as_ref(), |pack, lease| pack.int(after(lease.until)))
        .with("x", |pack| pack.list(delivery.attempts.iter(), |pack, one| pack.map(pack_attempt(one, since))))
}

fn pack_attempt(attempt: &Attempt, since: Ms) -> Map {
    Map::default()
        .text("c", &attempt.carrier)
        .int("s", attempt.state.number())
        .some("w", attempt.cause, |pack, cause| pack.bytes(cause.as_str().as_bytes()))
        .text("r", &attempt.reason)
        .int("b", attempt.started.saturating_sub(since))
        .int("h", attempt.changed.saturating_sub(since))
        .some("f", attempt.reference.as_ref(), |pack, reference| pack.bytes(reference.as_bytes()))
}

/// A record that a script gave back.
pub fn unpack(id: RecordId, bytes: &[u8]) -> Result<Record, StoreError> {
    #[derive(Deserialize)]
    struct Version {
        v: u16,
    }
    if decode::<Version>(bytes)?.v > Record::VERSION {
        return Err(StoreError::Newer);
    }
    let wire: RecordWire = decode(bytes)?;
    let blob: Blob = decode(&wire.b)?;
    let network = match wire.t.split_at_checked(1) {
        Some(("k", name)) => Network::Known(name.to_owned()),
        Some((_, name)) => Network::Guessed(name.to_owned()),
        None => Network::Unknown,
    };
    Ok(Record {
        v: wire.v,
        id,
        tenant: wire.n,
        to: Destination {
            partition: id.partition(),
            hash: NumberHash(blob.hash),
            sealed: blob.number,
            masked: blob.masked,
            country: blob.country,
            kind: NumberKind::from_number(blob.kind)?,
            network,
        },
        status: Status::from_number(wire.s)?,
        created: wire.a,
        expires: wire.a.saturating_add(wire.e),
        locale: blob.locale,
        secret: wire.k.map(|bytes| Sealed(bytes.into_vec())),
        code_hash: wire.c.as_ref().map(digest).transpose()?,
        superseded: wire.o.unwrap_or_default().iter().map(digest).collect::<Result<_, _>>()?,
        wrong: wire.w,
        max_wrong: wire.m,
        subject: blob.subject,
        metadata: blob.metadata,
        deliveries: wire.d.into_iter().map(|one| delivery(one, wire.a)).collect::<Result<_, _>>()?,
    })
}

fn delivery(wire: DeliveryWire, since: Ms) -> Result<Delivery, StoreError> {
    let at = |after: Ms| since.saturating_add(after);
    let lease = match (&wire.t, wire.u) {
        (Some(token), Some(until)) => Some(HeldUntil { token: digest(token)?, until: at(until) }),
        _ => None,
    };
    let attempt = |wire: AttemptWire| {
        Ok(Attempt {
            carrier: wire.c,
            state: AttemptState::from_number(wire.s)?,
            cause: wire.w,
            reason: wire.r,
            started: at(wire.b),
            changed: at(wire.h),
            reference: wire.f,
        })
    };
    Ok(Delivery {
        channel: Channel::from_number(wire.c)?,
        asked_by: AskedBy::from_number(wire.a)?,
        state: DeliveryState::from_number(wire.s)?,
        cause: wire.w,
        created: at(wire.b),
        changed: at(wire.h),
        due: wire.q.map(at),
        retries: wire.r,
        lease,
        attempts: wire.x.into_iter().map(attempt).collect::<Result<_, _>>()?,
    })
}

/// What a number has had, and a tenant's open records.
pub fn number(bytes: &[u8], tenant: &TenantId) -> Result<(Usage, Vec<OpenWire>), StoreError> {
    if bytes.is_empty() {
        return Ok(Default::default());
    }
    let NumberWire { v, a, mut t } = decode(bytes)?;
    if v > Record::VERSION {
        return Err(StoreError::Newer);
    }
    let Some(own) = t.remove(&tenant.0) else {
        return Ok((Usage { sent_all_tenants: a, ..Usage::default() }, Vec::new()));
    };
    let sent = own.s.iter().map(|(at, channel)| Ok(Sent { at: *at, channel: Channel::from_number(*channel)? }));
    let usage = Usage {
        sent: sent.collect::<Result<_, StoreError>>()?,
        failures: own.f,
        sent_all_tenants: a,
        paused_until: own.p,
    };
    Ok((usage, own.o))
}
