//! A steady trickle of people who get a code and type it, while servers come and go,
//! and what became of each of them.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::{JoinHandle, JoinSet};

use crate::gateway::{Gateway, code_in, until};

/// Between two starts.
const EVERY: Duration = Duration::from_millis(33);
/// How long a person waits for the code, and goes on typing it while the gateway cannot check it.
const PATIENCE: Duration = Duration::from_secs(8);
/// A lease of the gateways here, so that work which a fail-over cut off is soon done again.
pub const LEASE_SECONDS: &str = "3";

/// One start as its caller saw it, and the check that followed.
#[derive(Debug, Clone)]
pub struct Seen {
    pub to: String,
    pub begun: Instant,
    pub answered: Instant,
    pub status: u16,
    /// If it was accepted.
    pub id: Option<String>,
    /// When a check of it was answered with `approved`, each time.
    pub approved: Vec<Instant>,
}

/// The trickle.
pub struct Traffic {
    gateways: Arc<Vec<Gateway>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    over: Arc<AtomicBool>,
    driver: JoinHandle<()>,
}

/// What a fail-over cost.
#[derive(Debug, Default)]
pub struct Audit {
    pub accepted: usize,
    pub approved: usize,
    /// Accepted starts that the store does not know any more.
    pub lost: Vec<Seen>,
    /// Of those: the message had arrived.
    pub lost_but_sent: usize,
    /// Approvals that the store does not know any more: the code worked again.
    pub approvals_lost: Vec<Seen>,
    /// Messages beyond the first of a verification, all with the same code.
    pub sent_again: usize,
}

