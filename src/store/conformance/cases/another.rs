//! Receipts after which another carrier tries, and what they tell besides: the carrier's
//! own id. And the sender that the person sees.

use super::super::failure::{Told, expected, holds, same};
use super::super::world::World;
use crate::model::{AttemptId, AttemptState, Cause, Channel, DeliveryState, Digest, HOUR, MINUTE};
use crate::store::{
    Begin, Begun, Delivery, Moved, Next, Progress, REFERENCE_BYTES, Receive, Received, Record, Resend, Resent, Settled,
    Then,
};

const FILTERED: Progress = Progress::Failed(Cause::CarrierFiltered);

fn another(w: &World, id: AttemptId) -> Receive {
    Receive { then: Then::Another, ..w.receipt(id, FILTERED) }
}

async fn receive(w: &World, op: Receive) -> Told<Received> {
    Ok(w.store.numbers.receive(op).await?)
}

/// A record whose SMS its carrier gave back, so that another one may have it.
async fn given_back(w: &World) -> Told<(Record, AttemptId)> {
    let (_, id, _) = w.submitted(Channel::Sms, false).await?;
    let record = expected!(receive(w, another(w, id)).await?, Received::Moved(record) => record);
    Ok((record, id))
}

/// The same, taken by a worker that has written its intent.
async fn tried_again(w: &World) -> Told<(AttemptId, AttemptId, Digest)> {
    let (_, first) = given_back(w).await?;
    let (token, claimed) = w.claim(100).await?;
    same("claimed", claimed, vec![first.delivery])?;
    Ok((first, w.begun(first.delivery, token).await?, token))
}

async fn delivery(w: &World, id: AttemptId) -> Told<Delivery> {
    let record = w.get(id.delivery.record).await?.record;
    Ok(expected!(record.delivery(id.delivery.n).cloned(), Some(delivery) => delivery))
}

fn taken() -> Moved {
    Moved::Submitted { reference: Some("SM2".into()), keep_lease: false }
}

pub async fn is_due_at_once(w: &World) -> Told {
    let (record, first) = given_back(w).await?;
    let (gone, failed) = (&record.deliveries[0], &record.deliveries[0].attempts[0]);
    same("attempt", (failed.state, failed.cause), (AttemptState::Failed, Some(Cause::CarrierFiltered)))?;
    same("delivery", (gone.state, gone.cause), (DeliveryState::Submitted, None))?;
    same("due", (gone.lease, gone.due, gone.retries), (None, Some(failed.changed), 1))?;
    same("kept", &w.get(record.id).await?.record, &record)?;
    same("next wake", w.store.numbers.next_wake().await?, Some(failed.changed))?;
    let (token, claimed) = w.claim(100).await?;
    same("claimed", claimed, vec![first.delivery])?;
    same("once", w.claim(100).await?.1, vec![])?;
    let second = w.begun(first.delivery, token).await?;
    same("the second attempt", second, first.delivery.attempt(2))?;
    let record = w.settled(second, token, taken()).await?;
    let now = &record.deliveries[0];
    same("delivery", (now.state, now.lease, now.due), (DeliveryState::Submitted, None, None))?;
    same("next wake", w.store.numbers.next_wake().await?, Some(record.expires))?;
    let record = w.moved(second, Progress::Delivered).await?;
    same("it arrives", record.deliveries[0].state, DeliveryState::Delivered)
}

pub async fn nobody_is_left(w: &World) -> Told {
    let (_, first) = given_back(w).await?;
    let (token, _) = w.claim(100).await?;
    let none = Moved::Failed(Cause::CarrierFiltered, Next::Never);
    let record = w.settled(first.delivery.attempt(0), token, none).await?;
    let gone = &record.deliveries[0];
    same("failed", (gone.state, gone.cause), (DeliveryState::Failed, Some(Cause::CarrierFiltered)))?;
    same("nothing follows", (gone.lease, gone.due), (None, None))?;
    let (_, second, token) = tried_again(w).await?;
    let record = w.settled(second, token, Moved::Failed(Cause::RateLimited, Next::Later(MINUTE))).await?;
    let later = &record.deliveries[0];
    same("later", (later.state, later.lease, later.retries), (DeliveryState::Submitted, None, 2))?;
    same("due", later.due, Some(later.attempts[1].changed + MINUTE))
}

