//! The log of a number's attempts. Scripts see ids, times and blobs; what is in a blob is
//! ours alone.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::super::states::Numbered;
use super::phrases::{long, short};
use super::record::{network, read_network};
use super::{After, decode};
use crate::model::{
    AttemptId, AttemptState, Cause, Channel, Country, Currency, Money, Ms, NumberHash, Partition, RecordId, RecordKind,
    TenantId,
};
use crate::store::{AttemptLog, Logged, Record, Reported, StoreError};

#[derive(Deserialize)]
struct LogWire {
    v: u16,
    a: Vec<(ByteBuf, Ms, ByteBuf, ByteBuf)>,
}

/// A price: millionths, currency.
type PriceWire = (i64, Currency);

#[derive(Serialize, Deserialize)]
struct LoggedWire(
    TenantId,
    u64,
    Country,
    String,
    String,
    Option<String>,
    String,
    u64,
    Option<Cause>,
    Option<String>,
    Option<PriceWire>,
    Ms,
    After,
    Option<After>,
    Option<String>,
);

#[derive(Serialize, Deserialize)]
struct ReportedWire(u64, Option<Cause>, Option<String>, Option<PriceWire>, Ms, Option<String>, Option<String>);

fn price(price: Option<Money>) -> Option<PriceWire> {
    price.map(|Money { micros, currency }| (micros, currency))
}

fn read_price(price: Option<PriceWire>) -> Option<Money> {
    price.map(|(micros, currency)| Money { micros, currency })
}

fn after(at: Ms, since: Ms) -> After {
    // Both are times; their distance fits whatever a clock did.
    at.wrapping_sub(since) as After
}

/// An attempt's id in few bytes; the partition stands in the key.
pub fn entry_id(id: AttemptId) -> Vec<u8> {
    let kind = match id.delivery.record.kind() {
        RecordKind::Verification => b'v',
        RecordKind::Message => b'm',
    };
    let mut bytes = vec![kind];
    bytes.extend(id.delivery.record.random());
    bytes.extend(id.delivery.n.to_be_bytes());
    bytes.extend(id.m.to_be_bytes());
    bytes
}

fn read_id(bytes: &[u8], partition: Partition) -> Result<AttemptId, StoreError> {
    let read = || {
        let (kind, rest) = bytes.split_first()?;
        let (random, rest) = rest.split_first_chunk::<14>()?;
        let (n, m) = rest.split_first_chunk::<2>()?;
        let kind = match kind {
            b'v' => RecordKind::Verification,
            b'm' => RecordKind::Message,
            _ => return None,
        };
        let record = RecordId::new(kind, partition, *random);
        Some(record.delivery(u16::from_be_bytes(*n)).attempt(u16::from_be_bytes(m.try_into().ok()?)))
    };
    read().ok_or_else(|| StoreError::unreadable("an attempt's id in the log"))
}

/// A submission as it rests in a number's log.
pub fn pack_logged(logged: &Logged) -> Vec<u8> {
    let wire = LoggedWire(
        logged.tenant.clone(),
        logged.channel.number().into(),
        logged.country,
        network(&logged.network),
        logged.carrier.clone(),
        logged.sender.clone(),
        short(&logged.reason),
        logged.state.number().into(),
        logged.cause,
        logged.reference.clone(),
        price(logged.price),
        logged.accepted,
        after(logged.started, logged.accepted),
        logged.submitted.map(|at| after(at, logged.started)),
        logged.code.clone(),
    );
    rmp_serde::to_vec(&wire).expect("an entry is plain data")
}

/// A report as it rests in a number's log.
pub fn pack_reported(reported: &Reported) -> Vec<u8> {
    let network = reported.network.as_ref().map(network);
    let (state, code, reference) = (reported.state.number().into(), reported.code.clone(), reported.reference.clone());
    let wire = ReportedWire(state, reported.cause, network, price(reported.price), reported.at, code, reference);
    rmp_serde::to_vec(&wire).expect("an entry is plain data")
}

/// A number's attempts of which the submission is known and still kept, in no order.
pub fn logs(bytes: &[u8], partition: Partition, number: NumberHash, now: Ms) -> Result<Vec<AttemptLog>, StoreError> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let LogWire { v, a } = decode(bytes)?;
    if v > Record::VERSION {
        return Err(StoreError::Newer);
    }
    let shown = a.iter().filter(|(_, until, submitted, _)| *until > now && !submitted.is_empty());
    shown
        .map(|(id, _, submitted, reported)| {
            let id = read_id(id, partition)?;
            let reported = (!reported.is_empty()).then(|| read_reported(reported, id, number)).transpose()?;
            Ok(AttemptLog { submitted: read_logged(submitted, id, number)?, reported })
        })
        .collect()
}

