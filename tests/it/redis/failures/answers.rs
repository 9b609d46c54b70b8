//! An answer that is lost after its script ran: the retry gets it, and nothing happens twice.

use std::time::Duration;

use otp_gateway::model::{Cause, Channel, HOUR, MINUTE, Progress};
use otp_gateway::seal::token;
use otp_gateway::store::{Begin, Begun, Moved, Receive, Received, Settle, Then};
use serde_json::{Value, json};

use super::scene::over;
use crate::gateway::{Gateway, code_in, until, wrong};
use crate::redis::made::{Maker, open, open_limits};
use crate::redis::proxy::Proxy;
use crate::redis::servers::Server;

const LIB: &str = include_str!("../../../../src/store/redis/scripts/lib.lua");

/// The hash by which a script is called.
fn hash(script: &str) -> String {
    let (first, rest) = script.split_once('\n').expect("a first line");
    redis::Script::new(&format!("{first}\n{LIB}\n{rest}")).get_hash().to_owned()
}

macro_rules! script {
    ($name:literal) => {
        hash(include_str!(concat!("../../../../src/store/redis/scripts/", $name, ".lua")))
    };
}

/// Does something whose script's first answer is lost. Proves that it was lost, and that
/// the script was called a second time.
async fn losing<T>(proxy: &Proxy, script: &str, what: impl Future<Output = T>) -> T {
    let before = proxy.lost();
    proxy.lose_answer_to(script.as_bytes());
    let answer = what.await;
    until(Duration::from_secs(5), "the second call", || async { (proxy.seen() >= 2).then_some(()) }).await;
    assert_eq!((proxy.lost(), proxy.seen()), (before + 1, 2), "one answer was lost, one call repeated");
    proxy.lose_answer_to(b"");
    answer
}