pub async fn repeats_change_nothing(w: &World) -> Told {
    let both = |w: &World, id| [another(w, id), w.receipt(id, FILTERED)];
    let (record, first) = given_back(w).await?;
    for repeat in both(w, first) {
        same("a repeat", receive(w, repeat).await?, Received::Same)?;
    }
    same("it is as it was", w.get(record.id).await?.record, record)?;
    let (token, _) = w.claim(100).await?;
    for repeat in both(w, first) {
        same("a repeat while it is worked on", receive(w, repeat).await?, Received::Same)?;
    }
    let second = w.begun(first.delivery, token).await?;
    for repeat in both(w, first) {
        same("a repeat of an earlier one", receive(w, repeat).await?, Received::Same)?;
    }
    expected!(w.settle(second, token, taken()).await?, Settled::Done(_));
    Ok(())
}

pub async fn a_worker_judges(w: &World) -> Told {
    for overtakes in [another(w, tried_again(w).await?.1), w.receipt(tried_again(w).await?.1, FILTERED)] {
        let id = overtakes.id;
        expected!(receive(w, overtakes).await?, Received::Moved(_));
        let now = delivery(w, id).await?;
        same("it is in his hands", (now.state, now.cause), (DeliveryState::Submitted, None))?;
        same("his attempt", now.attempts[1].state, AttemptState::Failed)?;
        let token = expected!(now.lease, Some(held) => held.token);
        let record = w.settled(id, token, taken()).await?;
        let kept = &record.deliveries[0];
        same("still his", (kept.state, kept.lease.map(|held| held.token)), (DeliveryState::Submitted, Some(token)))?;
        same("his attempt", kept.attempts[1].state, AttemptState::Failed)?;
        let none = Moved::Failed(Cause::CarrierFiltered, Next::Never);
        let gone = &w.settled(id, token, none).await?.deliveries[0];
        same("no third one", (gone.state, gone.cause), (DeliveryState::Failed, Some(Cause::CarrierFiltered)))?;
    }
    let start = w.start();
    let (id, token) = (start.record.id.delivery(1), start.lease.token);
    w.created(start).await?;
    let first = w.begun(id, token).await?;
    expected!(receive(w, another(w, first)).await?, Received::Moved(_));
    let now = delivery(w, first).await?;
    same("a queued one", (now.state, now.retries, now.lease.is_some()), (DeliveryState::Queued, 0, true))?;
    w.settled(first, token, taken()).await?;
    same("he goes on", w.begun(id, token).await?, id.attempt(2))
}

pub async fn a_call_that_failed_goes_on(w: &World) -> Told {
    let (_, id, token) = w.submitted(Channel::Voice, true).await?;
    let record = expected!(receive(w, another(w, id)).await?, Received::Moved(record) => record);
    let call = &record.deliveries[0];
    same("its keeper lost it", (call.state, call.lease, call.retries), (DeliveryState::Submitted, None, 1))?;
    same("and may not go on", w.begin(id.delivery, token).await?, Begun::Lost)?;
    same("it is due", w.claim(100).await?.1, vec![id.delivery])
}

pub async fn an_answered_call_ends(w: &World) -> Told {
    let (_, id, _) = w.submitted(Channel::Voice, true).await?;
    w.moved(id, Progress::Answered).await?;
    let record = expected!(receive(w, another(w, id)).await?, Received::Moved(record) => record);
    let call = &record.deliveries[0];
    same("over", (call.state, call.cause), (DeliveryState::Failed, Some(Cause::CarrierFiltered)))?;
    let (_, id, _) = w.submitted(Channel::Voice, false).await?;
    w.moved(id, Progress::Ringing).await?;
    let record = expected!(receive(w, another(w, id)).await?, Received::Moved(record) => record);
    let call = &record.deliveries[0];
    same("one that nobody holds", (call.state, call.cause, call.retries), (DeliveryState::Ringing, None, 1))?;
    same("is claimed", w.claim(100).await?.1, vec![id.delivery])
}

