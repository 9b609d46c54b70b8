//! The number's own limits: each alone, with the exact instant at which it lets
//! the next one pass.

use super::super::failure::{Told, Wrong, expected, holds, same};
use super::super::world::World;
use crate::model::{Cause, Channel, HOUR, LimitName, LimitSpec, MINUTE, Ms, NumberLimits, Refusal, Status};
use crate::store::{Checked, Progress, Receive, Received, Resend, Resent, Start, Started, View};

fn start(w: &World, channel: Channel, limits: &NumberLimits) -> Start {
    Start { channel, limits: limits.clone(), ..w.start() }
}

/// That such a start is refused by this limit until this instant.
async fn waits(w: &World, start: Start, limit: LimitName, until: Ms) -> Told {
    let (refusal, now) = w.refused(start).await?;
    holds("a refusal lies ahead", refusal.until > now, &(refusal, now))?;
    same("the refusal", refusal, Refusal { limit, until })
}

/// That the wait is what it says: one millisecond less is refused, if the clock
/// can be stopped there, and that instant is not.
async fn ends(w: &World, start: impl Fn() -> Start, limit: LimitName, until: Ms) -> Told<View> {
    if w.is_exact() {
        w.pass_until(until - 1).await?;
        waits(w, start(), limit, until).await?;
    }
    w.pass_until(until).await?;
    w.created(start()).await
}

pub async fn sms_interval(w: &World) -> Told {
    let limits = w.limits(|limits| limits.sms_interval_ms = MINUTE);
    let first = w.created(start(w, Channel::Sms, &limits)).await?;
    waits(w, start(w, Channel::Sms, &limits), LimitName::SmsInterval, first.now + MINUTE).await
}

pub async fn voice_interval(w: &World) -> Told {
    let limits = w.limits(|limits| limits.voice_interval_ms = MINUTE);
    let first = w.created(start(w, Channel::Voice, &limits)).await?;
    waits(w, start(w, Channel::Voice, &limits), LimitName::VoiceInterval, first.now + MINUTE).await
}

pub async fn channels_have_their_own_interval(w: &World) -> Told {
    let limits = w.limits(|limits| (limits.sms_interval_ms, limits.voice_interval_ms) = (MINUTE, HOUR));
    let sms = w.created(start(w, Channel::Sms, &limits)).await?.now;
    let voice = w.created(start(w, Channel::Voice, &limits)).await?.now;
    waits(w, start(w, Channel::Sms, &limits), LimitName::SmsInterval, sms + MINUTE).await?;
    waits(w, start(w, Channel::Voice, &limits), LimitName::VoiceInterval, voice + HOUR).await?;
    for (tenant, number) in [(&w.stranger, &w.number), (&w.tenant, &w.neighbour)] {
        w.created(Start { limits: limits.clone(), ..w.start_for(tenant, number) }).await?;
    }
    Ok(())
}

pub async fn deliveries(w: &World) -> Told {
    let limits = w.limits(|limits| limits.deliveries = LimitSpec { count: 3, per_ms: MINUTE });
    let first = w.created(start(w, Channel::Sms, &limits)).await?;
    w.pass(50).await;
    w.created(start(w, Channel::Voice, &limits)).await?;
    let resend = Resend { limits: limits.clone(), ..w.resend(first.record.id) };
    expected!(w.store.numbers.resend(resend).await?, Resent::Queued(_));
    for channel in Channel::ALL {
        waits(w, start(w, channel, &limits), LimitName::NumberDeliveries, first.now + MINUTE).await?;
    }
    w.created(Start { limits: limits.clone(), ..w.start_for(&w.stranger, &w.number) }).await?;
    w.created(Start { limits, ..w.start_for(&w.tenant, &w.neighbour) }).await?;
    Ok(())
}

