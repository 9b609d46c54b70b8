//! Runs deliveries: at once those that this gateway accepted, and when they are
//! due those whose owner died or that failed for now.

use std::sync::Arc;
use std::time::Duration;

use super::Deliveries;
use super::job::{Accepted, Job};
use crate::store::{BEAT_MS, Claim, Lease, Record, Release, Renew, Renewed, View};

/// How often due deliveries are looked for. What was accepted here does not wait
/// for it.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Most deliveries taken at a time.
const CLAIMS: usize = 64;

impl Deliveries {
    /// Starts to look for due deliveries, until [`Deliveries::stop`].
    pub fn start(self: &Arc<Self>) -> tokio::task::JoinHandle<()> {
        let deliveries = self.clone();
        tokio::spawn(self.clone().say_alive());
        tokio::spawn(self.clone().keep_log());
        let mut stopping = self.stopping.subscribe();
        tokio::spawn(async move {
            let mut away = false;
            while !*stopping.borrow_and_update() {
                match deliveries.claim_due().await {
                    Ok(()) => away = false,
                    Err(error) => {
                        deliveries.parts.metrics.store_error();
                        if !std::mem::replace(&mut away, true) {
                            tracing::warn!(%error, "Store is away, due deliveries wait.");
                        }
                    }
                }
                tokio::select! {
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                    _ = stopping.changed() => {}
                }
            }
        })
    }

    /// Says that this gateway lives, until it stops.
    async fn say_alive(self: Arc<Self>) {
        let mut stopping = self.stopping.subscribe();
        while !*stopping.borrow_and_update() {
            match self.parts.store.fleet.beat().await {
                Ok(crew) => self.parts.metrics.gateways(crew.alive),
                Err(error) => tracing::debug!(%error, "Store is away, the others do not hear from this gateway."),
            }
            self.learn_breakers().await;
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(BEAT_MS)) => {}
                _ = stopping.changed() => {}
            }
        }
    }

    async fn claim_due(self: &Arc<Self>) -> Result<(), crate::store::StoreError> {
        loop {
            let limit = self.submits.available_permits().min(CLAIMS);
            if limit == 0 {
                return Ok(());
            }
            let lease = self.lease();
            let claimed = self.parts.store.numbers.claim(Claim { lease, limit }).await?;
            let all_taken = claimed.len() == limit;
            for claim in claimed {
                self.parts.metrics.claimed();
                self.run(claim.record, claim.n, lease, None);
            }
            if !all_taken {
                return Ok(());
            }
        }
    }

    /// Runs the newest delivery of a view, which has just been accepted under this lease.
    /// An answer that is given again runs nothing.
    pub fn accept(self: &Arc<Self>, view: &View, lease: Lease, accepted: Accepted) {
        if !view.replayed {
            self.run(view.record.clone(), view.record.deliveries.len() as u16, lease, Some(accepted));
        }
    }

    /// Runs a delivery whose lease we hold, in a task of its own.
    fn run(self: &Arc<Self>, record: Record, n: u16, lease: Lease, accepted: Option<Accepted>) {
        let deliveries = self.clone();
        let id = record.id.delivery(n);
        self.held.lock().expect("no panic while held").insert(id, lease.token);
        tokio::spawn(async move {
            let _running = deliveries.parts.metrics.run();
            let job = Job { record, n, token: lease.token, accepted };
            let mut stopping = deliveries.stopping.subscribe();
            tokio::select! {
                () = deliveries.deliver(job) => {}
                () = deliveries.keep_lease(id, lease) => {}
                // Set only after the time of grace: what still runs is let go.
                _ = stopping.wait_for(|_| deliveries.submits.is_closed()) => {}
            }
            let mut held = deliveries.held.lock().expect("no panic while held");
            // Another run of the same delivery may have begun under a newer lease.
            if held.get(&id) == Some(&lease.token) {
                held.remove(&id);
            }
        });
    }

    /// Renews a lease until it is lost; then whoever works under it must stop.
    async fn keep_lease(&self, id: crate::model::DeliveryId, lease: Lease) {
        loop {
            tokio::time::sleep(self.lease_time() / 3).await;
            if let Ok(Renewed::Lost) = self.parts.store.numbers.renew(Renew { id, lease }).await {
                return;
            }
        }
    }

    /// Takes no new work, lets what runs end for at most `grace`, then hands the
    /// rest of the leases back.
    pub async fn stop(&self, grace: Duration) {
        self.stopping.send_replace(true);
        let ends = tokio::time::Instant::now() + grace;
        while !self.held.lock().expect("no panic while held").is_empty() && tokio::time::Instant::now() < ends {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let held: Vec<_> = self.held.lock().expect("no panic while held").drain().collect();
        self.submits.close();
        self.stopping.send_replace(true);
        let releases = held.into_iter().map(async |(id, token)| {
            // A store that is away lets the lease end by itself.
            if let Err(error) = self.parts.store.numbers.release(Release { id, token }).await {
                tracing::warn!(delivery = %id, %error, "A lease could not be handed back; it ends by itself.");
            }
        });
        futures_util::future::join_all(releases).await;
        self.write_log().await;
        // Last: others look after its share from now on.
        if let Err(error) = self.parts.store.fleet.leave().await {
            tracing::debug!(%error, "Store is away, the others notice by themselves that this gateway is gone.");
        }
    }
}
