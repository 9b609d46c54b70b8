//! Receipts: states move forward only, repeats and late ones are harmless.

use super::super::failure::{Told, Wrong, expected, holds, same};
use super::super::world::World;
use crate::model::{
    AttemptId, AttemptState, Cause, Channel, DeliveryState, Digest, HOUR, LimitName, MINUTE, Network, RecordKind,
    Refusal,
};
use crate::store::{Moved, Next, Progress, Receive, Received, Resend, Resent, Settled, Start};

/// A new record with an intent over this channel: its attempt and its token.
async fn begun(w: &World, channel: Channel) -> Told<(AttemptId, Digest)> {
    let start = Start { channel, ..w.start() };
    let (id, token) = (start.record.id.delivery(1), start.lease.token);
    w.created(start).await?;
    Ok((w.begun(id, token).await?, token))
}

/// The states of an attempt's delivery and of the attempt.
async fn states(w: &World, id: AttemptId) -> Told<(DeliveryState, AttemptState)> {
    let record = w.get(id.delivery.record).await?.record;
    let delivery = record.delivery(id.delivery.n);
    let states = delivery.and_then(|d| Some((d.state, d.attempt(id.m)?.state)));
    states.ok_or_else(|| Wrong::new(format!("{id} is there"), &record))
}

pub async fn only_forward(w: &World) -> Told {
    let (_, id, _) = w.submitted(Channel::Voice, true).await?;
    for (progress, state) in
        [(Progress::Ringing, DeliveryState::Ringing), (Progress::Answered, DeliveryState::Answered)]
    {
        let record = w.moved(id, progress).await?;
        same("delivery", record.deliveries[0].state, state)?;
        same("attempt", record.deliveries[0].attempts[0].state, AttemptState::Submitted)?;
        holds("still held", record.deliveries[0].lease.is_some(), &record)?;
    }
    same("backward", w.receive(id, Progress::Ringing).await?, Received::Same)?;
    same("it stays", states(w, id).await?, (DeliveryState::Answered, AttemptState::Submitted))?;
    let record = w.moved(id, Progress::Delivered).await?;
    let delivery = &record.deliveries[0];
    same("delivery", (delivery.state, delivery.cause), (DeliveryState::Delivered, None))?;
    same("nothing follows", (delivery.lease, delivery.due), (None, None))?;
    same("attempt", delivery.attempts[0].state, AttemptState::Delivered)?;
    same("kept", w.get(record.id).await?.record, record)?;
    let (_, id, _) = w.submitted(Channel::Voice, true).await?;
    let record = w.moved(id, Progress::Answered).await?;
    same("a ring that was missed", record.deliveries[0].state, DeliveryState::Answered)?;
    let record = w.moved(id, Progress::Failed(Cause::NotAcknowledged)).await?;
    let delivery = &record.deliveries[0];
    same("failed", (delivery.state, delivery.cause), (DeliveryState::Failed, Some(Cause::NotAcknowledged)))?;
    let attempt = &delivery.attempts[0];
    same("attempt", (attempt.state, attempt.cause), (AttemptState::Failed, Some(Cause::NotAcknowledged)))
}

pub async fn repeats_are_the_same(w: &World) -> Told {
    let (record, id, _) = w.submitted(Channel::Voice, true).await?;
    for progress in [Progress::Ringing, Progress::Answered, Progress::Delivered] {
        w.moved(id, progress).await?;
        let before = w.get(record.id).await?.record;
        w.pass(10).await;
        for _ in 0..3 {
            same("a repeat", w.receive(id, progress).await?, Received::Same)?;
        }
        same("nothing moved", w.get(record.id).await?.record, before)?;
    }
    Ok(())
}

pub async fn a_final_state_stays(w: &World) -> Told {
    for (first, second) in [
        (Progress::Delivered, Progress::Failed(Cause::NoReceipt)),
        (Progress::Failed(Cause::NoReceipt), Progress::Delivered),
        (Progress::Failed(Cause::NoReceipt), Progress::Failed(Cause::Busy)),
        (Progress::Failed(Cause::NoReceipt), Progress::Ringing),
    ] {
        let (_, id, _) = w.submitted(Channel::Sms, false).await?;
        let record = w.moved(id, first).await?;
        same("after the end", w.receive(id, second).await?, Received::Same)?;
        same("kept", w.get(record.id).await?.record, record)?;
    }
    Ok(())
}