pub async fn all_tenants(w: &World) -> Told {
    let limits = w.limits(|limits| limits.deliveries_all_tenants = LimitSpec { count: 2, per_ms: MINUTE });
    let first = w.created(start(w, Channel::Sms, &limits)).await?;
    let theirs = w.created(Start { limits: limits.clone(), ..w.start_for(&w.stranger, &w.number) }).await?;
    same("all", theirs.usage.sent_all_tenants, vec![first.now, theirs.now])?;
    same("theirs", theirs.usage.sent.len(), 1)?;
    let until = first.now + MINUTE;
    waits(w, start(w, Channel::Voice, &limits), LimitName::NumberAllTenants, until).await?;
    let another = Start { limits: limits.clone(), ..w.start_for(&w.stranger, &w.number) };
    waits(w, another, LimitName::NumberAllTenants, until).await?;
    w.created(Start { limits, ..w.start_for(&w.tenant, &w.neighbour) }).await?;
    Ok(())
}

pub async fn day_of_many_deliveries(w: &World) -> Told {
    let limits = w.limits(|limits| {
        limits.day_deliveries = 2;
        limits.day_waits_ms = vec![MINUTE, 2 * MINUTE, 3 * MINUTE];
    });
    let first = w.created(start(w, Channel::Sms, &limits)).await?;
    let mut last = w.created(start(w, Channel::Sms, &limits)).await?.now;
    for wait in [1, 2, 3, 3] {
        waits(w, start(w, Channel::Voice, &limits), LimitName::NumberDay, last + wait * MINUTE).await?;
        // A resend in an open one never waits for it, but counts.
        let resend = Resend { limits: limits.clone(), ..w.resend(first.record.id) };
        last = expected!(w.store.numbers.resend(resend).await?, Resent::Queued(view) => view.now);
    }
    let mild = NumberLimits { day_waits_ms: Vec::new(), ..limits };
    w.created(start(w, Channel::Sms, &mild)).await?;
    Ok(())
}

pub async fn day_of_wrong_codes_ends(w: &World) -> Told {
    let limits = w.limits(|limits| {
        limits.day_failures = 1;
        limits.day_waits_ms = vec![400, HOUR];
    });
    let fails = || {
        let mut start = start(w, Channel::Sms, &limits);
        start.record.max_wrong = 1;
        start
    };
    let first = w.created(fails()).await?.record.id;
    same("ended", w.check(first, 9).await?, Checked::Ended(Status::MaxAttemptsReached))?;
    let failed = w.get(first).await?.usage.failures;
    same("failures", failed.len(), 1)?;
    let second = ends(w, fails, LimitName::NumberDay, failed[0] + 400).await?.record.id;
    same("ended", w.check(second, 9).await?, Checked::Ended(Status::MaxAttemptsReached))?;
    let failed = w.get(second).await?.usage.failures;
    same("failures", failed.len(), 2)?;
    waits(w, fails(), LimitName::NumberDay, failed[1] + HOUR).await?;
    w.created(Start { limits, ..w.start_for(&w.stranger, &w.number) }).await?;
    Ok(())
}

pub async fn pause_ends(w: &World) -> Told {
    let (record, attempt, _) = w.submitted(Channel::Voice, true).await?;
    let receive = Receive { pause_ms: 400, ..w.receipt(attempt, Progress::Failed(Cause::DeclinedByPerson)) };
    expected!(w.store.numbers.receive(receive).await?, Received::Moved(_));
    let view = w.get(record.id).await?;
    let until = view.record.deliveries[0].changed + 400;
    same("paused", view.usage.paused_until, until)?;
    ends(w, || w.start(), LimitName::NumberPaused, until).await?;
    Ok(())
}

