//! Gateways that share a Redis see the same evidence, each thing once, whoever saw it;
//! and what one of them decides all of them know.

use std::sync::Arc;
use std::time::{Duration, Instant};

use otp_gateway::blocks::{CellKey, Event, Lot, Outcome, Rules, State};
use otp_gateway::clock::Clock;
use otp_gateway::model::Channel;
use otp_gateway::radar::{Parts, Watch};
use otp_gateway::telemetry::Metrics;
use serde_json::Value;

use super::crew::{Site, given};
use super::made::open;
use super::servers::Server;
use crate::gateway::{Gateway, SOON, code_in, until};

fn cell(carrier: &str) -> CellKey {
    CellKey { carrier: carrier.into(), sender: "ACME".into(), network: "IN/404-45".into(), channel: Channel::Sms }
}

/// A radar over that Redis, and what stops it.
struct Replica {
    watch: Arc<Watch>,
    stop: tokio::sync::watch::Sender<bool>,
    runs: tokio::task::JoinHandle<()>,
}

impl Replica {
    async fn start(server: &Server, name: &str) -> Replica {
        let store = open(&server.url()).await;
        // Nobody waits half an hour for a test.
        let mut rules = Rules::default();
        (rules.states.cold_messages, rules.states.cold_ms) = (0, 0);
        let watch = Watch::new(Parts {
            evidence: store.evidence.clone(),
            fleet: store.fleet.clone(),
            name: name.into(),
            rules,
            metrics: Arc::new(Metrics::default()),
            clock: Clock::System,
        });
        let (stop, stopping) = tokio::sync::watch::channel(false);
        Replica { runs: watch.start(stopping), watch, stop }
    }

    fn sent(&self, m: u64, carrier: &str) {
        self.watch.tell(Event::Sent { m, cell: cell(carrier), lot: Lot::Usual });
    }

    fn reported(&self, m: u64, outcome: Outcome) {
        self.watch.tell(Event::Receipt { m, outcome });
    }

    fn state(&self, carrier: &str) -> State {
        self.watch.radar().outlook(&cell(carrier), 0).state
    }

    fn sentence(&self, carrier: &str) -> String {
        self.watch.radar().explain(&cell(carrier), 0)
    }
}

