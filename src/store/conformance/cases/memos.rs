//! Kept answers: a repeat under the same idempotency key gets the first answer
//! and costs nothing.

use serde::de::DeserializeOwned;

use super::super::failure::{Told, Wrong, expected, holds, same};
use super::super::make;
use super::super::world::World;
use crate::model::{DeliveryState, HOUR, MINUTE, RecordKind, Status};
use crate::store::{Check, Checked, Memo, Recall, Resend, Resent, Start, Started, View};

fn memo(w: &World) -> Memo {
    w.draw(|random| make::memo(random, HOUR))
}

/// What a kept copy of this view is: without secrets.
fn kept(mut view: View, replayed: bool) -> View {
    (view.record.secret, view.record.code_hash) = (None, None);
    view.record.superseded.clear();
    view.replayed = replayed;
    view
}

async fn recall(w: &World, memo: &Memo) -> Told<Recall> {
    Ok(w.store.numbers.recall(w.number.partition, memo).await?)
}

/// The answer that is kept as JSON.
async fn recalled<T: DeserializeOwned>(w: &World, memo: &Memo) -> Told<T> {
    let json = expected!(recall(w, memo).await?, Recall::Kept(json) => json);
    serde_json::from_str(&json).map_err(|error| Wrong::new(format!("an answer in {json}"), &error))
}

/// That nothing of a record or its number is otherwise than in this view.
async fn unchanged(w: &World, view: &View) -> Told {
    let after = w.get(view.record.id).await?;
    same("record", &after.record, &view.record)?;
    same("usage", &after.usage, &view.usage)
}

pub async fn start_is_replayed(w: &World) -> Told {
    let memo = memo(w);
    same("before", recall(w, &memo).await?, Recall::Nothing)?;
    let start = || Start { memo: Some(memo), ..w.start() };
    let first = w.created(start()).await?;
    same("recalled", recalled(w, &memo).await?, Started::Created(kept(first.clone(), false)))?;
    w.pass(60).await;
    let repeat = start();
    let unmade = repeat.record.id;
    let answer = w.store.numbers.start(repeat).await?;
    same("the first answer", answer, Started::Created(kept(first.clone(), true)))?;
    same("no second record", w.store.numbers.get(unmade, &w.tenant).await?, None)?;
    unchanged(w, &first).await?;
    expected!(w.check(first.record.id, 0).await?, Checked::Approved(_));
    let answer = w.store.numbers.start(start()).await?;
    same("still the first answer", answer, Started::Created(kept(first, true)))
}

pub async fn resend_is_replayed(w: &World) -> Told {
    let (memo, id) = (memo(w), w.created(w.start()).await?.record.id);
    let resend = || Resend { memo: Some(memo), ..w.resend(id) };
    let first = expected!(w.store.numbers.resend(resend()).await?, Resent::Queued(view) => view);
    same("recalled", recalled(w, &memo).await?, Resent::Queued(kept(first.clone(), false)))?;
    let answer = w.store.numbers.resend(resend()).await?;
    same("the first answer", answer, Resent::Queued(kept(first.clone(), true)))?;
    unchanged(w, &first).await?;
    same("deliveries", first.record.deliveries.len(), 2)
}

pub async fn check_is_replayed(w: &World) -> Told {
    let id = w.created(w.start_with(|record| record.max_wrong = 2)).await?.record.id;
    let (wrong, right, ended) = (memo(w), memo(w), memo(w));
    let check = |k, memo| Check { memo: Some(memo), ..w.try_code(id, k) };
    let first = expected!(w.store.numbers.check(check(4, wrong)).await?, Checked::Wrong(view) => view);
    for _ in 0..3 {
        let answer = w.store.numbers.check(check(4, wrong)).await?;
        same("the first answer", answer, Checked::Wrong(kept(first.clone(), true)))?;
    }
    unchanged(w, &first).await?;
    let approved = expected!(w.store.numbers.check(check(0, right)).await?, Checked::Approved(view) => view);
    let answer = w.store.numbers.check(check(0, right)).await?;
    same("approved once more to the same caller", answer, Checked::Approved(kept(approved, true)))?;
    same("another caller", w.check(id, 0).await?, Checked::Ended(Status::Approved))?;
    for _ in 0..2 {
        let answer = w.store.numbers.check(check(0, ended)).await?;
        same("an end is kept", answer, Checked::Ended(Status::Approved))?;
    }
    same("recalled", recalled(w, &ended).await?, Checked::Ended(Status::Approved))
}

/// A kept answer may outlive its record; here the record has never been.
pub async fn kept_answers_need_no_record(w: &World) -> Told {
    let gone = w.draw(|random| make::id(random, RecordKind::Verification, &w.number));
    let (id, resent, checked) = (w.created(w.start()).await?.record.id, memo(w), memo(w));
    let resend = |id, memo| w.store.numbers.resend(Resend { memo: Some(memo), ..w.resend(id) });
    let check = |id, memo| w.store.numbers.check(Check { memo: Some(memo), ..w.try_code(id, 4) });
    same("nothing is kept", resend(gone, resent).await?, Resent::NotFound)?;
    same("nor for a check", check(gone, checked).await?, Checked::NotFound)?;
    let view = expected!(resend(id, resent).await?, Resent::Queued(view) => view);
    same("a resend", resend(gone, resent).await?, Resent::Queued(kept(view, true)))?;
    let view = expected!(check(id, checked).await?, Checked::Wrong(view) => view);
    same("a check", check(gone, checked).await?, Checked::Wrong(kept(view, true)))?;
    let other = Memo { fingerprint: w.token(), ..checked };
    same("another body", check(gone, other).await?, Checked::OtherBody)
}

