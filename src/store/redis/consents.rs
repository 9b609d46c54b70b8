//! Opt-outs, a hash for each number: `CHANNEL TENANT` -> since when.

use async_trait::async_trait;

use super::Redis;
use super::answer::pairs;
use crate::model::{Channel, NumberHash, Partition, TenantId};
use crate::store::{Consents, OptOut, StoreError};

type Result<T> = std::result::Result<T, StoreError>;

/// The head of every name of a channel.
fn head(channel: Channel) -> String {
    format!("{channel} ")
}

fn name(channel: Channel, tenant: &TenantId) -> String {
    head(channel) + &tenant.0
}

#[async_trait]
impl Consents for Redis {
    async fn opt_out(
        &self,
        partition: Partition,
        number: NumberHash,
        tenants: Vec<TenantId>,
        channel: Channel,
    ) -> Result<()> {
        let mut call = self.scripts.opt_out.on([self.keys.opt_outs(partition, number)]);
        for tenant in &tenants {
            call = call.arg(name(channel, tenant));
        }
        self.change(&call, partition).await.map(drop)
    }

    async fn opt_in(
        &self,
        partition: Partition,
        number: NumberHash,
        tenants: Option<Vec<TenantId>>,
        channel: Channel,
    ) -> Result<usize> {
        let mut call = self.scripts.opt_in.on([self.keys.opt_outs(partition, number)]);
        match &tenants {
            None => call = call.arg("all").arg(head(channel)),
            Some(tenants) => {
                call = call.arg("these");
                for tenant in tenants {
                    call = call.arg(name(channel, tenant));
                }
            }
        }
        let lifted = self.change(&call, partition).await?.int(2)?;
        usize::try_from(lifted).map_err(StoreError::unreadable)
    }

    async fn opted_out(&self, partition: Partition, number: NumberHash) -> Result<Vec<OptOut>> {
        let mut all = ::redis::cmd("HGETALL");
        all.arg(self.keys.opt_outs(partition, number));
        let read = |(name, since): (String, String)| {
            let (channel, tenant) =
                name.split_once(' ').ok_or_else(|| StoreError::unreadable("an opt-out without a channel"))?;
            let channel = channel.parse().map_err(StoreError::unreadable)?;
            let since = since.parse().map_err(StoreError::unreadable)?;
            Ok(OptOut { tenant: TenantId(tenant.to_owned()), channel, since })
        };
        let mut all: Vec<OptOut> = pairs(&self.link.send(all).await?)?.into_iter().map(read).collect::<Result<_>>()?;
        all.sort();
        Ok(all)
    }
}
