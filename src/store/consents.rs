//! Who wants nothing more from whom. What stands here is kept for ever: it is lifted by
//! the person or by an act of support, never by time.

use async_trait::async_trait;

use super::StoreError;
use crate::model::{Channel, Ms, NumberHash, Partition, TenantId};

/// A number wants nothing of a tenant over a channel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OptOut {
    /// Of whom.
    pub tenant: TenantId,
    /// Over which channel.
    pub channel: Channel,
    /// Since when, by the store's clock.
    pub since: Ms,
}

/// Opt-outs of numbers. Every operation works in a full store and may be repeated.
#[async_trait]
pub trait Consents: Send + Sync {
    /// The number wants nothing more of these tenants over the channel. One that it has
    /// refused before keeps its first `since`.
    async fn opt_out(
        &self,
        partition: Partition,
        number: NumberHash,
        tenants: Vec<TenantId>,
        channel: Channel,
    ) -> Result<(), StoreError>;
    /// Lifts it for these tenants, or for all of them (`None`), and says for how many it
    /// had stood. A repetition after a lost answer says 0.
    async fn opt_in(
        &self,
        partition: Partition,
        number: NumberHash,
        tenants: Option<Vec<TenantId>>,
        channel: Channel,
    ) -> Result<usize, StoreError>;
    /// What stands, by tenant and channel.
    async fn opted_out(&self, partition: Partition, number: NumberHash) -> Result<Vec<OptOut>, StoreError>;
}
