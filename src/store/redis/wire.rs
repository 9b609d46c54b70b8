//! How records and numbers stand in Redis, in MessagePack, which the scripts read and
//! write as Lua tables. What no script looks at is one blob in `b`.
//!
//! ```text
//! record   v version  n tenant  s status  a created  e expires  k secret  c code's hash
//!          o replaced hashes  w wrong  m most wrong  t network  b blob
//!          g ids of checks that counted  d deliveries
//! delivery c channel  a asked by  s state  w cause  b created  h changed  q due  r retries
//!          t token  u lease ends  z id of the last begin, settle or report  x attempts
//! attempt  c carrier  s state  w cause  r reason  b started  h changed  f reference
//! number   v version  b its first time  a deliveries over all tenants  l its longest span,
//!          if over a day  t {tenant: {s sent, f failures, p paused until, o open: [id without
//!          `ver_`, expires, subject]}}
//! memo     v version  f fingerprint  a the kept answer
//! ```
//!
//! Records, deliveries and attempts are lists in this order, nil where there is nothing;
//! numbers and memos are maps. Times of a record but `a` are milliseconds
//! after `a`, those of a number after `b`. The
//! ids of operations are there so that a retry after a lost answer is known.

use std::collections::BTreeMap;

use rmp::decode::ValueReadError;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::pack::Pack;
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

/// Milliseconds after another time; before it, when another server's clock is behind.
type After = i64;

#[derive(Deserialize)]
struct RecordWire(
    u16,
    TenantId,
    u64,
    Ms,
    After,
    Option<ByteBuf>,
    Option<ByteBuf>,
    Option<Vec<ByteBuf>>,
    Option<u32>,
    u32,
    String,
    ByteBuf,
    IgnoredAny,
    Vec<DeliveryWire>,
);

#[derive(Deserialize)]
struct DeliveryWire(
    u64,
    u64,
    u64,
    Option<Cause>,
    After,
    After,
    Option<After>,
    Option<u32>,
    Option<ByteBuf>,
    Option<After>,
    IgnoredAny,
    Vec<AttemptWire>,
);

#[derive(Deserialize)]
struct AttemptWire(String, u64, Option<Cause>, String, After, After, Option<String>);

#[derive(Deserialize)]
struct NumberWire {
    v: u16,
    b: Ms,
    a: Vec<After>,
    t: BTreeMap<String, TenantWire>,
}

#[derive(Deserialize)]
struct TenantWire {
    s: Vec<(After, u64)>,
    #[serde(default)]
    f: Vec<After>,
    #[serde(default)]
    p: Option<After>,
    #[serde(default)]
    o: Vec<OpenWire>,
}

type OpenWire = (String, After, ByteBuf);

/// An open record in its number's list: id, expiry, subject (empty if none).
pub type Open = (RecordId, Ms, ByteBuf);

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
    Pack::default()
        .begin(14)
        .int(record.v.into())
        .bytes(record.tenant.0.as_bytes())
        .int(record.status.number().into())
        .int(record.created)
        .int(record.expires.saturating_sub(record.created))
        .some(record.secret.as_ref(), |pack, sealed| pack.bytes(&sealed.0))
        .some(record.code_hash.as_ref(), |pack, hash| pack.bytes(&hash.0))
        .some(superseded, |pack, old| pack.list(old.iter(), |pack, hash| pack.bytes(&hash.0)))
        .some(Some(record.wrong).filter(|wrong| *wrong > 0), |pack, wrong| pack.int(wrong.into()))
        .int(record.max_wrong.into())
        .bytes(network(&record.to.network).as_bytes())
        // Without names: nobody but us reads it.
        .bytes(&rmp_serde::to_vec(&blob).expect("a blob is plain data"))
        .some(None::<()>, |pack, ()| pack)
        .list(record.deliveries.iter(), |pack, one| pack_delivery(pack, one, record.created))
        .done()
}

fn pack_delivery(pack: Pack, delivery: &Delivery, since: Ms) -> Pack {
    let after = |at: Ms| at.saturating_sub(since);
    pack.begin(12)
        .int(delivery.channel.number().into())
        .int(delivery.asked_by.number().into())
        .int(delivery.state.number().into())
        .some(delivery.cause, |pack, cause| pack.bytes(cause.as_str().as_bytes()))
        .int(after(delivery.created))
        .int(after(delivery.changed))
        .some(delivery.due.map(after), Pack::int)
        .some(Some(delivery.retries).filter(|retries| *retries > 0), |pack, retries| pack.int(retries.into()))
        .some(delivery.lease.as_ref(), |pack, lease| pack.bytes(&lease.token.0))
        .some(delivery.lease.as_ref(), |pack, lease| pack.int(after(lease.until)))
        .some(None::<()>, |pack, ()| pack)
        .list(delivery.attempts.iter(), |pack, one| pack_attempt(pack, one, since))
}

