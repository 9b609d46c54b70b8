//! Facts about the store itself.

use super::super::failure::{Told, Wrong, same};
use super::super::world::World;

pub async fn written_once(w: &World) -> Told {
    let facts = &w.store.facts;
    same("before", facts.fact("keys").await?, None)?;
    same("the first", facts.set_once("keys", vec![0, 255, 7]).await?, vec![0, 255, 7])?;
    same("the second", facts.set_once("keys", vec![1]).await?, vec![0, 255, 7])?;
    same("it stands", facts.fact("keys").await?, Some(vec![0, 255, 7]))?;
    same("another", facts.fact("Keys").await?, None)?;
    same("empty", facts.set_once("empty", Vec::new()).await?, Vec::new())?;
    same("empty is not missing", facts.set_once("empty", vec![1]).await?, Vec::new())
}

pub async fn replaced(w: &World) -> Told {
    let facts = &w.store.facts;
    facts.set("keys", vec![1]).await?;
    same("the first", facts.fact("keys").await?, Some(vec![1]))?;
    facts.set("keys", vec![2, 2]).await?;
    same("the second", facts.fact("keys").await?, Some(vec![2, 2]))?;
    same("it stands", facts.set_once("keys", vec![3]).await?, vec![2, 2])
}

pub async fn racing_facts(w: &World) -> Told {
    let mut racing = tokio::task::JoinSet::new();
    for value in 0..8 {
        let facts = w.store.facts.clone();
        racing.spawn(async move { facts.set_once("partitions", vec![value]).await });
    }
    let stands = racing.join_all().await.into_iter().collect::<Result<Vec<_>, _>>()?;
    let kept = w.store.facts.fact("partitions").await?;
    same("one for all", stands.iter().all(|value| Some(value) == kept.as_ref()), true)
        .map_err(|_| Wrong::new(format!("{kept:?} for all"), &stands))
}

pub async fn answers_a_ping(w: &World) -> Told {
    w.store.facts.ping().await?;
    Ok(w.store.facts.ping().await?)
}
