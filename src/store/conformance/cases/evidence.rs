//! The log of evidence, and what is made of it.

use super::super::failure::{Told, holds, same};
use super::super::world::World;
use crate::store::{Batch, Kept, Placed};

fn batch(replica: &str, epoch: u64, sequence: u64) -> Batch {
    let events = vec![format!("{{\"e\":\"sent é\",\"of\":\"{replica}\"}}"), "{\"e\":\"tick\"}".into()];
    Batch { replica: replica.into(), epoch, sequence, events }
}

fn kept(place: u64, state: &[u8]) -> Kept {
    let cells = vec![("acme|+49151|DE/Telekom|sms".into(), "{\"state\":\"healthy\"}".into())];
    Kept { place, state: state.to_vec(), cells }
}

async fn add(w: &World, batch: Batch) -> Told {
    Ok(w.store.evidence.append(batch).await?)
}

async fn log(w: &World, place: u64) -> Told<Vec<Placed>> {
    Ok(w.store.evidence.since(place, 1_000).await?)
}

pub async fn batches_stand_in_order(w: &World) -> Told {
    same("empty", log(w, 0).await?, vec![])?;
    for batch in [batch("a", 7, 1), batch("b", 9, 1), batch("a", 7, 2)] {
        add(w, batch).await?;
    }
    let all = log(w, 0).await?;
    same("places", all.iter().map(|placed| placed.place).collect(), vec![1, 2, 3])?;
    let batches: Vec<Batch> = all.iter().map(|placed| placed.batch.clone()).collect();
    same("batches", &batches, &vec![batch("a", 7, 1), batch("b", 9, 1), batch("a", 7, 2)])?;
    holds("times go forward", all.is_sorted_by_key(|placed| placed.at), &all)?;
    let now = w.now().await?;
    holds("of the store's clock", all.iter().all(|placed| now.abs_diff(placed.at) < 60_000), &all)?;
    same("from a place on", &log(w, 2).await?, &all[1..].to_vec())?;
    same("from nowhere", log(w, 4).await?, vec![])?;
    same("so many", w.store.evidence.since(0, 2).await?, all[..2].to_vec())
}

pub async fn a_repeat_counts_once(w: &World) -> Told {
    for (epoch, sequence, places) in [(7, 1, 1), (7, 1, 1), (7, 3, 2), (7, 2, 2), (6, 9, 2), (8, 1, 3), (8, 1, 3)] {
        add(w, batch("a", epoch, sequence)).await?;
        same(&format!("{epoch} {sequence}"), log(w, 0).await?.len(), places)?;
    }
    add(w, batch("b", 1, 1)).await?;
    same("another's", log(w, 0).await?.len(), 4)
}

pub async fn racing_batches_all_stand(w: &World) -> Told {
    let mut racing = tokio::task::JoinSet::new();
    for replica in 0..6 {
        let evidence = w.store.evidence.clone();
        racing.spawn(async move {
            for sequence in 1..=10 {
                let batch = batch(&format!("r{replica}"), 1, sequence);
                evidence.append(batch.clone()).await?;
                evidence.append(batch).await?;
            }
            Ok::<_, crate::store::StoreError>(())
        });
    }
    for done in racing.join_all().await {
        done?;
    }
    let all = log(w, 0).await?;
    same("without gaps", all.iter().map(|placed| placed.place).collect(), (1..=60).collect::<Vec<u64>>())?;
    for replica in 0..6 {
        let own = all.iter().map(|placed| &placed.batch).filter(|batch| batch.replica == format!("r{replica}"));
        same("in their order", own.map(|batch| batch.sequence).collect(), (1..=10).collect::<Vec<u64>>())?;
    }
    Ok(())
}

pub async fn the_latest_state_is_kept(w: &World) -> Told {
    let evidence = &w.store.evidence;
    same("none", evidence.kept().await?, None)?;
    same("of nothing", evidence.keep(kept(0, b"zero"), 0).await?, true)?;
    same("the first stands", evidence.keep(kept(0, b"other"), 0).await?, false)?;
    same("kept", evidence.kept().await?, Some((0, b"zero".to_vec())))?;
    for sequence in 1..=9 {
        add(w, batch("a", 1, sequence)).await?;
    }
    let bytes: Vec<u8> = (0..=255).collect();
    same("a later one", evidence.keep(kept(7, &bytes), 5).await?, true)?;
    for older in [7, 6, 0] {
        same("an older one", evidence.keep(kept(older, b"older"), 9).await?, false)?;
    }
    same("kept", evidence.kept().await?, Some((7, bytes)))?;
    let places = async || -> Told<Vec<u64>> { Ok(log(w, 0).await?.iter().map(|placed| placed.place).collect()) };
    same("the log is cut", places().await?, (5..=9).collect())?;
    add(w, batch("a", 1, 9)).await?;
    same("a repeat is known after a cut", places().await?, (5..=9).collect())?;
    Ok(())
}
