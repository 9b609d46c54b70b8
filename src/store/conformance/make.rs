//! Things to work with: numbers, records, limits and operations, all from a
//! stream of randomness and with every field set to something that shows.

use super::random::Random;
use crate::model::{
    AskedBy, Channel, Country, DAY, Digest, LimitSpec, Locale, MINUTE, Ms, Network, NumberHash, NumberKind,
    NumberLimits, Partition, RecordId, RecordKind, Sealed, Status, TenantId,
};
use crate::store::{Destination, Lease, Memo, Record, Start};

/// A number in a partition.
pub fn number(random: &mut Random, partition: Partition) -> Destination {
    Destination {
        partition,
        hash: NumberHash(random.digest()),
        sealed: Sealed(random.digest().0.to_vec()),
        masked: "+81********78".into(),
        country: Country::new("JP").expect("two letters"),
        kind: NumberKind::Mobile,
        network: Network::Guessed("JP/Docomo".into()),
    }
}

/// A tenant that nobody else has.
pub fn tenant(random: &mut Random) -> TenantId {
    TenantId(format!("tenant-{:x}", random.number()))
}

/// An id in a number's partition.
pub fn id(random: &mut Random, kind: RecordKind, to: &Destination) -> RecordId {
    let bytes = random.digest().0;
    RecordId::new(kind, to.partition, bytes[..14].try_into().expect("14 of 16 bytes"))
}

/// The hash of a record's `k`-th code; no two of them are the same.
pub fn code(id: RecordId, k: u64) -> Digest {
    Random::named(&format!("{id}/{k}")).digest()
}

/// A lease with a token of its own.
pub fn lease(random: &mut Random, ms: Ms) -> Lease {
    Lease { token: random.digest(), ms }
}

/// A fresh idempotency key.
pub fn memo(random: &mut Random, keep_ms: Ms) -> Memo {
    Memo { key: random.digest(), fingerprint: random.digest(), keep_ms }
}

/// Limits that stop nobody. A case tightens the one that it is about.
pub fn open_limits() -> NumberLimits {
    let plenty = LimitSpec { count: 10_000, per_ms: MINUTE };
    NumberLimits {
        sms_interval_ms: 0,
        voice_interval_ms: 0,
        deliveries: plenty,
        deliveries_all_tenants: plenty,
        open_verifications: 100,
        day_deliveries: 10_000,
        day_failures: 10_000,
        day_waits_ms: vec![DAY],
    }
}

/// A verification that is to live so long, as its caller makes it: by the
/// caller's own clock, which is wrong.
pub fn record(random: &mut Random, tenant: &TenantId, to: &Destination, ttl_ms: Ms) -> Record {
    let (id, callers_clock) = (id(random, RecordKind::Verification, to), random.between(0, 1_000));
    Record {
        v: Record::PLAIN,
        id,
        tenant: tenant.clone(),
        to: to.clone(),
        status: Status::Pending,
        created: callers_clock,
        expires: callers_clock + ttl_ms,
        locale: Locale::new("pt-BR").expect("a tag"),
        secret: Some(Sealed(random.digest().0.to_vec())),
        code_hash: Some(code(id, 0)),
        superseded: Vec::new(),
        wrong: 0,
        max_wrong: 5,
        subject: None,
        metadata: Some("{\"order\":\"é 7\"}".into()),
        deliveries: Vec::new(),
    }
}

/// A start of that record over SMS without limits, held for a minute.
pub fn start(random: &mut Random, record: Record) -> Start {
    Start {
        record,
        channel: Channel::Sms,
        asked_by: AskedBy::Person,
        limits: open_limits(),
        lease: lease(random, MINUTE),
        memo: None,
    }
}
