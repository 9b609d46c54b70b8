//! Starts with a subject: they join the open record of the same login attempt.

use super::super::failure::{Told, expected, holds, same};
use super::super::world::World;
use crate::model::{Channel, Digest, LimitName, MINUTE};
use crate::store::{Canceled, Checked, Memo, Progress, Start, Started};

fn start(w: &World, subject: Digest) -> Start {
    w.start_with(|record| record.subject = Some(subject))
}

pub async fn by_subject(w: &World) -> Told {
    let (subject, numbers) = (w.token(), &w.store.numbers);
    same("nothing yet", numbers.find_open(&w.tenant, &w.number, subject).await?, None)?;
    let first = w.created(start(w, subject)).await?;
    let id = first.record.id;
    same("open", numbers.find_open(&w.tenant, &w.number, subject).await?, Some(id))?;
    let mut again = Start { channel: Channel::Voice, ..start(w, subject) };
    again.record.expires += MINUTE;
    let unmade = again.record.id;
    let joined = expected!(numbers.start(again).await?, Started::Joined(view) => view);
    let mut expected = first.record.clone();
    expected.deliveries.extend(joined.record.delivery(2).cloned());
    same("one more delivery and nothing else", &joined.record, &expected)?;
    same("deliveries", joined.record.deliveries.len(), 2)?;
    same("counted", joined.usage.sent.len(), 2)?;
    same("no second record", numbers.get(unmade, &w.tenant).await?, None)?;
    expected!(w.check(id, 0).await?, Checked::Approved(_));
    same("over", numbers.find_open(&w.tenant, &w.number, subject).await?, None)?;
    let next = w.created(start(w, subject)).await?;
    expected!(w.cancel(next.record.id).await?, Canceled::Done(_));
    let mut short = start(w, subject);
    short.record.expires = short.record.created + 100;
    let short = w.created(short).await?.record;
    w.pass_until(short.expires).await?;
    same("expired", numbers.find_open(&w.tenant, &w.number, subject).await?, None)?;
    w.created(start(w, subject)).await?;
    Ok(())
}

pub async fn only_the_same_subject_of_the_same(w: &World) -> Told {
    let subject = w.token();
    let first = w.created(start(w, subject)).await?.record;
    let others = [
        start(w, w.token()),
        w.start(),
        w.start(),
        Start { record: w_record(w, true, subject), ..w.start() },
        Start { record: w_record(w, false, subject), ..w.start() },
    ];
    for other in others {
        let made = w.created(other).await?.record;
        holds("a record of its own", made.id != first.id, &made)?;
    }
    same("the first", w.get(first.id).await?.record, first)
}

/// A record with the subject, of the stranger or of the neighbouring number.
fn w_record(w: &World, strangers: bool, subject: Digest) -> crate::store::Record {
    let start = if strangers { w.start_for(&w.stranger, &w.number) } else { w.start_for(&w.tenant, &w.neighbour) };
    crate::store::Record { subject: Some(subject), ..start.record }
}

pub async fn waiting(w: &World) -> Told {
    let subject = w.token();
    let first = w.created(start(w, subject)).await?;
    let limits = w.limits(|limits| limits.sms_interval_ms = MINUTE);
    let again = Start { limits, ..start(w, subject) };
    let unmade = again.record.id;
    let (view, refusal) =
        expected!(w.store.numbers.start(again).await?, Started::JoinedWaiting(view, refusal) => (view, refusal));
    same("which limit", (refusal.limit, refusal.until), (LimitName::SmsInterval, first.now + MINUTE))?;
    same("the record", &view.record, &first.record)?;
    same("the usage", view.usage, first.usage)?;
    same("unchanged", w.get(first.record.id).await?.record, first.record)?;
    same("no second record", w.store.numbers.get(unmade, &w.tenant).await?, None)
}

pub async fn a_join_is_no_start(w: &World) -> Told {
    let subject = w.token();
    let first = Start { channel: Channel::Voice, ..start(w, subject) };
    let (id, token) = (first.record.id, first.lease.token);
    w.created(first).await?;
    let attempt = w.begun(id.delivery(1), token).await?;
    w.moved(attempt, Progress::Failed(crate::model::Cause::DeclinedByPerson)).await?;
    // A bad day and a pause hold back starts only.
    let limits = w.limits(|limits| limits.day_deliveries = 1);
    let (refusal, _) = w.refused(Start { limits: limits.clone(), ..w.start() }).await?;
    holds("starts wait", refusal.until > 0, &refusal)?;
    expected!(w.store.numbers.start(Start { limits, ..start(w, subject) }).await?, Started::Joined(_));
    Ok(())
}

pub async fn racing_starts_make_one(w: &World) -> Told {
    let (subject, numbers) = (w.token(), &w.store.numbers);
    let memo: Option<Memo> = None;
    let start = || Start { memo, ..start(w, subject) };
    let (a, b, c) = tokio::join!(numbers.start(start()), numbers.start(start()), numbers.start(start()));
    let (mut created, mut joined) = (Vec::new(), Vec::new());
    for answer in [a?, b?, c?] {
        match answer {
            Started::Created(view) => created.push(view.record.id),
            Started::Joined(view) => joined.push(view.record.id),
            other => return Err(super::super::failure::Wrong::new("created or joined", &other)),
        }
    }
    same("made", created.len(), 1)?;
    same("joined", joined, vec![created[0]; 2])?;
    same("deliveries", w.get(created[0]).await?.record.deliveries.len(), 3)
}
