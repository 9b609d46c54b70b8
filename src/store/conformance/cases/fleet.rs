//! What gateways that share a store tell each other.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::super::failure::{Told, holds, same};
use super::super::world::World;
use crate::model::{Cause, HOUR, LimitSpec};
use crate::store::Switch;

pub async fn breakers_are_seen(w: &World) -> Told {
    let (fleet, now) = (&w.store.fleet, w.now().await?);
    let switch = |strikes, cause| Switch { until: now + HOUR, strikes, cause };
    let all = |all: &[(&str, Switch)]| -> BTreeMap<String, Switch> {
        all.iter().map(|(carrier, switch)| (carrier.to_string(), *switch)).collect()
    };
    same("all closed", fleet.switches().await?, all(&[]))?;
    let (acme, birch) = (switch(1, Cause::AuthFailed), switch(u32::MAX, Cause::TemporaryCarrierFault));
    fleet.switch("acme", Some(acme)).await?;
    fleet.switch("birch é", Some(birch)).await?;
    same("two open", fleet.switches().await?, all(&[("acme", acme), ("birch é", birch)]))?;
    let acme = switch(2, Cause::InsufficientFunds);
    fleet.switch("acme", Some(acme)).await?;
    fleet.switch("birch é", None).await?;
    fleet.switch("cedar", None).await?;
    same("one is closed", fleet.switches().await?, all(&[("acme", acme)]))?;
    let over = Switch { until: now.saturating_sub(HOUR), ..acme };
    fleet.switch("acme", Some(over)).await?;
    same("its reader compares", fleet.switches().await?, all(&[("acme", over)]))
}

pub async fn one_of_all(w: &World) -> Told {
    for round in 0..5 {
        let mut racing = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let fleet = w.store.fleet.clone();
            racing.spawn(async move { fleet.only_one(&format!("probe {round}"), HOUR).await });
        }
        let given = racing.join_all().await.into_iter().collect::<Result<Vec<_>, _>>()?;
        same("one", given.iter().filter(|given| **given).count(), 1)?;
    }
    let fleet = &w.store.fleet;
    same("the first", fleet.only_one("report", 500).await?, true)?;
    same("not again", fleet.only_one("report", 500).await?, false)?;
    same("something else", fleet.only_one("Report", 500).await?, true)?;
    w.pass(530).await;
    same("later", fleet.only_one("report", 500).await?, true)
}

/// Turns are waited for in real time, whatever the store's clock does.
pub async fn a_lowered_pace_holds(w: &World) -> Told {
    let pace = |count| LimitSpec { count, per_ms: 1_000 };
    for _ in 0..3 {
        w.store.fleet.turn("acme", pace(1_000)).await?;
    }
    let begun = Instant::now();
    for _ in 0..4 {
        w.store.fleet.turn("acme", pace(10)).await?;
    }
    let took = begun.elapsed();
    holds("four turns of ten a second", took >= Duration::from_millis(290), &took)?;
    let begun = Instant::now();
    for _ in 0..10 {
        w.store.fleet.turn("birch", pace(1_000)).await?;
    }
    holds("another carrier's are its own", begun.elapsed() < Duration::from_secs(1), &begun.elapsed())
}
