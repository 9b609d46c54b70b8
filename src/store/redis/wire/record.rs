//! A record as the scripts keep it.

use rmp::decode::ValueReadError;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::super::pack::Pack;
use super::super::states::Numbered;
use super::phrases::{long, short};
use super::{After, decode};
use crate::model::{
    AskedBy, AttemptState, Cause, Channel, Country, DeliveryState, Digest, Locale, Ms, Network, NumberHash, NumberKind,
    RecordId, Sealed, Status, TenantId,
};
use crate::store::StoreError;
use crate::store::record::{Attempt, Delivery, Destination, HeldUntil, Record};

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
struct AttemptWire(String, u64, Option<Cause>, String, After, After, Option<String>, #[serde(default)] Option<String>);

fn digest(bytes: &ByteBuf) -> Result<Digest, StoreError> {
    bytes.as_slice().try_into().map(Digest).map_err(StoreError::unreadable)
}

/// A network as the scripts keep it.
pub fn network(network: &Network) -> String {
    match network {
        Network::Known(name) => format!("k{name}"),
        Network::Guessed(name) => format!("g{name}"),
        Network::Unknown => String::new(),
    }
}

/// A network as [`network`] writes it.
pub fn read_network(text: &str) -> Network {
    match text.split_at_checked(1) {
        Some(("k", name)) => Network::Known(name.to_owned()),
        Some((_, name)) => Network::Guessed(name.to_owned()),
        None => Network::Unknown,
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
        .nil()
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
        .nil()
        .list(delivery.attempts.iter(), |pack, one| pack_attempt(pack, one, since))
}

fn pack_attempt(pack: Pack, attempt: &Attempt, since: Ms) -> Pack {
    let pack = pack
        .begin(if attempt.sender.is_some() { 8 } else { 7 })
        .bytes(attempt.carrier.as_bytes())
        .int(attempt.state.number().into())
        .some(attempt.cause, |pack, cause| pack.bytes(cause.as_str().as_bytes()))
        .bytes(short(&attempt.reason).as_bytes())
        .int(attempt.started.saturating_sub(since))
        .int(attempt.changed.saturating_sub(since))
        .some(attempt.reference.as_ref(), |pack, reference| pack.bytes(reference.as_bytes()));
    match &attempt.sender {
        Some(sender) => pack.bytes(sender.as_bytes()),
        None => pack,
    }
}

/// A record that a script gave back.
pub fn unpack(id: RecordId, bytes: &[u8]) -> Result<Record, StoreError> {
    let mut head = bytes;
    let version = rmp::decode::read_array_len(&mut head).and_then(|_| {
        rmp::decode::read_int::<u64, _>(&mut head).map_err(|_| ValueReadError::TypeMismatch(rmp::Marker::Reserved))
    });
    if version.map_err(StoreError::unreadable)? > Record::VERSION.into() {
        return Err(StoreError::Newer);
    }
    let RecordWire(v, tenant, status, created, life, secret, code, old, wrong, max_wrong, network, blob, _, deliveries) =
        decode(bytes)?;
    let blob: Blob = decode(&blob)?;
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
            network: read_network(&network),
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
    let attempt = |AttemptWire(carrier, state, cause, reason, started, changed, reference, sender)| {
        let state = AttemptState::from_number(state)?;
        let reason = long(&reason);
        Ok(Attempt { carrier, state, cause, reason, started: at(started), changed: at(changed), reference, sender })
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
            sender: None,
        });
        let with_sender = Attempt { sender: Some("ACME".into()), ..delivery.attempts[0].clone() };
        delivery.attempts.push(with_sender);
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
}
