//! Master keys change while gateways serve, one restarted after the other: what was open
//! stays open, and what was counted stays counted.

use serde_json::json;

use super::servers::Server;
use super::{master_key, shared};
use crate::gateway::{Gateway, Setup};

/// A verification that waits for its code.
struct Open {
    id: String,
    to: String,
    code: String,
}

fn setup(url: &str, keys: &str) -> Setup {
    // Long enough that the first sends count for the whole test. A call that rings is not
    // waited for at a restart.
    shared(url, keys)
        .option("OTP_LIMITS__NUMBER__SMS_INTERVAL_SECONDS", "3600")
        .option("OTP_SERVER__SHUTDOWN_GRACE_SECONDS", "0")
}

async fn open(gateway: &Gateway) -> Open {
    let to = gateway.number();
    let id = gateway.start(&to).await;
    Open { id, code: gateway.code(&to).await, to }
}

/// A number that had its SMS gets no second one, at any gateway.
async fn still_counts(fleet: &[Gateway], open: &[Open]) {
    for gateway in fleet {
        for one in open {
            gateway.secret(&one.to[1..]);
            let answer = gateway.post("/v1/verifications", json!({ "to": one.to })).await;
            assert_eq!(answer.status, 429, "{}", answer.body);
            assert_eq!(answer.body["limit"], "sms_interval");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_forgets_no_number_and_no_code() {
    let server = Server::start(&[]).await;
    let url = server.url();
    let (old, new) = (master_key(), master_key());
    let mut fleet: Vec<Gateway> = (0..2).map(|_| setup(&url, &old).start()).collect();
    let mut waiting = vec![open(&fleet[0]).await, open(&fleet[1]).await];
    let mut checked = Vec::new();
    let last = format!("{new} {old}");
    for keys in [format!("{old} {new}"), last.clone(), new.clone()] {
        for n in 0..fleet.len() {
            fleet[n].terminate().await;
            let next = setup(&url, &keys).on_the_data_of(&fleet[n]).start();
            fleet[n] = next;
            still_counts(&fleet, &waiting).await;
            // What the one began, the other ends, whichever keys each of them has.
            let (here, there) = (&fleet[n], &fleet[1 - n]);
            let fresh = open(here).await;
            assert_eq!(there.check(&fresh.id, &fresh.code).await.expect(200)["status"], "approved");
            // Opens number and code, sealed by the other's first key, to say them in a call.
            let spoken = open(here).await;
            there.secret(&spoken.to[1..]);
            there.ring(&spoken.id, &spoken.to).await;
            // Some that were begun before this step.
            checked.push(waiting.remove(0));
            let one = checked.last().expect("just pushed");
            assert_eq!(there.check(&one.id, &one.code).await.expect(200)["status"], "approved");
            still_counts(&fleet, &checked).await;
            waiting.push(open(here).await);
        }
        println!("with {} master key(s): {} open, {} checked", keys.split(' ').count(), waiting.len(), checked.len());
    }
}

/// The order matters: a gateway that does not have the new key yet cannot open what a
/// gateway that seals with it has sealed. It says so and breaks nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_with_the_old_key_only_still_checks_and_counts() {
    let server = Server::start(&[]).await;
    let (old, new) = (master_key(), master_key());
    let behind = setup(&server.url(), &old).start();
    let ahead = setup(&server.url(), &format!("{new} {old}")).start();
    let fresh = open(&ahead).await;
    behind.secret(&fresh.to[1..]);
    still_counts(std::slice::from_ref(&behind), std::slice::from_ref(&fresh)).await;
    assert_eq!(behind.check(&fresh.id, &fresh.code).await.expect(200)["status"], "approved");
}
