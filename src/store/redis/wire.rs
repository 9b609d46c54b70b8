//! How records and numbers stand in Redis: MessagePack maps with short names,
//! which the scripts read and write as Lua tables. What no script looks at is one
//! blob in `b`.
//!
//! ```text
//! record   v version  n tenant  s status  a created  e expires  k secret  c code's hash
//!          o replaced hashes  w wrong  m most wrong  t network  b blob  d deliveries
//!          g ids of checks that counted
//! delivery c channel  a asked by  s state  w cause  b created  h changed  q due  r retries
//!          t token  u lease ends  x attempts  z id of the last settle
//! attempt  c carrier  s state  w cause  r reason  b started  h changed  f reference
//!          o id of the begin, then of the last report
//! number   v version  a deliveries over all tenants  l its longest span, if over a day
//!          t {tenant: {s sent, f failures, p paused until, o open: [id, expires, subject]}}
//! memo     v version  f fingerprint  a the kept answer
//! ```
//!
//! The ids of operations are there so that a retry after a lost answer is known.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::pack::{Map, Pack};
use crate::model::{
    AskedBy, AttemptState, Cause, Channel, DeliveryState, Digest, Locale, Ms, Network, RecordId, Sealed, Sent, Status,
    TenantId, Usage,
};
use crate::store::StoreError;
use crate::store::record::{Attempt, Delivery, Destination, HeldUntil, Record};

const CHANNELS: [Channel; 2] = [Channel::Sms, Channel::Voice];
const ASKERS: [AskedBy; 2] = [AskedBy::Person, AskedBy::System];
const STATUSES: [Status; 5] =
    [Status::Pending, Status::Approved, Status::Canceled, Status::Expired, Status::MaxAttemptsReached];
const STATES: [DeliveryState; 7] = [
    DeliveryState::Queued,
    DeliveryState::Submitted,
    DeliveryState::Ringing,
    DeliveryState::Answered,
    DeliveryState::Delivered,
    DeliveryState::Failed,
    DeliveryState::Canceled,
];
const ATTEMPTS: [AttemptState; 5] = [
    AttemptState::Submitting,
    AttemptState::Unknown,
    AttemptState::Submitted,
    AttemptState::Delivered,
    AttemptState::Failed,
];

/// The number that stands for a value in the scripts.
fn number_of<T: PartialEq>(table: &[T], value: &T) -> u8 {
    table.iter().position(|known| known == value).expect("each table holds every value, a test says so") as u8
}

fn value_of<T: Copy>(table: &[T], number: u8) -> Result<T, StoreError> {
    table.get(usize::from(number)).copied().ok_or_else(|| unreadable("a state of a later version"))
}

/// The number of a channel.
pub fn channel(channel: Channel) -> u8 {
    number_of(&CHANNELS, &channel)
}

/// The number of who asked.
pub fn asked_by(asked_by: AskedBy) -> u8 {
    number_of(&ASKERS, &asked_by)
}

/// The status that a number stands for.
pub fn status(number: u64) -> Result<Status, StoreError> {
    value_of(&STATUSES, u8::try_from(number).unwrap_or(u8::MAX))
}

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
    to: Destination,
    locale: Locale,
    metadata: Option<String>,
    subject: Option<Digest>,
}

#[derive(Deserialize)]
struct RecordWire {
    v: u16,
    n: TenantId,
    s: u8,
    a: Ms,
    e: Ms,
    #[serde(default)]
    k: Option<ByteBuf>,
    #[serde(default)]
    c: Option<ByteBuf>,
    #[serde(default)]
    o: Option<Vec<ByteBuf>>,
    w: u32,
    m: u32,
    t: String,
    b: ByteBuf,
    d: Vec<DeliveryWire>,
}