fn pack_attempt(pack: Pack, attempt: &Attempt, since: Ms) -> Pack {
    pack.begin(7)
        .bytes(attempt.carrier.as_bytes())
        .int(attempt.state.number().into())
        .some(attempt.cause, |pack, cause| pack.bytes(cause.as_str().as_bytes()))
        .bytes(short(&attempt.reason).as_bytes())
        .int(attempt.started.saturating_sub(since))
        .int(attempt.changed.saturating_sub(since))
        .some(attempt.reference.as_ref(), |pack, reference| pack.bytes(reference.as_bytes()))
}

/// A record that a script gave back.
pub fn unpack(id: RecordId, bytes: &[u8]) -> Result<Record, StoreError> {
    let mut head = bytes;
    let version = rmp::decode::read_array_len(&mut head).and_then(|_| {
        rmp::decode::read_int::<u64, _>(&mut head).map_err(|_| ValueReadError::TypeMismatch(rmp::Marker::Reserved))
    });
    if version.map_err(unreadable)? > Record::VERSION.into() {
        return Err(StoreError::Newer);
    }
    let RecordWire(v, tenant, status, created, life, secret, code, old, wrong, max_wrong, network, blob, _, deliveries) =
        decode(bytes)?;
    let blob: Blob = decode(&blob)?;
    let network = match network.split_at_checked(1) {
        Some(("k", name)) => Network::Known(name.to_owned()),
        Some((_, name)) => Network::Guessed(name.to_owned()),
        None => Network::Unknown,
    };
    Ok(Record {
        v,
        id,
        tenant,
        to: Destination {
            partition: id.partition(),
            hash: NumberHash(blob.hash),
            sealed: blob.number,
            masked: blob.masked,
            country: blob.country,
            kind: NumberKind::from_number(blob.kind)?,
            network,
        },
        status: Status::from_number(status)?,
        created,
        expires: created.saturating_add_signed(life),
        locale: blob.locale,
        secret: secret.map(|bytes| Sealed(bytes.into_vec())),
        code_hash: code.as_ref().map(digest).transpose()?,
        superseded: old.unwrap_or_default().iter().map(digest).collect::<Result<_, _>>()?,
        wrong: wrong.unwrap_or_default(),
        max_wrong,
        subject: blob.subject,
        metadata: blob.metadata,
        deliveries: deliveries.into_iter().map(|one| delivery(one, created)).collect::<Result<_, _>>()?,
    })
}

fn delivery(wire: DeliveryWire, since: Ms) -> Result<Delivery, StoreError> {
    let at = |after: After| since.saturating_add_signed(after);
    let DeliveryWire(channel, asked_by, state, cause, created, changed, due, retries, token, until, _, attempts) = wire;
    let lease = match (&token, until) {
        (Some(token), Some(until)) => Some(HeldUntil { token: digest(token)?, until: at(until) }),
        _ => None,
    };
    let attempt = |AttemptWire(carrier, state, cause, reason, started, changed, reference)| {
        let state = AttemptState::from_number(state)?;
        let reason = long(&reason);
        Ok(Attempt { carrier, state, cause, reason, started: at(started), changed: at(changed), reference })
    };
    Ok(Delivery {
        channel: Channel::from_number(channel)?,
        asked_by: AskedBy::from_number(asked_by)?,
        state: DeliveryState::from_number(state)?,
        cause,
        created: at(created),
        changed: at(changed),
        due: due.map(at),
        retries: retries.unwrap_or_default(),
        lease,
        attempts: attempts.into_iter().map(attempt).collect::<Result<_, _>>()?,
    })
}

/// What a number has had, and a tenant's open records.
pub fn number(bytes: &[u8], tenant: &TenantId) -> Result<(Usage, Vec<Open>), StoreError> {
    if bytes.is_empty() {
        return Ok(Default::default());
    }
    let NumberWire { v, b, a, mut t } = decode(bytes)?;
    if v > Record::VERSION {
        return Err(StoreError::Newer);
    }
    let at = |after: After| b.saturating_add_signed(after);
    let sent_all_tenants = a.into_iter().map(at).collect();
    let Some(own) = t.remove(&tenant.0) else {
        return Ok((Usage { sent_all_tenants, ..Usage::default() }, Vec::new()));
    };
    let sent =
        own.s.iter().map(|(after, channel)| Ok(Sent { at: at(*after), channel: Channel::from_number(*channel)? }));
    let usage = Usage {
        sent: sent.collect::<Result<_, StoreError>>()?,
        failures: own.f.into_iter().map(at).collect(),
        sent_all_tenants,
        paused_until: own.p.map_or(0, at),
    };
    let open = own.o.into_iter().map(|(id, expires, subject)| {
        let id = format!("ver_{id}").parse().map_err(unreadable)?;
        Ok((id, at(expires), subject))
    });
    Ok((usage, open.collect::<Result<_, StoreError>>()?))
}