pub async fn the_ended_get_none(w: &World) -> Told {
    let (record, id, _) = w.submitted(Channel::Sms, false).await?;
    w.cancel(record.id).await?;
    let after = expected!(receive(w, another(w, id)).await?, Received::Moved(record) => record);
    same("canceled", after.deliveries[0].state, DeliveryState::Failed)?;
    let start = w.start_with(|record| record.expires = record.created + 400);
    let (id, token) = (start.record.id.delivery(1), start.lease.token);
    let expires = w.created(start).await?.record.expires;
    let first = w.begun(id, token).await?;
    w.settled(first, token, taken()).await?;
    w.pass_until(expires).await?;
    // Whether or not somebody has swept it.
    let after = expected!(receive(w, another(w, first)).await?, Received::Moved(record) => record);
    let gone = &after.deliveries[0];
    same("expired", (gone.state, gone.cause), (DeliveryState::Failed, Some(Cause::CarrierFiltered)))
}

pub async fn what_is_due_ends_with_its_record(w: &World) -> Told {
    let (canceled, _) = given_back(w).await?;
    w.cancel(canceled.id).await?;
    let (approved, _) = given_back(w).await?;
    w.check(approved.id, 0).await?;
    for id in [canceled.id, approved.id] {
        let gone = &w.get(id).await?.record.deliveries[0];
        same("no carrier has it", (gone.state, gone.due), (DeliveryState::Canceled, None))?;
    }
    same("nothing is due", w.claim(100).await?.1, vec![])?;
    let start = w.start_with(|record| record.expires = record.created + 400);
    let (id, token) = (start.record.id.delivery(1), start.lease.token);
    let expires = w.created(start).await?.record.expires;
    let first = w.begun(id, token).await?;
    w.settled(first, token, taken()).await?;
    expected!(receive(w, another(w, first)).await?, Received::Moved(_));
    w.pass_until(expires).await?;
    same("nothing is sent after the end", w.claim(100).await?.1, vec![])?;
    let gone = delivery(w, first).await?;
    same("failed", (gone.state, gone.cause), (DeliveryState::Failed, Some(Cause::ExpiredUnsent)))?;
    same("nothing follows", w.claim(100).await?.1, vec![])
}

pub async fn only_the_last_attempt_counts(w: &World) -> Told {
    let start = w.start();
    let (id, token) = (start.record.id.delivery(1), start.lease.token);
    w.created(start).await?;
    let first = w.begun(id, token).await?;
    w.settled(first, token, Moved::Unknown(Next::Another)).await?;
    let second = w.begun(id, token).await?;
    w.settled(second, token, taken()).await?;
    expected!(receive(w, another(w, first)).await?, Received::Moved(_));
    let now = delivery(w, second).await?;
    same("the second has it", (now.state, now.due, now.retries), (DeliveryState::Submitted, None, 0))
}

pub async fn references_are_told(w: &World) -> Told {
    let told = |id, text: &str| Receive { reference: Some(text.to_owned()), ..w.receipt(id, Progress::Ringing) };
    let start = w.start();
    let (id, token) = (start.record.id.delivery(1), start.lease.token);
    w.created(start).await?;
    let id = w.begun(id, token).await?;
    let reference =
        async |w: &World| -> Told<Option<String>> { Ok(delivery(w, id).await?.attempts[0].reference.clone()) };
    let long = "x".repeat(REFERENCE_BYTES + 1);
    expected!(receive(w, told(id, &long)).await?, Received::Moved(_));
    same("too long", reference(w).await?, None)?;
    expected!(receive(w, told(id, &long[1..])).await?, Received::Moved(_));
    same("nothing else is new", receive(w, told(id, "SM9")).await?, Received::Same)?;
    same("the first stands", reference(w).await?, Some(long[1..].to_owned()))?;
    w.settled(id, token, Moved::Submitted { reference: None, keep_lease: false }).await?;
    same("an answer without one", reference(w).await?, Some(long[1..].to_owned()))?;
    let (record, id, _) = w.submitted(Channel::Sms, false).await?;
    let moved = expected!(receive(w, told(id, "SM9")).await?, Received::Moved(record) => record);
    same("the answer's stands", moved.deliveries[0].attempts[0].reference.as_deref(), Some("SM1"))?;
    same("the record", moved.id, record.id)
}

