//! Checks: compare, count, single use.

use super::super::failure::{Told, Wrong, expected, holds, same};
use super::super::make;
use super::super::world::World;
use crate::model::{Channel, DeliveryState, RecordId, RecordKind, Sealed, Status};
use crate::store::{Canceled, Check, Checked, NewCode, Progress, Record, Resend, Resent, View};

fn is_erased(record: &Record) -> bool {
    record.secret.is_none() && record.code_hash.is_none() && record.superseded.is_empty()
}

/// Resends with the record's `k`-th code as its new one.
async fn renew_code(w: &World, id: RecordId, k: u64) -> Told<View> {
    let new_code = Some(NewCode { sealed: Sealed(vec![k as u8; 3]), hash: make::code(id, k) });
    let resend = Resend { new_code, ..w.resend(id) };
    Ok(expected!(w.store.numbers.resend(resend).await?, Resent::Queued(view) => view))
}

pub async fn right_once(w: &World) -> Told {
    let first = w.created(w.start()).await?;
    let view = expected!(w.check(first.record.id, 0).await?, Checked::Approved(view) => view);
    same("status", view.record.status, Status::Approved)?;
    same("usage", &view.usage, &first.usage)?;
    same("again", w.check(first.record.id, 0).await?, Checked::Ended(Status::Approved))?;
    same("a wrong one", w.check(first.record.id, 8).await?, Checked::Ended(Status::Approved))?;
    let after = w.get(first.record.id).await?;
    same("wrong codes", after.record.wrong, 0)?;
    same("kept", after.record, view.record)?;
    same("cancel", w.cancel(first.record.id).await?, Canceled::Ended(Status::Approved))?;
    let resent = w.store.numbers.resend(w.resend(first.record.id)).await?;
    same("resend", resent, Resent::Ended(Status::Approved))
}

pub async fn wrong_ones_count(w: &World) -> Told {
    let id = w.created(w.start()).await?.record.id;
    for count in 1..=4 {
        let view = expected!(w.check(id, 10 + u64::from(count)).await?, Checked::Wrong(view) => view);
        same("counted", view.record.wrong, count)?;
        same("kept", w.get(id).await?.record, view.record)?;
    }
    let view = expected!(w.check(id, 0).await?, Checked::Approved(view) => view);
    same("the count stays", view.record.wrong, 4)?;
    same("no failure", view.usage.failures.len(), 0)
}

pub async fn the_last_wrong_one_ends_it(w: &World) -> Told {
    let id = w.created(w.start_with(|record| record.max_wrong = 2)).await?.record.id;
    expected!(w.check(id, 5).await?, Checked::Wrong(_));
    let before = w.now().await?;
    same("the last", w.check(id, 5).await?, Checked::Ended(Status::MaxAttemptsReached))?;
    same("the right one after", w.check(id, 0).await?, Checked::Ended(Status::MaxAttemptsReached))?;
    let view = w.get(id).await?;
    same("status", view.record.status, Status::MaxAttemptsReached)?;
    same("counted", view.record.wrong, 2)?;
    holds("erased", is_erased(&view.record), &view.record)?;
    same("its delivery", view.record.deliveries[0].state, DeliveryState::Canceled)?;
    let failures = view.usage.failures;
    holds("one failure, now", failures.len() == 1 && before <= failures[0] && failures[0] <= view.now, &failures)?;
    same("cancel", w.cancel(id).await?, Canceled::Ended(Status::MaxAttemptsReached))
}

pub async fn superseded_is_not_counted(w: &World) -> Told {
    let id = w.created(w.start()).await?.record.id;
    let view = renew_code(w, id, 1).await?;
    same("the new code's seal", view.record.secret, Some(Sealed(vec![1; 3])))?;
    renew_code(w, id, 2).await?;
    for old in [0, 1, 0] {
        let view = expected!(w.check(id, old).await?, Checked::Superseded(view) => view);
        same("not counted", (view.record.wrong, view.record.status), (0, Status::Pending))?;
    }
    let view = expected!(w.check(id, 3).await?, Checked::Wrong(view) => view);
    same("a wrong one is", view.record.wrong, 1)?;
    let view = expected!(w.check(id, 2).await?, Checked::Approved(view) => view);
    holds("all erased", is_erased(&view.record), &view.record)?;
    same("an old one after", w.check(id, 1).await?, Checked::Ended(Status::Approved))
}

pub async fn a_resend_keeps_the_code(w: &World) -> Told {
    let first = w.created(w.start()).await?;
    let id = first.record.id;
    let view = expected!(w.store.numbers.resend(w.resend(id)).await?, Resent::Queued(view) => view);
    same(
        "seal and hash",
        (&view.record.secret, view.record.code_hash),
        (&first.record.secret, Some(make::code(id, 0))),
    )?;
    same("superseded", view.record.superseded.len(), 0)?;
    expected!(w.check(id, 0).await?, Checked::Approved(_));
    Ok(())
}