pub async fn late_ones_for_earlier_attempts(w: &World) -> Told {
    let (first, token) = begun(w, Channel::Sms).await?;
    w.settled(first, token, Moved::Unknown(Next::Another)).await?;
    let second = w.begun(first.delivery, token).await?;
    w.settled(second, token, Moved::Submitted { reference: None, keep_lease: false }).await?;
    let record = w.moved(first, Progress::Failed(Cause::CarrierFiltered)).await?;
    same("the attempt", record.deliveries[0].attempts[0].state, AttemptState::Failed)?;
    same("the delivery goes on", states(w, second).await?, (DeliveryState::Submitted, AttemptState::Submitted))?;

    let (first, token) = begun(w, Channel::Sms).await?;
    w.settled(first, token, Moved::Unknown(Next::Another)).await?;
    let second = w.begun(first.delivery, token).await?;
    let record = w.moved(first, Progress::Delivered).await?;
    same("whoever brought it", record.deliveries[0].state, DeliveryState::Delivered)?;
    same("the second", states(w, second).await?.1, AttemptState::Submitting)?;
    let moved = Moved::Submitted { reference: None, keep_lease: false };
    same("its worker learns", w.settle(second, token, moved).await?, Settled::Lost)
}

pub async fn unknown_attempts(w: &World) -> Told {
    let (record, id, _) = w.submitted(Channel::Sms, false).await?;
    let unmade = w.draw(|random| super::super::make::id(random, RecordKind::Verification, &w.number));
    for unknown in [
        id.delivery.attempt(0),
        id.delivery.attempt(2),
        id.delivery.attempt(u16::MAX),
        record.id.delivery(0).attempt(1),
        record.id.delivery(2).attempt(1),
        unmade.delivery(1).attempt(1),
    ] {
        let network = Some(Network::Known("440-10".into()));
        let receive = Receive { network, ..w.receipt(unknown, Progress::Delivered) };
        same("unknown", w.store.numbers.receive(receive).await?, Received::Unknown)?;
    }
    same("nothing moved", w.get(record.id).await?.record, record)
}

pub async fn overtaking_delivered(w: &World) -> Told {
    let (id, token) = begun(w, Channel::Sms).await?;
    let record = w.moved(id, Progress::Delivered).await?;
    same("delivery", states(w, id).await?, (DeliveryState::Delivered, AttemptState::Delivered))?;
    let moved = Moved::Submitted { reference: Some("SM9".into()), keep_lease: false };
    same("nobody's any more", w.settle(id, token, moved).await?, Settled::Lost)?;
    same("kept", w.get(record.id).await?.record, record)
}

pub async fn overtaking_failure(w: &World) -> Told {
    let filtered = Some(Cause::CarrierFiltered);
    let (id, token) = begun(w, Channel::Sms).await?;
    let record = w.moved(id, Progress::Failed(Cause::CarrierFiltered)).await?;
    let delivery = &record.deliveries[0];
    same("the attempt", (delivery.attempts[0].state, delivery.attempts[0].cause), (AttemptState::Failed, filtered))?;
    same("the worker judges", (delivery.state, delivery.lease.is_some()), (DeliveryState::Queued, true))?;
    let moved = Moved::Submitted { reference: Some("SM9".into()), keep_lease: false };
    let record = w.settled(id, token, moved).await?;
    let delivery = &record.deliveries[0];
    same("still", (delivery.state, delivery.lease.is_some()), (DeliveryState::Submitted, true))?;
    same("reference", delivery.attempts[0].reference.as_deref(), Some("SM9"))?;
    same(
        "the receipt stands",
        (delivery.attempts[0].state, delivery.attempts[0].cause),
        (AttemptState::Failed, filtered),
    )?;

    let (id, token) = begun(w, Channel::Sms).await?;
    w.moved(id, Progress::Failed(Cause::CarrierFiltered)).await?;
    w.settled(id, token, Moved::Unknown(Next::Another)).await?;
    same("the receipt stands", states(w, id).await?, (DeliveryState::Queued, AttemptState::Failed))?;
    same("another is tried", w.begun(id.delivery, token).await?, id.delivery.attempt(2))?;

    let (id, token) = begun(w, Channel::Voice).await?;
    let record = w.moved(id, Progress::Failed(Cause::Busy)).await?;
    same("a call's too", record.deliveries[0].state, DeliveryState::Queued)?;
    let record = w.settled(id, token, Moved::Submitted { reference: None, keep_lease: true }).await?;
    same("his attempt", record.deliveries[0].attempts[0].state, AttemptState::Failed)?;
    let record = w.settled(id, token, Moved::Failed(Cause::Busy, Next::Never)).await?;
    let delivery = &record.deliveries[0];
    same("he ends it", (delivery.state, delivery.cause), (DeliveryState::Failed, Some(Cause::Busy)))
}