pub async fn the_longest_wait_is_told(w: &World) -> Told {
    let limits = w.limits(|limits| {
        limits.sms_interval_ms = 2 * MINUTE;
        limits.deliveries = LimitSpec { count: 1, per_ms: 3 * MINUTE };
        limits.deliveries_all_tenants = LimitSpec { count: 1, per_ms: MINUTE };
        limits.voice_interval_ms = HOUR;
    });
    let first = w.created(start(w, Channel::Sms, &limits)).await?.now;
    waits(w, start(w, Channel::Sms, &limits), LimitName::NumberDeliveries, first + 3 * MINUTE).await?;
    let limits = NumberLimits { sms_interval_ms: 4 * MINUTE, ..limits };
    waits(w, start(w, Channel::Sms, &limits), LimitName::SmsInterval, first + 4 * MINUTE).await?;
    waits(w, start(w, Channel::Voice, &limits), LimitName::NumberDeliveries, first + 3 * MINUTE).await
}

pub async fn resends_wait_too(w: &World) -> Told {
    let limits = w.limits(|limits| limits.sms_interval_ms = MINUTE);
    let first = w.created(start(w, Channel::Sms, &limits)).await?;
    let id = first.record.id;
    let resend = Resend { limits: limits.clone(), ..w.resend(id) };
    let (view, refusal) =
        expected!(w.store.numbers.resend(resend).await?, Resent::Refused(view, refusal) => (view, refusal));
    same("the refusal", refusal, Refusal { limit: LimitName::SmsInterval, until: first.now + MINUTE })?;
    same("nothing changed", (&view.record, &view.usage), (&first.record, &first.usage))?;
    let kept = w.get(id).await?;
    same("nothing was kept", (kept.record, kept.usage), (first.record, first.usage))?;
    let resend = Resend { limits: limits.clone(), channel: Channel::Voice, ..w.resend(id) };
    expected!(w.store.numbers.resend(resend).await?, Resent::Queued(_));
    let limits = w.limits(|limits| limits.deliveries_all_tenants = LimitSpec { count: 2, per_ms: HOUR });
    let resend = Resend { limits, ..w.resend(id) };
    let refusal = expected!(w.store.numbers.resend(resend).await?, Resent::Refused(_, refusal) => refusal);
    same("the refusal", refusal, Refusal { limit: LimitName::NumberAllTenants, until: first.now + HOUR })
}

pub async fn passes_when_told(w: &World) -> Told {
    let limits = w.limits(|limits| limits.sms_interval_ms = 300);
    let sms = || start(w, Channel::Sms, &limits);
    let first = w.created(sms()).await?.now;
    let second = ends(w, sms, LimitName::SmsInterval, first + 300).await?.now;
    holds("not before", second >= first + 300, &(first, second))?;
    let limits = w.limits(|limits| limits.deliveries = LimitSpec { count: 2, per_ms: 300 });
    let voice = || start(w, Channel::Voice, &limits);
    // Two in the window: this one, and the one that just passed.
    let third = w.created(voice()).await?.now;
    let fourth = ends(w, voice, LimitName::NumberDeliveries, second + 300).await?.now;
    holds("not before", fourth >= second + 300, &(second, third, fourth))?;
    let limits = w.limits(|limits| limits.deliveries_all_tenants = LimitSpec { count: 1, per_ms: 300 });
    ends(w, || start(w, Channel::Voice, &limits), LimitName::NumberAllTenants, fourth + 300).await?;
    Ok(())
}

pub async fn racing_starts_stay_within(w: &World) -> Told {
    let limits = w.limits(|limits| limits.deliveries = LimitSpec { count: 5, per_ms: HOUR });
    let mut racing = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (numbers, start) = (w.store.numbers.clone(), start(w, Channel::Sms, &limits));
        racing.spawn(async move { numbers.start(start).await });
    }
    let (mut made, mut refused) = (0, 0);
    while let Some(answer) = racing.join_next().await {
        match answer.map_err(|panic| Wrong::new("no panic", &panic))?? {
            Started::Created(_) => made += 1,
            Started::Refused(..) => refused += 1,
            other => return Err(Wrong::new("created or refused", &other)),
        }
    }
    same("created and refused", (made, refused), (5, 11))
}