async fn attempts(gateway: &Gateway, id: &str) -> usize {
    gateway.verification(id).await["deliveries"][0]["attempts"].as_array().expect("a list").len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_after_a_lost_answer_gets_the_first_answer() {
    let server = Server::start(&[]).await;
    let proxy = Proxy::to(server.port()).await;
    let gateway = over(&proxy.url())
        .argument("--relaxed-limits")
        .option("OTP_LIMITS__NUMBER__SMS_INTERVAL_SECONDS", "0")
        .option("OTP_LIMITS__NUMBER__DELIVERIES", "3/10m")
        .option("OTP_VERIFICATION__MAX_WRONG_CODES", "2")
        .option("OTP_DELIVERY__RETRY_FIRST_SECONDS", "1")
        .start();
    // So that every script is known, and a repeat is one of a lost answer.
    let to = gateway.number();
    let id = gateway.start(&to).await;
    let code = gateway.code(&to).await;
    gateway.resend(&id, "sms").await.expect(202);
    gateway.delivery(&id, 2, "delivered").await;
    gateway.check(&id, &wrong(&code)).await.expect(200);
    gateway.check(&id, &code).await.expect(200);

    // One start and one resend: of three deliveries one is left.
    let to = gateway.number();
    let id = losing(&proxy, &script!("start"), gateway.start(&to)).await;
    gateway.delivery(&id, 1, "delivered").await;
    losing(&proxy, &script!("resend"), gateway.resend(&id, "sms")).await.expect(202);
    gateway.delivery(&id, 2, "delivered").await;
    assert_eq!(gateway.arrived(&to).await.len(), 2);
    gateway.resend(&id, "sms").await.expect(202);
    let refused = gateway.resend(&id, "sms").await;
    assert_eq!((refused.status, &refused.body["limit"]), (429, &json!("number_deliveries")), "{refused:?}");
    gateway.delivery(&id, 3, "delivered").await;
    assert_eq!(gateway.arrived(&to).await.len(), 3);

    // Of two guesses one is left; the right code works once.
    let code = code_in(gateway.nth(&to, 1).await["body"].as_str().unwrap());
    gateway.secret(&code);
    let guess = losing(&proxy, &script!("check"), gateway.check(&id, &wrong(&code))).await.expect(200);
    assert_eq!(guess["status"], "pending");
    let right = losing(&proxy, &script!("check"), gateway.check(&id, &code)).await.expect(200);
    assert_eq!(right["status"], "approved");
    let again = gateway.check(&id, &code).await;
    assert_eq!((again.status, again.problem()), (409, "already_approved"));

    // The last guess that is allowed.
    let to = gateway.number();
    let id = gateway.start(&to).await;
    let code = gateway.code(&to).await;
    gateway.check(&id, &wrong(&code)).await.expect(200);
    let last = losing(&proxy, &script!("check"), gateway.check(&id, &wrong(&code))).await;
    assert_eq!(last.problem(), "max_attempts_reached");

    // The delivery's own steps.
    for script in [script!("begin"), script!("settle"), script!("receive")] {
        let to = gateway.number();
        let id = losing(&proxy, &script, gateway.start(&to)).await;
        gateway.delivery(&id, 1, "delivered").await;
        assert_eq!((attempts(&gateway, &id).await, gateway.arrived(&to).await.len()), (1, 1), "{id}");
    }

    // Both carriers have a fault that passes: the job comes back by a claim.
    let to = gateway.number();
    gateway.outcome(json!({ "to": to, "channel": "sms", "outcome": "temporary_fault" })).await;
    let id = gateway.start(&to).await;
    until(Duration::from_secs(5), "both faults", || async {
        let is_over = |attempt: &Value| attempt["state"] == "failed";
        let delivery = gateway.verification(&id).await["deliveries"][0].clone();
        let tried = delivery["attempts"].as_array().expect("a list").clone();
        (tried.len() == 2 && tried.iter().all(is_over)).then_some(())
    })
    .await;
    let outcomes = format!("/sandbox/outcomes?to={}", to.replace('+', "%2B"));
    losing(&proxy, &script!("claim"), gateway.delete(&outcomes)).await.expect(204);
    gateway.delivery(&id, 1, "delivered").await;
    assert_eq!((attempts(&gateway, &id).await, gateway.arrived(&to).await.len()), (3, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_carriers_need_survives_a_lost_answer_too() {
    let server = Server::start(&[]).await;
    let proxy = Proxy::to(server.port()).await;
    let (store, maker) = (open(&proxy.url()).await, Maker::new());
    let (archive, fleet, numbers) = (&store.archive, &store.fleet, &store.numbers);
    let (record, name, other) = (maker.verification(&maker.number(), HOUR), token(), token());
    let (id, channel) = (record.id.delivery(1), Channel::Sms);
    // So that every script is known, and a repeat is one of a lost answer.
    assert_eq!(archive.index(other, id.attempt(1), HOUR).await, Ok(vec![]));
    assert_eq!(fleet.only_one("another report", HOUR).await, Ok(true));
    let stray = |then| {
        let progress = Progress::Failed(Cause::CarrierFiltered);
        Receive { id: id.attempt(1), progress, network: None, pause_ms: 0, reference: None, then }
    };
    assert_eq!(numbers.receive(stray(Then::Fail)).await, Ok(Received::Unknown));

    // The report that came early is given to the repeat, and to nobody after it.
    archive.find(name, Some((vec![7], MINUTE))).await.unwrap();
    let parked = losing(&proxy, &script!("index"), archive.index(name, id.attempt(1), HOUR)).await;
    assert_eq!(parked, Ok(vec![vec![7]]));
    assert_eq!(archive.index(name, id.attempt(1), HOUR).await, Ok(vec![]));
    // The one whose answer was lost is the one.
    assert_eq!(losing(&proxy, &script!("once"), fleet.only_one("report", HOUR)).await, Ok(true));
    assert_eq!(fleet.only_one("report", HOUR).await, Ok(false));

    // One failure is one retry.
    let start = maker.start(record, open_limits(), 15_000);
    let token = start.lease.token;
    numbers.start(start).await.unwrap();
    let begin = Begin { id, token, carrier: "acme".into(), reason: "a test".into(), sender: Some("ACME".into()) };
    assert_eq!(numbers.begin(begin).await, Ok(Begun::Attempt(id.attempt(1))));
    let moved = Moved::Submitted { reference: None, keep_lease: false };
    numbers.settle(Settle { id: id.attempt(1), token, moved }).await.unwrap();
    let received = losing(&proxy, &script!("receive"), numbers.receive(stray(Then::Another))).await.unwrap();
    let Received::Moved(record) = received else { panic!("{received:?}") };
    let delivery = record.delivery(1).unwrap();
    assert_eq!((delivery.channel, delivery.retries, delivery.due.is_some()), (channel, 1, true));
    assert_eq!(numbers.receive(stray(Then::Another)).await, Ok(Received::Same));
}