pub async fn overtaking_ring(w: &World) -> Told {
    let (id, token) = begun(w, Channel::Voice).await?;
    let ringing = w.moved(id, Progress::Ringing).await?;
    same("states", states(w, id).await?, (DeliveryState::Ringing, AttemptState::Submitted))?;
    w.pass(10).await;
    let moved = Moved::Submitted { reference: Some("CA1".into()), keep_lease: true };
    let settled = w.settled(id, token, moved).await?;
    let mut expected = ringing;
    expected.deliveries[0].attempts[0].reference = Some("CA1".into());
    same("only the reference is new", settled, expected)
}

/// A call that its person declined: the attempt and until when that pauses starts.
async fn declined(w: &World) -> Told<(AttemptId, u64)> {
    let (_, id, _) = w.submitted(Channel::Voice, true).await?;
    w.moved(id, Progress::Answered).await?;
    let record = w.moved(id, Progress::Failed(Cause::DeclinedByPerson)).await?;
    Ok((id, record.deliveries[0].changed + MINUTE))
}

pub async fn declined_pauses_starts(w: &World) -> Told {
    let (id, until) = declined(w).await?;
    let paused = Refusal { limit: LimitName::NumberPaused, until };
    for channel in Channel::ALL {
        same("refused", w.refused(Start { channel, ..w.start() }).await?.0, paused)?;
    }
    let resend = Resend { channel: Channel::Sms, ..w.resend(id.delivery.record) };
    expected!(w.store.numbers.resend(resend).await?, Resent::Queued(_));
    w.created(w.start_for(&w.tenant, &w.neighbour)).await?;
    let limits = w.limits(|limits| limits.sms_interval_ms = HOUR);
    let (refusal, _) = w.refused(Start { limits, ..w.start() }).await?;
    same("a longer wait is told", refusal.limit, LimitName::SmsInterval)
}

pub async fn declined_twice_pauses_once(w: &World) -> Told {
    let (id, until) = declined(w).await?;
    w.pass(20).await;
    let repeat = w.receive(id, Progress::Failed(Cause::DeclinedByPerson)).await?;
    same("a repeat", repeat, Received::Same)?;
    same("not longer", w.get(id.delivery.record).await?.usage.paused_until, until)?;
    same("refused", w.refused(w.start()).await?.0, Refusal { limit: LimitName::NumberPaused, until })
}

pub async fn network_is_noted(w: &World) -> Told {
    let (record, id, _) = w.submitted(Channel::Sms, false).await?;
    let told = Network::Known("440-10".into());
    let receive = |progress| Receive { network: Some(told.clone()), ..w.receipt(id, progress) };
    let moved = w.store.numbers.receive(receive(Progress::Delivered)).await?;
    let moved = expected!(moved, Received::Moved(record) => record);
    same("network", &moved.to.network, &told)?;
    same("the rest", (&moved.to.hash, &moved.to.sealed), (&record.to.hash, &record.to.sealed))?;
    let again = w.store.numbers.receive(receive(Progress::Delivered)).await?;
    same("known", again, Received::Same)?;
    same("a repeat without it", w.receive(id, Progress::Delivered).await?, Received::Same)?;
    same("kept", w.get(record.id).await?.record, moved)
}