pub async fn senders_are_kept(w: &World) -> Told {
    let start = w.start();
    let (id, token) = (start.record.id.delivery(1), start.lease.token);
    w.created(start).await?;
    w.begun(id, token).await?;
    let plain = w.get(id.record).await?.record;
    same("a record without senders", (plain.v, &plain.deliveries[0].attempts[0].sender), (Record::PLAIN, &None))?;
    let (carrier, reason) = ("acme".to_owned(), "the first".to_owned());
    let op = Begin { id, token, carrier, reason, sender: Some("ACME é".into()) };
    expected!(w.store.numbers.begin(op).await?, Begun::Attempt(_));
    let record = w.get(id.record).await?.record;
    let senders: Vec<_> = record.deliveries[0].attempts.iter().map(|attempt| attempt.sender.as_deref()).collect();
    same("senders", senders, vec![None, Some("ACME é")])?;
    same("its layout", record.v, Record::WITH_SENDERS)?;
    holds("it lives on", record.expires > w.now().await? + HOUR / 2, &record)?;
    let id = id.attempt(2);
    let record = w.settled(id, token, taken()).await?;
    same("after more", record.deliveries[0].attempts[1].sender.as_deref(), Some("ACME é"))
}

/// An SMS that a carrier has, and that somebody looks at again in so many milliseconds.
async fn covered(w: &World, again_ms: u64) -> Told<(AttemptId, Record)> {
    let start = w.start();
    let (id, token) = (start.record.id.delivery(1), start.lease.token);
    w.created(start).await?;
    let first = w.begun(id, token).await?;
    let moved = Moved::Covered { reference: Some("SM3".into()), again_ms };
    Ok((first, w.settled(first, token, moved).await?))
}

pub async fn a_covered_one_is_looked_at_again(w: &World) -> Told {
    let (first, record) = covered(w, 1_000).await?;
    let now = &record.deliveries[0];
    same("with its carrier", (now.state, now.lease, now.retries), (DeliveryState::Submitted, None, 0))?;
    same("its id", now.attempts[0].reference.as_deref(), Some("SM3"))?;
    let due = expected!(now.due, Some(due) => due);
    same("due", due, now.attempts[0].changed + 1_000)?;
    same("not yet", w.claim(100).await?.1, vec![])?;
    w.pass_until(due).await?;
    let (token, claimed) = w.claim(100).await?;
    same("claimed", claimed, vec![first.delivery])?;
    let second = w.begun(first.delivery, token).await?;
    same("its second attempt", second, first.delivery.attempt(2))?;
    w.settled(second, token, taken()).await?;
    let record = w.moved(first, Progress::Delivered).await?;
    same("whoever brought it", record.deliveries[0].state, DeliveryState::Delivered)
}

pub async fn what_has_ended_is_covered_no_more(w: &World) -> Told {
    let (delivered, _) = covered(w, 60).await?;
    w.moved(delivered, Progress::Delivered).await?;
    let (_, approved) = covered(w, 60).await?;
    w.check(approved.id, 0).await?;
    let (_, canceled) = covered(w, 60).await?;
    w.cancel(canceled.id).await?;
    let (_, resent) = covered(w, 60).await?;
    let called = Resend { channel: Channel::Voice, ..w.resend(resent.id) };
    expected!(w.store.numbers.resend(called).await?, Resent::Queued(_));
    for id in [approved.id, canceled.id, resent.id] {
        let rests = &w.get(id).await?.record.deliveries[0];
        same("its carrier has it", (rests.state, rests.due), (DeliveryState::Submitted, None))?;
    }
    let start = w.start_with(|record| record.expires = record.created + 400);
    let (id, token) = (start.record.id.delivery(1), start.lease.token);
    w.created(start).await?;
    let first = w.begun(id, token).await?;
    let late = Moved::Covered { reference: None, again_ms: HOUR };
    same("not after its end", w.settled(first, token, late).await?.deliveries[0].due, None)?;
    w.pass(90).await;
    same("nothing is due", w.claim(100).await?.1, vec![])
}