/// Phrases of the reasons that routing gives, by the byte that stands for each. Bytes are
/// for ever: a new phrase gets a new one.
const PHRASES: [&str; 6] =
    ["drawn by weight", ", weight ", ", of ", "not tried yet", "tried on the other channel only", "all were tried"];

/// A reason with its known phrases as one byte each: it stands in every attempt.
pub fn short(reason: &str) -> String {
    if reason.bytes().any(|byte| byte.is_ascii_control()) {
        return reason.to_owned();
    }
    PHRASES
        .iter()
        .zip(1u8..)
        .fold(reason.to_owned(), |text, (phrase, byte)| text.replace(phrase, char::from(byte).encode_utf8(&mut [0; 4])))
}

fn long(text: &str) -> String {
    let phrase = |c: char| PHRASES.get((c as usize).wrapping_sub(1)).copied();
    text.chars().map(|c| phrase(c).map_or_else(|| c.to_string(), str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Partition, RecordKind};

    fn record() -> Record {
        let id = RecordId::new(RecordKind::Verification, Partition(7), [9; 14]);
        let to = Destination {
            partition: Partition(7),
            hash: NumberHash(Digest([1; 16])),
            sealed: Sealed(vec![0xff; 50]),
            masked: "+81********78".into(),
            country: Country::new("JP").unwrap(),
            kind: NumberKind::FixedLineOrMobile,
            network: Network::Known("440-10".into()),
        };
        let mut record = Record::pending(id, &TenantId("shop".into()), to, Locale::new("ja").unwrap(), 1_000, 600_000);
        record.secret = Some(Sealed(vec![0x80; 40]));
        record.code_hash = Some(Digest([2; 16]));
        record.superseded = vec![Digest([3; 16]), Digest([4; 16])];
        (record.wrong, record.max_wrong, record.subject) = (2, 5, Some(Digest([5; 16])));
        record.metadata = Some("{}".into());
        let lease = HeldUntil { token: Digest([6; 16]), until: 16_000 };
        let mut delivery = Delivery::queued(Channel::Voice, AskedBy::System, 1_500, lease);
        delivery.retries = 3;
        delivery.attempts.push(Attempt {
            carrier: "acme".into(),
            state: AttemptState::Failed,
            cause: Some(Cause::Busy),
            reason: "not tried yet, weight 100, of 2".into(),
            started: 1_600,
            changed: 1_700,
            reference: Some("é".into()),
        });
        record.deliveries = vec![delivery];
        record
    }

    #[test]
    fn a_record_comes_back_as_it_went() {
        let record = record();
        assert_eq!(unpack(record.id, &pack(&record)).unwrap(), record);
    }

    #[test]
    fn a_newer_layout_is_told_and_damage_is_no_panic() {
        let (record, bytes) = (record(), pack(&record()));
        let newer = pack(&Record { v: Record::VERSION + 1, ..record.clone() });
        assert_eq!(unpack(record.id, &newer), Err(StoreError::Newer));
        for cut in 0..bytes.len() {
            assert!(matches!(unpack(record.id, &bytes[..cut]), Err(StoreError::Unreadable(_))), "{cut}");
        }
    }

    #[test]
    fn times_before_the_first_one_are_read() {
        // {v: 1, b: 1000, a: [-5], t: {x: {s: [[-5, 1]]}}}: written after a fail-over to a slower clock.
        let bytes = b"\x84\xa1v\x01\xa1b\xcd\x03\xe8\xa1a\x91\xfb\xa1t\x81\xa1x\x81\xa1s\x91\x92\xfb\x01";
        let (usage, open) = number(bytes, &TenantId("x".into())).unwrap();
        assert_eq!((usage.sent_all_tenants, open.len()), (vec![995], 0));
        assert_eq!(usage.sent, [Sent { at: 995, channel: Channel::Voice }]);
    }

    #[test]
    fn reasons_get_shorter_and_come_back() {
        for reason in
            ["drawn by weight, weight 100, of 2", "all were tried, weight 5, of 3", "something else", "a\u{1}b"]
        {
            let short = short(reason);
            assert!(short.len() <= reason.len());
            if !reason.contains('\u{1}') {
                assert_eq!(long(&short), reason);
            }
        }
        assert_eq!(short("drawn by weight, weight 100, of 2").len(), 7);
    }
}
