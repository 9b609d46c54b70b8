//! Leases: who may work on a delivery, until when, and who may not any more.

use std::collections::BTreeSet;

use super::super::failure::{Told, Wrong, expected, holds, same};
use super::super::world::World;
use crate::model::{DeliveryId, DeliveryState, Digest, HOUR, MINUTE, Ms};
use crate::store::{Begun, Claim, Lease, Moved, Next, Release, Renewed, Settled, Start};

/// A new record whose first delivery is held for so long: the delivery and its token.
async fn held(w: &World, ms: Ms) -> Told<(DeliveryId, Digest, Ms)> {
    let start = w.start();
    let (id, token) = (start.record.id.delivery(1), start.lease.token);
    let view = w.created(Start { lease: Lease { token, ms }, ..start }).await?;
    Ok((id, token, view.now + ms))
}

pub async fn only_what_is_due(w: &World) -> Told {
    same("an empty store", w.claim(100).await?.1, vec![])?;
    let (id, token, _) = held(w, HOUR).await?;
    same("held", w.claim(100).await?.1, vec![])?;
    let attempt = w.begun(id, token).await?;
    let later = Moved::Unknown(Next::Later(200));
    let due = expected!(w.settled(attempt, token, later).await?.deliveries[0].due, Some(due) => due);
    if w.is_exact() {
        w.pass_until(due - 1).await?;
        same("not yet", w.claim(100).await?.1, vec![])?;
    }
    w.pass_until(due).await?;
    same("none asked for", w.claim(0).await?.1, vec![])?;
    same("due", w.claim(100).await?.1, vec![id])?;
    same("held again", w.claim(100).await?.1, vec![])
}

pub async fn not_before_its_end(w: &World) -> Told {
    let (id, token, until) = held(w, 250).await?;
    if w.is_exact() {
        w.pass_until(until - 1).await?;
        same("not yet", w.claim(100).await?.1, vec![])?;
        same("still his", w.renew(id, token, 1).await?, Renewed::Held)?;
    }
    w.pass_until(until).await?;
    let lease = Lease { token: w.token(), ms: MINUTE };
    let claimed = w.store.numbers.claim(Claim { lease, limit: 100 }).await?;
    same("claimed", claimed.iter().map(|c| c.record.id.delivery(c.n)).collect(), vec![id])?;
    let record = w.get(id.record).await?.record;
    same("what the claim tells", &claimed[0].record, &record)?;
    let held = expected!(record.deliveries[0].lease, Some(held) => held);
    holds("a lease of its own length", until + lease.ms <= held.until, &held)?;
    same("its state", record.deliveries[0].state, DeliveryState::Queued)
}

pub async fn another_takes_it_and_fences(w: &World) -> Told {
    let (id, old, until) = held(w, 100).await?;
    let attempt = w.begun(id, old).await?;
    w.pass_until(until).await?;
    let (new, claimed) = w.claim(100).await?;
    same("claimed", claimed, vec![id])?;
    let before = w.get(id.record).await?.record;
    same("renew", w.renew(id, old, MINUTE).await?, Renewed::Lost)?;
    same("begin", w.begin(id, old).await?, Begun::Lost)?;
    for moved in [
        Moved::Submitted { reference: Some("late".into()), keep_lease: false },
        Moved::Failed(crate::model::Cause::AuthFailed, Next::Never),
        Moved::Unknown(Next::Another),
    ] {
        same("settle", w.settle(attempt, old, moved).await?, Settled::Lost)?;
    }
    w.store.numbers.release(Release { id, token: old }).await?;
    same("nothing was written", w.get(id.record).await?.record, before)?;
    same("the new one", w.renew(id, new, MINUTE).await?, Renewed::Held)?;
    same("the second attempt", w.begun(id, new).await?, id.attempt(2))
}

pub async fn renewed_is_kept(w: &World) -> Told {
    let (id, token, until) = held(w, 400).await?;
    same("renew", w.renew(id, token, HOUR).await?, Renewed::Held)?;
    let lease = expected!(w.get(id.record).await?.record.deliveries[0].lease, Some(held) => held);
    same("token", lease.token, token)?;
    holds("for an hour from now", lease.until > until, &lease)?;
    w.pass_until(until).await?;
    same("not free", w.claim(100).await?.1, vec![])?;
    same("another's token", w.renew(id, w.token(), HOUR).await?, Renewed::Lost)?;
    same("still his", w.renew(id, token, HOUR).await?, Renewed::Held)
}

pub async fn of_a_dead_owner_is_still_his(w: &World) -> Told {
    let (id, token, until) = held(w, 100).await?;
    w.pass_until(until).await?;
    // It ended, but nobody took it: he was only slow.
    same("renew", w.renew(id, token, MINUTE).await?, Renewed::Held)?;
    same("not free any more", w.claim(100).await?.1, vec![])?;
    w.begun(id, token).await?;
    Ok(())
}

pub async fn claims_stay_within_their_limit(w: &World) -> Told {
    let (mut all, mut due) = (BTreeSet::new(), 0);
    for _ in 0..5 {
        let (id, _, until) = held(w, 100).await?;
        all.insert(id);
        due = until;
    }
    w.pass_until(due).await?;
    let mut seen = BTreeSet::new();
    for expected in [2, 2, 1, 0] {
        let claimed = w.claim(2).await?.1;
        same("so many", claimed.len(), expected)?;
        seen.extend(claimed);
    }
    same("each once", seen, all)
}

pub async fn racing_claims_share(w: &World) -> Told {
    let (mut all, mut due) = (Vec::new(), 0);
    for _ in 0..6 {
        let (id, _, until) = held(w, 100).await?;
        all.push(id);
        due = until;
    }
    w.pass_until(due).await?;
    let mut racing = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let lease = Lease { token: w.token(), ms: HOUR };
        let numbers = w.store.numbers.clone();
        racing.spawn(async move { numbers.claim(Claim { lease, limit: 4 }).await });
    }
    let mut seen = Vec::new();
    while let Some(claimed) = racing.join_next().await {
        let claimed = claimed.map_err(|panic| Wrong::new("no panic", &panic))??;
        holds("within the limit", claimed.len() <= 4, &claimed)?;
        seen.extend(claimed.iter().map(|claimed| claimed.record.id.delivery(claimed.n)));
    }
    all.sort();
    seen.sort();
    same("each once", seen, all)
}

pub async fn release_frees_at_once(w: &World) -> Told {
    let (id, token, _) = held(w, HOUR).await?;
    w.store.numbers.release(Release { id, token: w.token() }).await?;
    same("another's release", w.claim(100).await?.1, vec![])?;
    let before = w.now().await?;
    w.store.numbers.release(Release { id, token }).await?;
    let view = w.get(id.record).await?;
    let delivery = &view.record.deliveries[0];
    same("lease", delivery.lease, None)?;
    holds("due at once", delivery.due.is_some_and(|due| before <= due && due <= view.now), delivery)?;
    same("retries", delivery.retries, 0)?;
    same("not his any more", w.begin(id, token).await?, Begun::Lost)?;
    same("anybody's", w.claim(100).await?.1, vec![id])
}