impl Traffic {
    /// Starts go to the gateways in turn.
    pub fn begin(gateways: Vec<Gateway>) -> Traffic {
        let (gateways, over) = (Arc::new(gateways), Arc::new(AtomicBool::new(false)));
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let all = (gateways.clone(), seen.clone(), over.clone());
        let driver = tokio::spawn(async move {
            let (gateways, seen, over) = all;
            let (mut people, mut tick, mut turn) = (JoinSet::new(), tokio::time::interval(EVERY), 0);
            while !over.load(Ordering::Relaxed) {
                tick.tick().await;
                people.spawn(person(gateways.clone(), turn, seen.clone()));
                turn += 1;
                while let Some(one) = people.try_join_next() {
                    one.expect("a person does not panic");
                }
            }
            people.join_all().await;
        });
        Traffic { gateways, seen, over, driver }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Vec<Seen>> {
        assert!(!self.driver.is_finished(), "the traffic broke off");
        self.seen.lock().expect("no panic while held")
    }

    /// Waits for so many starts, begun since then, that were answered like this.
    pub async fn answered(&self, status: u16, since: Instant, many: usize, what: &str) {
        until(super::LONG, what, || async {
            let seen = self.seen();
            let fit = seen.iter().filter(|one| one.begun >= since && one.status == status);
            (fit.count() >= many).then_some(())
        })
        .await;
    }

    /// Waits for the first accepted start, begun since then, of those that count; how long
    /// after `since` its answer came.
    pub async fn back(&self, since: Instant, counts: impl Fn(&str) -> bool) -> Duration {
        let first = until(super::LONG, "service after a fail-over", || async {
            let seen = self.seen();
            let fit = seen.iter().filter(|one| one.begun >= since && one.id.as_deref().is_some_and(&counts));
            fit.map(|one| one.answered).min()
        })
        .await;
        first - since
    }

    /// No more starts. Waits until those that run have come to their end, and until every
    /// delivery has; counts what was lost.
    pub async fn end(mut self) -> (Audit, Vec<Seen>) {
        self.over.store(true, Ordering::Relaxed);
        (&mut self.driver).await.expect("it does not panic");
        let seen = self.seen.lock().expect("no panic while held").clone();
        let mut audit = Audit::default();
        for one in seen.iter().filter(|one| one.id.is_some()) {
            audit.accepted += 1;
            audit.approved += usize::from(!one.approved.is_empty());
            let id = one.id.as_deref().expect("it was accepted");
            assert!(one.approved.len() <= 1, "{id} was approved twice: {one:?}");
            let codes = self.codes(&one.to).await;
            assert!(codes.iter().collect::<BTreeSet<_>>().len() <= 1, "{id} got different codes");
            audit.sent_again += codes.len().saturating_sub(1);
            if !self.comes_to_its_end(id).await {
                audit.lost.push(one.clone());
                audit.lost_but_sent += usize::from(!codes.is_empty());
            } else if !one.approved.is_empty()
                && self.gateways[0].check(id, &codes[0]).await.body["status"] == "approved"
            {
                audit.approvals_lost.push(one.clone());
            }
        }
        (audit, seen)
    }

    /// Every code that arrived at a number, on the sandbox phone of any gateway.
    async fn codes(&self, to: &str) -> Vec<String> {
        codes(&self.gateways, to).await
    }

    /// Whether the store knows it; then its deliveries end.
    async fn comes_to_its_end(&self, id: &str) -> bool {
        until(Duration::from_secs(20), &format!("the end of the delivery of {id}"), || async {
            let answer = self.gateways[0].get(&format!("/v1/verifications/{id}")).await;
            if answer.status == 404 {
                return Some(false);
            }
            let state = answer.expect(200)["deliveries"][0]["state"].clone();
            // A receipt that the store could not take is not told again by this carrier; a code
            // that was typed before the outcome could be written leaves nothing to deliver.
            ["submitted", "delivered", "failed", "canceled"].iter().any(|end| state == *end).then_some(true)
        })
        .await
    }
}

async fn codes(gateways: &[Gateway], to: &str) -> Vec<String> {
    let mut codes = Vec::new();
    for gateway in gateways {
        codes.extend(gateway.arrived(to).await.iter().map(|item| code_in(item["body"].as_str().expect("a text"))));
    }
    codes
}

/// Starts at one gateway, waits for the code, and types it at all of them at the same time.
async fn person(gateways: Arc<Vec<Gateway>>, turn: usize, seen: Arc<Mutex<Vec<Seen>>>) {
    let own = &gateways[turn % gateways.len()];
    let (to, begun) = (own.number(), Instant::now());
    let answer = own.post("/v1/verifications", json!({ "to": to })).await;
    let answered = Instant::now();
    let id = (answer.status == 201).then(|| answer.id());
    let place = {
        let mut seen = seen.lock().expect("no panic while held");
        seen.push(Seen {
            to: to.clone(),
            begun,
            answered,
            status: answer.status,
            id: id.clone(),
            approved: Vec::new(),
        });
        seen.len() - 1
    };
    let Some(id) = id else { return };
    while answered.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(60)).await;
        let Some(code) = codes(&gateways, &to).await.pop() else { continue };
        let checks = gateways.iter().map(|gateway| gateway.check(&id, &code));
        let mut tries = futures_util::future::join_all(checks).await;
        let approved = tries.iter().filter(|answer| answer.body["status"] == "approved").count();
        let now = Instant::now();
        seen.lock().expect("no panic while held")[place].approved.extend((0..approved).map(|_| now));
        tries.retain(|answer| answer.status == 503);
        // Approved, or lost, or approved by a check whose answer was.
        if approved > 0 || tries.len() < gateways.len() {
            return;
        }
    }
}

/// How many starts were answered with each status.
pub fn by_status(seen: &[Seen]) -> HashMap<u16, usize> {
    let mut counts = HashMap::new();
    for one in seen {
        *counts.entry(one.status).or_default() += 1;
    }
    counts
}

/// The longest that any start had to wait for its answer.
pub fn slowest(seen: &[Seen]) -> Duration {
    seen.iter().map(|one| one.answered - one.begun).max().unwrap_or_default()
}
