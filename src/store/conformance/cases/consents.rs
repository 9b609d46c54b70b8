//! Opt-outs: who wants nothing more of whom.

use super::super::failure::{Told, same};
use super::super::world::World;
use crate::model::{Channel, Ms, NumberHash, TenantId};
use crate::store::OptOut;

async fn out(w: &World, tenants: &[&TenantId], channel: Channel) -> Told {
    let tenants = tenants.iter().map(|tenant| (*tenant).clone()).collect();
    Ok(w.store.consents.opt_out(w.number.partition, w.number.hash, tenants, channel).await?)
}

async fn lifted(w: &World, tenants: Option<&[&TenantId]>, channel: Channel) -> Told<usize> {
    let tenants = tenants.map(|tenants| tenants.iter().map(|tenant| (*tenant).clone()).collect());
    Ok(w.store.consents.opt_in(w.number.partition, w.number.hash, tenants, channel).await?)
}

async fn all(w: &World, number: NumberHash) -> Told<Vec<OptOut>> {
    Ok(w.store.consents.opted_out(w.number.partition, number).await?)
}

/// What stands for the world's number, without times.
async fn standing(w: &World) -> Told<Vec<(TenantId, Channel)>> {
    Ok(all(w, w.number.hash).await?.into_iter().map(|one| (one.tenant, one.channel)).collect())
}

/// In the order in which they are told.
fn sorted<const N: usize>(mut expected: [(&TenantId, Channel); N]) -> Vec<(TenantId, Channel)> {
    expected.sort();
    expected.into_iter().map(|(tenant, channel)| (tenant.clone(), channel)).collect()
}

pub async fn by_number_tenant_and_channel(w: &World) -> Told {
    let (own, other) = (&w.tenant, &w.stranger);
    same("nothing", all(w, w.number.hash).await?, vec![])?;
    out(w, &[own, other], Channel::Sms).await?;
    out(w, &[own], Channel::Voice).await?;
    out(w, &[], Channel::Voice).await?;
    let expected = sorted([(own, Channel::Sms), (own, Channel::Voice), (other, Channel::Sms)]);
    same("what stands", standing(w).await?, expected)?;
    same("another number", all(w, w.neighbour.hash).await?, vec![])
}

pub async fn the_first_time_stands(w: &World) -> Told {
    let since = async |w: &World| -> Told<Ms> { Ok(all(w, w.number.hash).await?.first().map_or(0, |one| one.since)) };
    let before = w.now().await?;
    out(w, &[&w.tenant], Channel::Sms).await?;
    let first = since(w).await?;
    let after = w.now().await?;
    same("by the store's clock", (before..=after).contains(&first), true)?;
    w.pass(20).await;
    out(w, &[&w.tenant], Channel::Sms).await?;
    same("a repeat", since(w).await?, first)?;
    same("lifted", lifted(w, None, Channel::Sms).await?, 1)?;
    out(w, &[&w.tenant], Channel::Sms).await?;
    same("again, later", since(w).await? >= first + 20, true)
}

pub async fn lifted_as_told(w: &World) -> Told {
    let (own, other) = (&w.tenant, &w.stranger);
    // A tenant's name may look like anything.
    let odd = &TenantId("sms voice é".into());
    for channel in Channel::ALL {
        out(w, &[own, other, odd], channel).await?;
    }
    same("one", lifted(w, Some(&[own]), Channel::Sms).await?, 1)?;
    same("a repeat", lifted(w, Some(&[own]), Channel::Sms).await?, 0)?;
    same("nobody", lifted(w, Some(&[]), Channel::Sms).await?, 0)?;
    let left = [
        (own, Channel::Voice),
        (other, Channel::Sms),
        (other, Channel::Voice),
        (odd, Channel::Sms),
        (odd, Channel::Voice),
    ];
    same("the others stand", standing(w).await?, sorted(left))?;
    same("two, of whom one stood", lifted(w, Some(&[own, other]), Channel::Sms).await?, 1)?;
    same("all of a channel", lifted(w, None, Channel::Voice).await?, 3)?;
    same("the other channel stands", standing(w).await?, sorted([(odd, Channel::Sms)]))?;
    same("the last", lifted(w, None, Channel::Sms).await?, 1)?;
    same("nothing", all(w, w.number.hash).await?, vec![])
}

pub async fn racing_ones_all_stand(w: &World) -> Told {
    let mut racing = tokio::task::JoinSet::new();
    for i in 0..16 {
        let (consents, partition, number) = (w.store.consents.clone(), w.number.partition, w.number.hash);
        let tenant = TenantId(format!("tenant {}", i % 8));
        racing.spawn(async move { consents.opt_out(partition, number, vec![tenant], Channel::Sms).await });
    }
    racing.join_all().await.into_iter().collect::<Result<(), _>>()?;
    same("each of them", lifted(w, None, Channel::Sms).await?, 8)
}