fn read_logged(bytes: &[u8], id: AttemptId, number: NumberHash) -> Result<Logged, StoreError> {
    let LoggedWire(
        tenant,
        channel,
        country,
        network,
        carrier,
        sender,
        reason,
        state,
        cause,
        reference,
        price,
        accepted,
        started,
        submitted,
        code,
    ) = decode(bytes)?;
    let started = accepted.wrapping_add_signed(started);
    Ok(Logged {
        id,
        partition: id.delivery.record.partition(),
        number,
        tenant,
        channel: Channel::from_number(channel)?,
        country,
        network: read_network(&network),
        carrier,
        sender,
        reason: long(&reason),
        state: AttemptState::from_number(state)?,
        cause,
        code,
        reference,
        price: read_price(price),
        accepted,
        started,
        submitted: submitted.map(|after| started.wrapping_add_signed(after)),
    })
}

fn read_reported(bytes: &[u8], id: AttemptId, number: NumberHash) -> Result<Reported, StoreError> {
    let ReportedWire(state, cause, network, price, at, code, reference) = decode(bytes)?;
    let state = AttemptState::from_number(state)?;
    let network = network.as_deref().map(read_network);
    Ok(Reported { id, number, state, cause, code, reference, network, price: read_price(price), at })
}

#[cfg(test)]
mod tests {
    use super::super::super::pack::Pack;
    use super::*;
    use crate::model::{Digest, Network};

    fn logged(kind: RecordKind) -> Logged {
        let (partition, number) = (Partition(7), NumberHash(Digest([1; 16])));
        Logged {
            id: RecordId::new(kind, partition, [0xfe; 14]).delivery(300).attempt(2),
            partition,
            number,
            tenant: TenantId("shop é".into()),
            channel: Channel::Sms,
            country: Country::new("JP").unwrap(),
            network: Network::Guessed("JP/Docomo".into()),
            carrier: "acme".into(),
            sender: None,
            reason: "drawn by weight, weight 100, of 2".into(),
            state: AttemptState::Failed,
            code: None,
            cause: Some(Cause::AuthFailed),
            reference: Some("SM1".into()),
            price: Money::new("0.0075", Currency::new("USD").unwrap()),
            // A slower clock after a fail-over.
            accepted: 5_000,
            started: 4_000,
            submitted: Some(3_000),
        }
    }

    /// A log as the script writes it.
    fn written(version: u64, until: Ms, logged: &Logged, report: &[u8]) -> Vec<u8> {
        let pack = Pack::default().bytes(&entry_id(logged.id)).int(until).bytes(&pack_logged(logged)).bytes(report);
        let head = Pack::default().int(version).done();
        [b"\x82\xa1v", &head[..], b"\xa1a\x91\x94", &pack.done()].concat()
    }

    #[test]
    fn entries_come_back_as_they_went() {
        for kind in [RecordKind::Verification, RecordKind::Message] {
            let logged = logged(kind);
            let (id, number, state) = (logged.id, logged.number, AttemptState::Delivered);
            let report = Reported {
                id,
                number,
                state,
                cause: None,
                code: None,
                reference: None,
                network: None,
                price: None,
                at: 9,
            };
            let read = |bytes: &[u8]| logs(bytes, logged.partition, number, 1_000);
            let mut expected = AttemptLog { submitted: logged.clone(), reported: None };
            assert_eq!(read(&written(1, 1_001, &logged, b"")), Ok(vec![expected.clone()]));
            expected.reported = Some(report.clone());
            assert_eq!(read(&written(1, 1_001, &logged, &pack_reported(&report))), Ok(vec![expected]));
            assert_eq!(read(&written(1, 1_000, &logged, b"")), Ok(vec![]), "over");
        }
    }

    #[test]
    fn a_newer_layout_is_told_and_damage_is_no_panic() {
        let logged = logged(RecordKind::Verification);
        let read = |bytes: &[u8]| logs(bytes, logged.partition, logged.number, 0);
        assert_eq!(read(&written(3, 9, &logged, b"")), Err(StoreError::Newer));
        let bytes = written(1, 9, &logged, b"\x91\x03");
        for cut in 1..bytes.len() {
            assert!(matches!(read(&bytes[..cut]), Err(StoreError::Unreadable(_))), "{cut}");
        }
        assert!(matches!(read(&bytes), Err(StoreError::Unreadable(_))), "a report that is none");
    }
}