pub async fn doubted_success_is_its_attempts_alone(w: &World) -> Told {
    let doubted = |w: &World, id| Receive { then: Then::Doubt, ..w.receipt(id, Progress::Delivered) };
    let (first, _) = covered(w, HOUR / 10).await?;
    let record = expected!(receive(w, doubted(w, first)).await?, Received::Moved(record) => record);
    let now = &record.deliveries[0];
    same("the delivery waits", (now.state, now.due.is_some()), (DeliveryState::Submitted, true))?;
    same("its attempt", now.attempts[0].state, AttemptState::Delivered)?;
    same("a repeat", receive(w, doubted(w, first)).await?, Received::Same)?;
    let (_, plain, _) = w.submitted(Channel::Sms, false).await?;
    let record = expected!(receive(w, doubted(w, plain)).await?, Received::Moved(record) => record);
    same("one that is not covered", record.deliveries[0].state, DeliveryState::Delivered)
}

/// A covered one whose cover somebody has begun: its two attempts and the token.
async fn covering(w: &World) -> Told<(AttemptId, AttemptId, Digest)> {
    let (first, record) = covered(w, 60).await?;
    w.pass_until(expected!(record.deliveries[0].due, Some(due) => due)).await?;
    let (token, claimed) = w.claim(100).await?;
    same("claimed", claimed, vec![first.delivery])?;
    let second = w.begun(first.delivery, token).await?;
    Ok((first, second, token))
}

pub async fn a_covered_one_whose_carriers_all_failed_has_failed(w: &World) -> Told {
    let refused = Moved::Failed(Cause::InvalidNumber, Next::Another);
    let left = Moved::Submitted { reference: None, keep_lease: false };
    let over = |record: &Record| (record.deliveries[0].state, record.deliveries[0].cause);
    // The cover is refused, then the first fails: another may be tried, or it is over.
    for (then, state) in [(Then::Fail, DeliveryState::Failed), (Then::Another, DeliveryState::Submitted)] {
        let (first, second, token) = covering(w).await?;
        w.settled(second, token, refused.clone()).await?;
        w.settled(first.delivery.attempt(0), token, left.clone()).await?;
        let op = Receive { then, ..w.receipt(first, FILTERED) };
        let record = expected!(receive(w, op).await?, Received::Moved(record) => record);
        same("its state", over(&record).0, state)?;
        same("whether it is due", record.deliveries[0].due.is_some(), then == Then::Another)?;
        let (_, claimed) = w.claim(100).await?;
        same("claimed again", claimed.len(), usize::from(then == Then::Another))?;
    }
    // The first fails while the cover is on its way, which is refused then.
    let (first, second, token) = covering(w).await?;
    w.moved(first, FILTERED).await?;
    w.settled(second, token, refused).await?;
    let record = w.settled(first.delivery.attempt(0), token, left.clone()).await?;
    same("it is over", over(&record), (DeliveryState::Failed, Some(Cause::InvalidNumber)))?;
    // A doubted success is a success where nobody is left to cover it.
    let (first, record) = covered(w, 60).await?;
    let doubted = Receive { then: Then::Doubt, ..w.receipt(first, Progress::Delivered) };
    expected!(receive(w, doubted).await?, Received::Moved(_));
    w.pass_until(expected!(record.deliveries[0].due, Some(due) => due)).await?;
    let (token, _) = w.claim(100).await?;
    let record = w.settled(first.delivery.attempt(0), token, left).await?;
    same("it arrived", record.deliveries[0].state, DeliveryState::Delivered)
}

pub async fn what_is_asked_for_ends_a_cover_that_is_under_way(w: &World) -> Told {
    let (first, _, token) = covering(w).await?;
    let called = Resend { channel: Channel::Voice, ..w.resend(first.delivery.record) };
    expected!(w.store.numbers.resend(called).await?, Resent::Queued(_));
    same("no third", w.begin(first.delivery, token).await?, Begun::Ended)?;
    let later = Moved::Covered { reference: None, again_ms: 60 };
    same("nor later", w.settled(first.delivery.attempt(0), token, later).await?.deliveries[0].due, None)
}
