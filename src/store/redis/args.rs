//! The arguments of the scripts that take a map; each script says on top what its
//! names mean.

use super::pack::Map;
use super::states::Numbered;
use super::wire;
use crate::model::{AskedBy, Cause, Channel, NumberLimits, Progress, RecordId, RecordKind};
use crate::store::{Check, Lease, Memo, Moved, Next, Receive, Resend, Settle, Start, Then};

fn limits(limits: &NumberLimits) -> Map {
    Map::default()
        .int("si", limits.sms_interval_ms)
        .int("vi", limits.voice_interval_ms)
        .int("dc", limits.deliveries.count)
        .int("dp", limits.deliveries.per_ms)
        .int("ac", limits.deliveries_all_tenants.count)
        .int("ap", limits.deliveries_all_tenants.per_ms)
        .int("ov", limits.open_verifications)
        .int("dd", limits.day_deliveries)
        .int("df", limits.day_failures)
        .with("dw", |pack| pack.list(limits.day_waits_ms.iter(), |pack, wait| pack.int(*wait)))
}

/// An idempotency key: its fingerprint and how long the answer is kept.
fn memo(map: Map, memo: Option<&Memo>) -> Map {
    match memo {
        Some(memo) => map.bytes("f", &memo.fingerprint.0).int("x", memo.keep_ms),
        None => map,
    }
}

/// One more delivery, with the limits that it must pass and its lease.
fn delivery(map: Map, channel: Channel, asked_by: AskedBy, own: &NumberLimits, lease: &Lease) -> Map {
    map.int("c", channel.number())
        .int("k", asked_by.number())
        .with("L", |pack| pack.map(limits(own)))
        .bytes("T", &lease.token.0)
        .int("M", lease.ms)
}

pub fn start(op: &Start, open: &[RecordId]) -> Vec<u8> {
    let record = &op.record;
    let map = Map::default()
        .text("i", record.id.to_string())
        .text("n", &record.tenant.0)
        .bytes("r", &wire::pack(record))
        .int("l", record.expires.saturating_sub(record.created))
        .bytes("S", record.subject.as_ref().map_or(&[], |subject| &subject.0))
        .with("V", |pack| pack.truth(record.kind() == RecordKind::Verification))
        .with("O", |pack| pack.list(open.iter(), |pack, id| pack.bytes(id.to_string().as_bytes())));
    let map = delivery(map, op.channel, op.asked_by, &op.limits, &op.lease);
    memo(map, op.memo.as_ref()).done()
}

pub fn resend(op: &Resend) -> Vec<u8> {
    let map = Map::default().text("i", op.id.to_string()).text("n", &op.tenant.0).some(
        "N",
        op.new_code.as_ref(),
        |pack, new| pack.list([&new.sealed.0[..], &new.hash.0[..]].into_iter(), |pack, bytes| pack.bytes(bytes)),
    );
    let map = delivery(map, op.channel, op.asked_by, &op.limits, &op.lease);
    memo(map, op.memo.as_ref()).done()
}

pub fn check(op: &Check, operation: [u8; 4]) -> Vec<u8> {
    let map = Map::default()
        .text("i", op.id.to_string())
        .text("n", &op.tenant.0)
        .bytes("c", &op.code_hash.0)
        .bytes("p", &operation);
    memo(map, op.memo.as_ref()).done()
}

pub fn settle(op: &Settle, operation: [u8; 4]) -> Vec<u8> {
    let map = Map::default()
        .text("i", op.id.delivery.record.to_string())
        .int("n", op.id.delivery.n)
        .int("m", op.id.m)
        .bytes("T", &op.token.0)
        .bytes("p", &operation);
    match &op.moved {
        Moved::Submitted { reference, keep_lease } => map
            .text("k", "submitted")
            .some("f", reference.as_ref(), |pack, reference| pack.bytes(reference.as_bytes()))
            .with("l", |pack| pack.truth(*keep_lease)),
        Moved::Covered { reference, again_ms } => map
            .text("k", "submitted")
            .some("f", reference.as_ref(), |pack, reference| pack.bytes(reference.as_bytes()))
            .int("z", *again_ms),
        Moved::Failed(cause, after) => next(map.text("k", "failed").text("w", cause.as_str()), *after),
        Moved::Unknown(after) => {
            next(map.text("k", "unknown").text("w", Cause::TemporaryCarrierFault.as_str()), *after)
        }
    }
    .done()
}

fn next(map: Map, next: Next) -> Map {
    match next {
        Next::Another => map.text("x", "another"),
        Next::Later(ms) => map.text("x", "later").int("z", ms),
        Next::Never => map.text("x", "never"),
    }
}

pub fn receive(op: &Receive, operation: [u8; 4]) -> Vec<u8> {
    let (progress, cause) = match op.progress {
        Progress::Ringing => ("ringing", None),
        Progress::Answered => ("answered", None),
        Progress::Delivered => ("delivered", None),
        Progress::Failed(cause) => ("failed", Some(cause)),
    };
    Map::default()
        .text("i", op.id.delivery.record.to_string())
        .int("n", op.id.delivery.n)
        .int("m", op.id.m)
        .bytes("o", &operation)
        .text("p", progress)
        .some("w", cause, |pack, cause| pack.bytes(cause.as_str().as_bytes()))
        .some("t", op.network.as_ref(), |pack, network| pack.bytes(wire::network(network).as_bytes()))
        .int("z", op.pause_ms)
        .some("f", op.kept_reference(), |pack, reference| pack.bytes(reference.as_bytes()))
        .with("x", |pack| pack.truth(op.then == Then::Another))
        .with("y", |pack| pack.truth(op.then == Then::Doubt))
        .done()
}
