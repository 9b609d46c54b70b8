//! An answer that is lost after its script ran: the retry gets it, and nothing happens twice.

use std::time::Duration;

use serde_json::{Value, json};

use super::scene::over;
use crate::gateway::{Gateway, code_in, until, wrong};
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
