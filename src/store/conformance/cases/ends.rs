//! Ends: what a cancel or an expiry does to what still runs, and when the store
//! wants to be looked at again.

use super::super::failure::{Told, expected, holds, same};
use super::super::world::World;
use crate::model::{Cause, Channel, DeliveryState, HOUR, MINUTE, Status};
use crate::store::{Begun, Canceled, Checked, Lease, Moved, Next, Progress, Renewed, Resend, Resent, Settled, Start};

pub async fn cancel_hangs_up(w: &World) -> Told {
    for progress in [None, Some(Progress::Ringing), Some(Progress::Answered)] {
        let (record, id, token) = w.submitted(Channel::Voice, true).await?;
        if let Some(progress) = progress {
            w.moved(id, progress).await?;
        }
        same("renew before", w.renew(id.delivery, token, MINUTE).await?, Renewed::Held)?;
        let view = expected!(w.cancel(record.id).await?, Canceled::Done(view) => view);
        let delivery = &view.record.deliveries[0];
        same("delivery", (delivery.state, delivery.cause), (DeliveryState::Canceled, None))?;
        same("nothing follows", (delivery.lease, delivery.due, delivery.changed), (None, None, view.now))?;
        same("renew", w.renew(id.delivery, token, MINUTE).await?, Renewed::Ended)?;
        let moved = Moved::Failed(Cause::NoAnswer, Next::Never);
        same("settle", w.settle(id, token, moved).await?, Settled::Lost)?;
        same("begin", w.begin(id.delivery, token).await?, Begun::Ended)?;
        same("claim", w.claim(100).await?.1, vec![])?;
    }
    Ok(())
}

pub async fn cancel_twice(w: &World) -> Told {
    let id = w.created(w.start()).await?.record.id;
    let first = expected!(w.cancel(id).await?, Canceled::Done(view) => view);
    same("status", first.record.status, Status::Canceled)?;
    let erased = first.record.secret.is_none() && first.record.code_hash.is_none();
    holds("erased", erased, &first.record)?;
    w.pass(20).await;
    let second = expected!(w.cancel(id).await?, Canceled::Done(view) => view);
    same("the record", second.record, first.record)?;
    same("check", w.check(id, 0).await?, Checked::Ended(Status::Canceled))?;
    let resent = w.store.numbers.resend(w.resend(id)).await?;
    same("resend", resent, Resent::Ended(Status::Canceled))
}

pub async fn cancel_leaves_what_is_with_a_carrier(w: &World) -> Told {
    let (record, id, _) = w.submitted(Channel::Sms, false).await?;
    let resend = Resend { channel: Channel::Sms, ..w.resend(record.id) };
    expected!(w.store.numbers.resend(resend).await?, Resent::Queued(_));
    let view = expected!(w.cancel(record.id).await?, Canceled::Done(view) => view);
    let states: Vec<_> = view.record.deliveries.iter().map(|delivery| delivery.state).collect();
    same("states", states, vec![DeliveryState::Submitted, DeliveryState::Canceled])?;
    let late = w.moved(id, Progress::Failed(Cause::UnreachableHandset)).await?;
    same("its receipt may still come", late.deliveries[0].state, DeliveryState::Failed)?;
    same("the status stays", late.status, Status::Canceled)
}

pub async fn expired_are_swept(w: &World) -> Told {
    let subject = w.token();
    let sent = w.start_with(|record| {
        record.expires = record.created + 300;
        record.subject = Some(subject);
    });
    let (id, token) = (sent.record.id, sent.lease.token);
    let expires = w.created(sent).await?.record.expires;
    let attempt = w.begun(id.delivery(1), token).await?;
    w.settled(attempt, token, Moved::Submitted { reference: None, keep_lease: false }).await?;
    for channel in Channel::ALL {
        // One is held for long, one for so long that it waits for its next owner.
        let lease = Lease { token: w.token(), ms: if channel == Channel::Sms { HOUR } else { 100 } };
        let resend = Resend { channel, lease, ..w.resend(id) };
        expected!(w.store.numbers.resend(resend).await?, Resent::Queued(_));
    }
    w.pass_until(expires).await?;
    let before = w.now().await?;
    same("nothing is handed out", w.claim(100).await?.1, vec![])?;
    let view = w.get(id).await?;
    let record = &view.record;
    same("status", record.status, Status::Expired)?;
    let erased = record.secret.is_none() && record.code_hash.is_none() && record.superseded.is_empty();
    holds("erased", erased, record)?;
    same("what a carrier has", record.deliveries[0].state, DeliveryState::Submitted)?;
    for delivery in &record.deliveries[1..] {
        let ended = (delivery.state, delivery.cause);
        same("queued", ended, (DeliveryState::Failed, Some(Cause::ExpiredUnsent)))?;
        same("nothing follows", (delivery.lease, delivery.due), (None, None))?;
        holds("when", before <= delivery.changed && delivery.changed <= view.now, delivery)?;
    }
    same("open", w.store.numbers.find_open(&w.tenant, &w.number, subject).await?, None)?;
    same("next wake", w.store.numbers.next_wake().await?, None)?;
    let late = w.moved(attempt, Progress::Delivered).await?;
    same("its receipt may still come", late.status, Status::Expired)
}

pub async fn swept_once_due_or_not(w: &World) -> Told {
    let short = w.lives(150).await?.record;
    let long = w.created(w.start()).await?.record;
    if w.is_exact() {
        w.pass_until(short.expires - 1).await?;
        same("not yet", w.claim(100).await?.1, vec![])?;
        same("not yet", w.get(short.id).await?.record, short.clone())?;
    }
    w.pass_until(short.expires).await?;
    same("claimed", w.claim(100).await?.1, vec![])?;
    let swept = w.get(short.id).await?.record;
    same("swept", swept.status, Status::Expired)?;
    w.pass(20).await;
    same("claimed", w.claim(100).await?.1, vec![])?;
    same("once", w.get(short.id).await?.record, swept)?;
    same("the other", w.get(long.id).await?.record, long)
}

pub async fn wakes_are_told(w: &World) -> Told {
    let wake = async || Ok::<_, crate::store::StoreError>(w.store.numbers.next_wake().await?);
    same("an empty store", wake().await?, None)?;
    let start = w.start();
    let (id, token) = (start.record.id, start.lease.token);
    let view = w.created(Start { lease: Lease { token, ms: MINUTE }, ..start }).await?;
    same("the lease's end", wake().await?, Some(view.now + MINUTE))?;
    let attempt = w.begun(id.delivery(1), token).await?;
    let record = w.settled(attempt, token, Moved::Unknown(Next::Later(2 * MINUTE))).await?;
    let due = record.deliveries[0].attempts[0].changed + 2 * MINUTE;
    same("when it is due", wake().await?, Some(due))?;
    let soon = Lease { token: w.token(), ms: 500 };
    let resend = Resend { lease: soon, ..w.resend(id) };
    let view = expected!(w.store.numbers.resend(resend).await?, Resent::Queued(view) => view);
    same("the earliest", wake().await?, Some(view.now + 500))?;
    let attempt = w.begun(id.delivery(2), soon.token).await?;
    w.settled(attempt, soon.token, Moved::Submitted { reference: None, keep_lease: false }).await?;
    same("one fewer", wake().await?, Some(due))?;
    let short = w.lives(MINUTE).await?;
    same("an expiry", wake().await?, Some(short.record.expires))?;
    expected!(w.cancel(short.record.id).await?, Canceled::Done(_));
    same("one fewer", wake().await?, Some(due))?;
    expected!(w.check(id, 0).await?, Checked::Approved(_));
    same("nothing", wake().await?, None)
}