pub async fn other_body(w: &World) -> Told {
    let (first, second, third) = (memo(w), memo(w), memo(w));
    let other = |memo: Memo| Some(Memo { fingerprint: w.token(), ..memo });
    let view = w.created(Start { memo: Some(first), ..w.start() }).await?;
    let id = view.record.id;
    same("recall", recall(w, &other(first).expect("some")).await?, Recall::OtherBody)?;
    let answer = w.store.numbers.start(Start { memo: other(first), ..w.start() }).await?;
    same("start", answer, Started::OtherBody)?;
    unchanged(w, &view).await?;
    let resend = Resend { memo: Some(second), ..w.resend(id) };
    let view = expected!(w.store.numbers.resend(resend).await?, Resent::Queued(view) => view);
    let answer = w.store.numbers.resend(Resend { memo: other(second), ..w.resend(id) }).await?;
    same("resend", answer, Resent::OtherBody)?;
    unchanged(w, &view).await?;
    let check = Check { memo: Some(third), ..w.try_code(id, 4) };
    let view = expected!(w.store.numbers.check(check).await?, Checked::Wrong(view) => view);
    let answer = w.store.numbers.check(Check { memo: other(third), ..w.try_code(id, 0) }).await?;
    same("check", answer, Checked::OtherBody)?;
    unchanged(w, &view).await
}

pub async fn refusals_are_not_kept(w: &World) -> Told {
    let (subject, memo) = (w.token(), memo(w));
    let strict = w.limits(|limits| limits.sms_interval_ms = HOUR);
    let first = w.created(w.start_with(|record| record.subject = Some(subject))).await?.record.id;
    let start = |limits| Start { memo: Some(memo), limits, ..w.start() };
    w.refused(start(strict.clone())).await?;
    same("refused", recall(w, &memo).await?, Recall::Nothing)?;
    let joins =
        Start { memo: Some(memo), limits: strict.clone(), ..w.start_with(|record| record.subject = Some(subject)) };
    expected!(w.store.numbers.start(joins).await?, Started::JoinedWaiting(..));
    same("joined, waiting", recall(w, &memo).await?, Recall::Nothing)?;
    let resend = Resend { memo: Some(memo), limits: strict, ..w.resend(first) };
    expected!(w.store.numbers.resend(resend).await?, Resent::Refused(..));
    same("resend refused", recall(w, &memo).await?, Recall::Nothing)?;
    let foreign = Check { memo: Some(memo), tenant: w.stranger.clone(), ..w.try_code(first, 0) };
    same("not found", w.store.numbers.check(foreign).await?, Checked::NotFound)?;
    let foreign = Resend { memo: Some(memo), tenant: w.stranger.clone(), ..w.resend(first) };
    same("not found", w.store.numbers.resend(foreign).await?, Resent::NotFound)?;
    same("not found", recall(w, &memo).await?, Recall::Nothing)?;
    let made = w.created(start(w.limits(|_| ()))).await?;
    holds("asked again", !made.replayed, &made)
}

pub async fn kept_no_longer(w: &World) -> Told {
    let memo = w.draw(|random| make::memo(random, 300));
    let start = || Start { memo: Some(memo), ..w.start() };
    let first = w.created(start()).await?;
    if w.is_exact() {
        w.pass_until(first.now + 299).await?;
        let answer = w.created(start()).await?;
        holds("kept for 300 ms", answer.replayed, &answer)?;
    }
    w.pass_until(first.now + 300).await?;
    same("gone", recall(w, &memo).await?, Recall::Nothing)?;
    let other = Memo { fingerprint: w.token(), keep_ms: MINUTE, ..memo };
    same("for every body", recall(w, &other).await?, Recall::Nothing)?;
    let second = w.created(Start { memo: Some(other), ..w.start() }).await?;
    holds("a new record", !second.replayed && second.record.id != first.record.id, &second)?;
    same("the key is the new body's", recall(w, &memo).await?, Recall::OtherBody)
}

pub async fn racing_starts_make_one(w: &World) -> Told {
    let memo = memo(w);
    let mut racing = tokio::task::JoinSet::new();
    let mut ids = Vec::new();
    for _ in 0..8 {
        let (numbers, start) = (w.store.numbers.clone(), Start { memo: Some(memo), ..w.start() });
        ids.push(start.record.id);
        racing.spawn(async move { numbers.start(start).await });
    }
    let (mut made, mut told) = (Vec::new(), Vec::new());
    while let Some(answer) = racing.join_next().await {
        let answer = answer.map_err(|panic| Wrong::new("no panic", &panic))??;
        let view = expected!(answer, Started::Created(view) => view);
        told.push(view.record.id);
        if !view.replayed {
            made.push(view.record.id);
        }
    }
    same("made", made.len(), 1)?;
    same("told", told, vec![made[0]; 8])?;
    for id in ids {
        same("there", w.store.numbers.get(id, &w.tenant).await?.is_some(), id == made[0])?;
    }
    same("counted", w.get(made[0]).await?.usage.sent.len(), 1)
}

pub async fn racing_wrong_checks_count_once(w: &World) -> Told {
    let (memo, id) = (memo(w), w.created(w.start()).await?.record.id);
    let numbers = &w.store.numbers;
    let check = || numbers.check(Check { memo: Some(memo), ..w.try_code(id, 3) });
    let (a, b, c) = tokio::join!(check(), check(), check());
    for answer in [a?, b?, c?] {
        let view = expected!(answer, Checked::Wrong(view) => view);
        same("counted", view.record.wrong, 1)?;
    }
    let record = w.get(id).await?.record;
    same("counted", (record.wrong, record.deliveries[0].state), (1, DeliveryState::Queued))
}