#[derive(Deserialize)]
struct DeliveryWire {
    c: u8,
    a: u8,
    s: u8,
    #[serde(default)]
    w: Option<Cause>,
    b: Ms,
    h: Ms,
    #[serde(default)]
    q: Option<Ms>,
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
    s: u8,
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
    s: Vec<(Ms, u8)>,
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
        to: Destination { network: Network::Unknown, ..record.to.clone() },
        locale: record.locale.clone(),
        metadata: record.metadata.clone(),
        subject: record.subject,
    };
    let superseded = Some(&record.superseded).filter(|old| !old.is_empty());
    Map::default()
        .int("v", record.v)
        .text("n", &record.tenant.0)
        .int("s", number_of(&STATUSES, &record.status))
        .int("a", record.created)
        .int("e", record.expires)
        .some("k", record.secret.as_ref(), |pack, sealed| pack.bytes(&sealed.0))
        .some("c", record.code_hash.as_ref(), |pack, hash| pack.bytes(&hash.0))
        .some("o", superseded, |pack, old| pack.list(old.iter(), |pack, hash| pack.bytes(&hash.0)))
        .int("w", record.wrong)
        .int("m", record.max_wrong)
        .text("t", network(&record.to.network))
        // Without names: nobody but us reads it.
        .bytes("b", &rmp_serde::to_vec(&blob).expect("a blob is plain data"))
        .with("d", |pack| pack.list(record.deliveries.iter(), |pack, one| pack.map(pack_delivery(one))))
        .done()
}

fn pack_delivery(delivery: &Delivery) -> Map {
    Map::default()
        .int("c", channel(delivery.channel))
        .int("a", asked_by(delivery.asked_by))
        .int("s", number_of(&STATES, &delivery.state))
        .some("w", delivery.cause, |pack, cause| pack.bytes(cause.as_str().as_bytes()))
        .int("b", delivery.created)
        .int("h", delivery.changed)
        .some("q", delivery.due, Pack::int)
        .int("r", delivery.retries)
        .some("t", delivery.lease.as_ref(), |pack, lease| pack.bytes(&lease.token.0))
        .some("u", delivery.lease.as_ref(), |pack, lease| pack.int(lease.until))
        .with("x", |pack| pack.list(delivery.attempts.iter(), |pack, one| pack.map(pack_attempt(one))))
}

fn pack_attempt(attempt: &Attempt) -> Map {
    Map::default()
        .text("c", &attempt.carrier)
        .int("s", number_of(&ATTEMPTS, &attempt.state))
        .some("w", attempt.cause, |pack, cause| pack.bytes(cause.as_str().as_bytes()))
        .text("r", &attempt.reason)
        .int("b", attempt.started)
        .int("h", attempt.changed)
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
        to: Destination { network, ..blob.to },
        status: status(wire.s.into())?,
        created: wire.a,
        expires: wire.e,
        locale: blob.locale,
        secret: wire.k.map(|bytes| Sealed(bytes.into_vec())),
        code_hash: wire.c.as_ref().map(digest).transpose()?,
        superseded: wire.o.unwrap_or_default().iter().map(digest).collect::<Result<_, _>>()?,
        wrong: wire.w,
        max_wrong: wire.m,
        subject: blob.subject,
        metadata: blob.metadata,
        deliveries: wire.d.into_iter().map(delivery).collect::<Result<_, _>>()?,
    })
}

fn delivery(wire: DeliveryWire) -> Result<Delivery, StoreError> {
    let lease = match (&wire.t, wire.u) {
        (Some(token), Some(until)) => Some(HeldUntil { token: digest(token)?, until }),
        _ => None,
    };
    let attempt = |wire: AttemptWire| {
        Ok(Attempt {
            carrier: wire.c,
            state: value_of(&ATTEMPTS, wire.s)?,
            cause: wire.w,
            reason: wire.r,
            started: wire.b,
            changed: wire.h,
            reference: wire.f,
        })
    };
    Ok(Delivery {
        channel: value_of(&CHANNELS, wire.c)?,
        asked_by: value_of(&ASKERS, wire.a)?,
        state: value_of(&STATES, wire.s)?,
        cause: wire.w,
        created: wire.b,
        changed: wire.h,
        due: wire.q,
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
    let sent = own.s.iter().map(|(at, channel)| Ok(Sent { at: *at, channel: value_of(&CHANNELS, *channel)? }));
    let usage = Usage {
        sent: sent.collect::<Result<_, StoreError>>()?,
        failures: own.f,
        sent_all_tenants: a,
        paused_until: own.p,
    };
    Ok((usage, own.o))
}
