//! A silent block from its first message to its end, as the running program sees it: the
//! clock runs fast, the rest is as it would be. One carrier of two stops to deliver to one
//! network and says nothing about it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::upstream::{Seen, Upstream};
use super::{NOWHERE, carriers_before};
use crate::command::run;
use crate::gateway::{Gateway, code_in, until};

/// The clock runs so many times as fast.
const FASTER: u32 = 30;

/// So many seconds of the gateway's clock.
fn seconds(virtual_seconds: u32) -> Duration {
    Duration::from_secs(virtual_seconds.into()) / FASTER
}

struct Town {
    gateway: Gateway,
    cheap: Upstream,
    dear: Upstream,
    is_blocked: AtomicBool,
    http: reqwest::Client,
}

/// What became of somebody who waits for a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It came with the first text.
    First,
    /// It came with a second text, through the other carrier.
    Covered,
    /// Nothing came within a minute.
    Lost,
}

impl Town {
    async fn begin() -> Arc<Town> {
        let (cheap, dear) = (Upstream::start().await, Upstream::start().await);
        let price = |name: &str, price: &str| {
            format!("weight = 1\n[carriers.{name}.prices]\ncurrency = \"EUR\"\nsms = {{ default = \"{price}\" }}")
        };
        let (cheaply, dearly) = (price("cheap", "0.05"), price("dear", "0.06"));
        let both = [("cheap", "acme", &cheap, cheaply.as_str()), ("dear", "acme", &dear, dearly.as_str())];
        let (setup, _) = carriers_before(&both, "", NOWHERE);
        let setup = setup
            .option("OTP_ROUTING__EXPLORE_PER_MILLE", "15")
            .option("OTP_DELIVERY__SUBMIT_TIMEOUT_SECONDS", "60")
            .faketime(&format!("+0 x{FASTER}"));
        let (is_blocked, http) = (AtomicBool::new(false), reqwest::Client::new());
        Arc::new(Town { gateway: setup.start(), cheap, dear, is_blocked, http })
    }

    /// A person asks for a code, and types it as soon as it comes.
    async fn person(&self) -> Fate {
        let to = self.gateway.number();
        let id = self.gateway.start(&to).await;
        let asked = Instant::now();
        while asked.elapsed() < seconds(62) {
            let given = |upstream: &Upstream| upstream.seen_at("/sms").into_iter().find(|seen| seen.field("to") == to);
            let (cheap, dear) = (given(&self.cheap), given(&self.dear));
            let lost = self.is_blocked.load(Ordering::Relaxed);
            let arrived = dear.clone().or(cheap.clone().filter(|_| !lost));
            if let Some(text) = arrived {
                self.receive(&id, &text).await;
                return if cheap.is_some() && dear.is_some() { Fate::Covered } else { Fate::First };
            }
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
        Fate::Lost
    }

    async fn receive(&self, id: &str, text: &Seen) {
        let report = json!({ "reports": [{ "id": "m-1", "status": "delivered" }] });
        self.http.post(text.field("callback")).json(&report).send().await.unwrap();
        let code = code_in(&text.field("text"));
        self.gateway.secret(&code);
        assert_eq!(self.gateway.check(id, &code).await.expect(200)["status"], "approved");
    }

    /// People, one each so many seconds, until `done`; at most so many.
    async fn people(self: &Arc<Self>, every: u32, most: usize, done: impl AsyncFn() -> bool) -> Vec<Fate> {
        let mut waiting = Vec::new();
        while waiting.len() < most && !done().await {
            let town = self.clone();
            waiting.push(tokio::spawn(async move { town.person().await }));
            tokio::time::sleep(seconds(every)).await;
        }
        let mut fates = Vec::new();
        for person in waiting {
            fates.push(person.await.unwrap());
        }
        fates
    }

    /// The cell of the cheap carrier, as `GET /v1/carriers` shows it.
    async fn cell(&self) -> Value {
        let all = self.gateway.get("/v1/carriers?all=true").await.expect(200);
        let cells = all["cells"].as_array().unwrap();
        cells.iter().find(|cell| cell["carrier"] == "cheap" && cell["channel"] == "sms").cloned().unwrap_or(Value::Null)
    }

    async fn is(&self, state: &str) -> bool {
        self.cell().await["state"] == state
    }
}

fn count(fates: &[Fate], fate: Fate) -> usize {
    fates.iter().filter(|other| **other == fate).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_block_is_seen_routed_around_and_its_end_noticed() {
    let town = Town::begin().await;
    // Past the cold start: ten minutes, and 200 messages closed, each five minutes after it was sent.
    let usual = town.people(3, 330, async || false).await;
    assert_eq!(count(&usual, Fate::First), 330, "{usual:?}");
    assert!(town.is("healthy").await, "{}", town.cell().await);

    town.is_blocked.store(true, Ordering::Relaxed);
    let fates = town.people(8, 80, async || town.is("blocked").await).await;
    let cell = town.cell().await;
    println!("blocked: {} lost, {} covered; {cell}", count(&fates, Fate::Lost), count(&fates, Fate::Covered));
    assert_eq!(cell["state"], "blocked", "{cell}\n{fates:?}");
    // Those before the first suspicion wait in vain; the others are covered or go elsewhere.
    assert!(count(&fates, Fate::Lost) <= 12, "{fates:?}");
    assert!(count(&fates, Fate::Covered) > 0, "{fates:?}");

    // From now on nobody is lost; probes are covered.
    let fates = town.people(8, 40, async || false).await;
    assert_eq!(count(&fates, Fate::Lost), 0, "{fates:?}");
    println!("while blocked: {} of {} covered", count(&fates, Fate::Covered), fates.len());
    assert!((1..=8).contains(&count(&fates, Fate::Covered)), "{fates:?}");

    // Agents and operators are told.
    let key = [("OTP_URL", town.gateway.url.as_str()), ("OTP_API_KEY", "demo-key")];
    let network = cell["network"].as_str().unwrap();
    let told = run(&["carriers", "explain", "--country", "JP", "--network", network], &key).await;
    assert!(told.code == Some(0) && told.out.contains("blocked"), "{}{}", told.out, told.err);
    let mistyped = run(&["carriers", "explain", "--network", "JP/KDDDI"], &key).await;
    let known = mistyped.out.lines().next().unwrap_or_default().split_once("yet; known here: ");
    assert!(known.is_some_and(|(_, known)| known.contains(network)), "{}{}", mistyped.out, mistyped.err);
    let to = town.gateway.number();
    let id = town.gateway.start(&to).await;
    let reason = town.gateway.delivery(&id, 1, "submitted").await["attempts"][0]["reason"].clone();
    assert!(reason.as_str().unwrap().contains("cheap") && reason.as_str().unwrap().contains("dear"), "{reason}");

    // It delivers again, and gets its messages back.
    town.is_blocked.store(false, Ordering::Relaxed);
    town.people(8, 200, async || !town.is("blocked").await).await;
    until(Duration::from_secs(1), "the end of the block", async || (!town.is("blocked").await).then_some(())).await;
    let printed = town.gateway.printed();
    assert!(printed.contains("blocked"), "the log tells of it");
}
