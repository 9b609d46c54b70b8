//! The wide limits: never above the count in any span, and at most a twelfth of
//! the span too long.

use super::super::failure::{Told, Wrong, expected, holds, same};
use super::super::random::Random;
use super::super::world::World;
use crate::model::{HOUR, LimitName, LimitSpec, Ms, Refusal};
use crate::store::{Take, Taken, Taking};

fn limit(w: &World, limit: LimitName, count: u32, per_ms: Ms) -> Take {
    Take { limit, key: w.token(), spec: LimitSpec { count, per_ms } }
}

async fn taken(w: &World, takes: &[Take]) -> Told<Vec<Taken>> {
    Ok(expected!(w.store.limits.take(takes.to_vec()).await?, Taking::Taken(taken) => taken))
}

async fn refused(w: &World, takes: &[Take]) -> Told<Refusal> {
    Ok(expected!(w.store.limits.take(takes.to_vec()).await?, Taking::Refused(refusal) => refusal))
}

pub async fn all_or_none(w: &World) -> Told {
    let [address, country] = [limit(w, LimitName::Address, 2, HOUR), limit(w, LimitName::Country, 1, HOUR)];
    let first = taken(w, &[address, country]).await?;
    same("one from each", first.iter().map(|taken| taken.take).collect(), vec![address, country])?;
    for order in [[address, country], [country, address]] {
        for _ in 0..3 {
            same("the full one", refused(w, &order).await?.limit, LimitName::Country)?;
        }
    }
    taken(w, &[address]).await?;
    same("now this one too", refused(w, &[address]).await?.limit, LimitName::Address)?;
    same("nothing asked", taken(w, &[]).await?.len(), 0)
}

pub async fn give_back_is_exact(w: &World) -> Told {
    let takes = [limit(w, LimitName::Prefix, 3, HOUR), limit(w, LimitName::Tenant, 9, HOUR)];
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(taken(w, &takes).await?);
    }
    refused(w, &takes).await?;
    for round in [1, 2] {
        for taken in held.drain(..round) {
            w.store.limits.give_back(taken).await?;
        }
        for _ in 0..round {
            held.push(taken(w, &takes).await?);
        }
        refused(w, &takes).await?;
    }
    w.store.limits.give_back(Vec::new()).await?;
    refused(w, &takes).await?;
    // The other limit has counted three as well, not nine.
    for _ in 0..6 {
        taken(w, &takes[1..]).await?;
    }
    refused(w, &takes[1..]).await?;
    Ok(())
}

pub async fn until_is_exact_enough(w: &World) -> Told {
    const PER: Ms = 360;
    let take = limit(w, LimitName::Address, 2, PER);
    let before = w.now().await?;
    taken(w, &[take]).await?;
    let after = w.now().await?;
    w.pass(40).await;
    taken(w, &[take]).await?;
    let refusal = refused(w, &[take]).await?;
    same("which", refusal.limit, LimitName::Address)?;
    let fits = before + PER < refusal.until + 1 && refusal.until <= after + PER + PER / 12;
    holds("the first leaves the span, and a twelfth", fits, &(before, after, refusal))?;
    if w.is_exact() {
        w.pass_until(before + PER - 1).await?;
        refused(w, &[take]).await?;
    }
    w.pass_until(refusal.until).await?;
    taken(w, &[take]).await?;
    if w.is_exact() {
        refused(w, &[take]).await?;
    }
    Ok(())
}

pub async fn never_above_the_count(w: &World) -> Told {
    const COUNT: usize = 4;
    const PER: Ms = 240;
    let take = limit(w, LimitName::Country, COUNT as u32, PER);
    let mut random = w.draw(|random| Random::new(random.number()));
    // When each was taken: after the one instant, before the other.
    let mut all: Vec<(Ms, Ms)> = Vec::new();
    for _ in 0..60 {
        let before = w.now().await?;
        let answer = w.store.limits.take(vec![take]).await?;
        let after = w.now().await?;
        match answer {
            Taking::Taken(_) => all.push((before, after)),
            Taking::Refused(refusal) => {
                holds("it lies ahead", refusal.until > before, &refusal)?;
                let in_span = all.iter().filter(|(_, at)| at + PER + PER / 12 > before).count();
                holds("it is full", in_span >= COUNT, &(before, &all))?;
            }
        }
        w.pass(random.between(0, 60)).await;
    }
    for span in all.windows(COUNT + 1) {
        holds("no span above the count", span[COUNT].1 - span[0].0 >= PER, &span)?;
    }
    holds("some were taken", all.len() > COUNT, &all)
}

pub async fn spans_and_keys_count_apart(w: &World) -> Told {
    let hour = limit(w, LimitName::Tenant, 1, HOUR);
    let day = Take { spec: LimitSpec { count: 2, per_ms: 24 * HOUR }, ..hour };
    let other = limit(w, LimitName::Tenant, 1, HOUR);
    taken(w, &[hour, day]).await?;
    refused(w, &[hour]).await?;
    taken(w, &[other]).await?;
    taken(w, &[day]).await?;
    let refusal = refused(w, &[hour, day]).await?;
    let now = w.now().await?;
    holds("the longer wait of the two", refusal.until > now + 20 * HOUR, &refusal)
}

pub async fn racing_takes_stay_within(w: &World) -> Told {
    let take = limit(w, LimitName::Country, 7, HOUR);
    let mut racing = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let limits = w.store.limits.clone();
        racing.spawn(async move { limits.take(vec![take]).await });
    }
    let mut count = 0;
    while let Some(answer) = racing.join_next().await {
        if let Taking::Taken(_) = answer.map_err(|panic| Wrong::new("no panic", &panic))?? {
            count += 1;
        }
    }
    same("taken", count, 7)
}