pub async fn expired_is_told_apart(w: &World) -> Told {
    let record = w.lives(150).await?.record;
    let id = record.id;
    if w.is_exact() {
        w.pass_until(record.expires - 1).await?;
        expected!(w.check(id, 5).await?, Checked::Wrong(_));
    }
    w.pass_until(record.expires).await?;
    let before = w.get(id).await?.record;
    for code in [0, 6] {
        same("check", w.check(id, code).await?, Checked::Ended(Status::Expired))?;
    }
    let resent = w.store.numbers.resend(w.resend(id)).await?;
    same("resend", resent, Resent::Ended(Status::Expired))?;
    same("cancel", w.cancel(id).await?, Canceled::Ended(Status::Expired))?;
    let after = w.get(id).await?;
    same("nothing counted", after.record.wrong, before.wrong)?;
    same("usage", after.usage.sent.len(), 1)?;
    same("failures", after.usage.failures.len(), 0)?;
    w.claim(100).await?;
    same("after the sweep", w.check(id, 0).await?, Checked::Ended(Status::Expired))
}

pub async fn approval_erases_everything(w: &World) -> Told {
    let id = w.created(w.start()).await?.record.id;
    renew_code(w, id, 1).await?;
    let view = expected!(w.check(id, 1).await?, Checked::Approved(view) => view);
    holds("the answer holds no secret", is_erased(&view.record), &view.record)?;
    let kept = w.get(id).await?.record;
    holds("the store holds no secret", is_erased(&kept), &kept)
}

pub async fn approval_stops_what_is_queued(w: &World) -> Told {
    let (record, attempt, _) = w.submitted(Channel::Sms, false).await?;
    let id = record.id;
    for channel in [Channel::Sms, Channel::Voice] {
        let resend = Resend { channel, ..w.resend(id) };
        expected!(w.store.numbers.resend(resend).await?, Resent::Queued(_));
    }
    let view = expected!(w.check(id, 0).await?, Checked::Approved(view) => view);
    let states: Vec<_> = view.record.deliveries.iter().map(|delivery| delivery.state).collect();
    same("states", states, vec![DeliveryState::Submitted, DeliveryState::Canceled, DeliveryState::Canceled])?;
    let canceled = &view.record.deliveries[2];
    same("when", (canceled.changed, canceled.due, canceled.lease), (view.now, None, None))?;
    let late = w.moved(attempt, Progress::Delivered).await?;
    same("its receipt may still come", late.deliveries[0].state, DeliveryState::Delivered)
}

/// Sixteen checks at once; how many of each answer.
async fn race(w: &World, id: RecordId, code: u64) -> Told<(usize, usize, Vec<Status>)> {
    let mut racing = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (numbers, check) = (w.store.numbers.clone(), w.try_code(id, code));
        racing.spawn(async move { numbers.check(check).await });
    }
    let (mut approved, mut wrong, mut ended) = (0, 0, Vec::new());
    while let Some(answer) = racing.join_next().await {
        match answer.map_err(|panic| Wrong::new("no panic", &panic))?? {
            Checked::Approved(_) => approved += 1,
            Checked::Wrong(_) => wrong += 1,
            Checked::Ended(status) => ended.push(status),
            other => return Err(Wrong::new("approved, wrong or ended", &other)),
        }
    }
    Ok((approved, wrong, ended))
}

pub async fn racing_right_checks(w: &World) -> Told {
    let id = w.created(w.start()).await?.record.id;
    same("approved, wrong, ended", race(w, id, 0).await?, (1, 0, vec![Status::Approved; 15]))
}

pub async fn racing_wrong_checks(w: &World) -> Told {
    let id = w.created(w.start()).await?.record.id;
    same("approved, wrong, ended", race(w, id, 6).await?, (0, 4, vec![Status::MaxAttemptsReached; 12]))?;
    let view = w.get(id).await?;
    same("counted once each", (view.record.wrong, view.usage.failures.len()), (5, 1))
}

pub async fn a_message_has_nothing_to_check(w: &World) -> Told {
    let message = w.draw(|random| make::id(random, RecordKind::Message, &w.number));
    let start = w.start_with(|record| record.id = message);
    let hash = start.record.code_hash;
    let id = w.created(start).await?.record.id;
    let check = Check { code_hash: expected!(hash, Some(hash) => hash), ..w.try_code(id, 0) };
    same("check", w.store.numbers.check(check).await?, Checked::NotFound)?;
    expected!(w.store.numbers.resend(w.resend(id)).await?, Resent::Queued(_));
    expected!(w.cancel(id).await?, Canceled::Done(_));
    Ok(())
}