async fn agree(replicas: &[&Replica], what: &str) {
    until(SOON, what, || async {
        let first = replicas[0].watch.radar().clone();
        replicas.iter().all(|other| *other.watch.radar() == first).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_and_a_kill_agree_and_count_once() {
    let server = Server::start(&[]).await;
    let [a, b, c] =
        [Replica::start(&server, "a").await, Replica::start(&server, "b").await, Replica::start(&server, "c").await];
    // A receipt that comes twice, and to whom it likes; some before their own message.
    for m in 0..60 {
        let [sends, hears, hears_too] = match m % 3 {
            0 => [&a, &b, &c],
            1 => [&b, &c, &a],
            _ => [&c, &a, &b],
        };
        sends.sent(m, "acme");
        if m % 2 == 0 {
            hears.reported(m, Outcome::Delivered);
            hears_too.reported(m, Outcome::Delivered);
        }
        if m % 20 == 0 {
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    }
    let counted = |replica: &Replica| {
        let sentence = replica.sentence("acme");
        sentence.contains("of 60 sent") && sentence.contains("30 receipts")
    };
    until(SOON, "all counted once", || async { [&a, &b, &c].into_iter().all(counted).then_some(()) }).await;
    agree(&[&a, &b, &c], "the same state").await;

    // One is killed with an answer on its way: nothing of it counts twice.
    c.runs.abort();
    let alone = c.watch.radar().clone();
    for m in 100..160 {
        (if m % 2 == 0 { &a } else { &b }).sent(m, "birch");
        (if m % 2 == 0 { &b } else { &a }).reported(m, Outcome::Filtered);
    }
    let begun = Instant::now();
    until(SOON, "the decision", || async { (a.state("birch") != State::Healthy).then_some(()) }).await;
    until(Duration::from_secs(2), "the others' knowing", || async {
        (b.state("birch") == a.state("birch")).then_some(())
    })
    .await;
    println!("decided and known by all after {:?}: {}", begun.elapsed(), a.sentence("birch"));
    agree(&[&a, &b], "the same state after a kill").await;
    assert_ne!(*a.watch.radar(), alone, "the dead one heard nothing");

    // One that comes later goes on from what is kept, and one that stops keeps it.
    a.stop.send_replace(true);
    a.runs.await.unwrap();
    let late = Replica::start(&server, "late").await;
    agree(&[&b, &late], "the late one's state").await;
    assert_eq!(late.state("birch"), b.state("birch"));

    // In Redis it is plain to read.
    let cells = server.command(&["HGETALL", "otp:{evidence}:cells"]);
    assert!(cells.contains("birch|ACME|IN/404-45|sms") && cells.contains("\"sentence\""), "{cells}");
    let log = server.command(&["XRANGE", "otp:{evidence}:log", "-", "+", "COUNT", "1"]);
    assert!(log.contains("replica") && log.contains("\"e\":\""), "{log}");

    // A Redis that lost everything gets it back, and all go on together.
    server.command(&["FLUSHALL"]);
    b.sent(500, "cedar");
    until(SOON, "the new message", || async { late.sentence("cedar").contains("of 1 sent").then_some(()) }).await;
    agree(&[&b, &late], "the same state after a loss").await;
    assert!(late.sentence("acme").contains("of 60 sent"), "{}", late.sentence("acme"));
}

/// The sum of what the cells' sentences count: sent, typed.
async fn counted(gateway: &Gateway) -> (u64, u64) {
    let all = gateway.get("/v1/carriers?all=true").await.expect(200);
    let number = |sentence: &str, before: &str, after: &str| -> u64 {
        let text = sentence.split(after).next().unwrap().rsplit(before).next().unwrap();
        text.trim().parse().unwrap_or_else(|_| panic!("no number before {after:?} in {sentence}"))
    };
    let sentences: Vec<String> = all["cells"].as_array().unwrap().iter().map(|cell| text(&cell["sentence"])).collect();
    let sent = sentences.iter().map(|sentence| number(sentence, " of ", " sent ")).sum();
    (sent, sentences.iter().map(|sentence| number(sentence, ", ", " codes typed")).sum())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn running_gateways_see_what_any_of_them_sees() {
    let site = Site::new().await;
    let (mut dies, lives) = (site.gateway().start(), [site.gateway().start(), site.gateway().start()]);
    for i in 0..12 {
        let begins = [&dies, &lives[0], &lives[1]][i % 3];
        let to = begins.number();
        let id = begins.start(&to).await;
        begins.delivery(&id, 1, "delivered").await;
        if i % 2 == 0 {
            let item = given(begins.folder()).into_iter().find(|item| item.to == to).unwrap();
            let checks = [&dies, &lives[0], &lives[1]][(i + 1) % 3];
            assert_eq!(checks.check(&id, &code_in(&item.body)).await.expect(200)["status"], "approved");
        }
    }
    for gateway in [&dies, &lives[0], &lives[1]] {
        until(SOON, "what all sent", || async { (counted(gateway).await == (12, 6)).then_some(()) }).await;
    }
    dies.kill();
    let id = lives[0].start(&lives[0].number()).await;
    lives[0].delivery(&id, 1, "delivered").await;
    for gateway in &lives {
        until(SOON, "what was sent after a death", || async { (counted(gateway).await == (13, 6)).then_some(()) })
            .await;
    }
    let explained = crate::command::run(
        &["carriers", "explain", "--all"],
        &[("OTP_URL", lives[0].url.as_str()), ("OTP_API_KEY", "demo-key")],
    )
    .await;
    assert!(explained.code == Some(0) && explained.out.contains("sms to JP/"), "{}{}", explained.out, explained.err);
}
