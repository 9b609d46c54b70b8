//! `kill -9` at random instants: what was accepted arrives, with one code, and
//! never after its time.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::gateway::{Gateway, SOON, code_in, until};

const KILLS: usize = 50;
const IN_FLIGHT: usize = 20;
const STARTS: usize = 60;

/// Where a delivery stood when its gateway was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Stood {
    BeforeSubmit,
    BetweenSubmitAndRecord,
    AfterRecord,
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_lose_nothing_and_change_no_code() {
    // One carrier delivers late, the other answers late: both windows are wide open.
    let mut gateway = Gateway::setup().argument("--relaxed-limits").option("OTP_DELIVERY__LEASE_SECONDS", "6").start();
    let slow = json!({ "carrier": "sandbox-a", "channel": "sms", "outcome": "slow", "delay_ms": 120 });
    let slow_answer = json!({ "carrier": "sandbox-b", "channel": "sms", "outcome": "slow_answer", "delay_ms": 120 });
    gateway.outcome(slow).await;
    gateway.outcome(slow_answer).await;
    let mut stood = HashMap::<Stood, usize>::new();
    let (mut kills, mut rounds, mut accepted_in_all) = (0, 0, 0);
    while kills < KILLS {
        rounds += 1;
        assert!(rounds <= 2 * KILLS, "only {kills} of {rounds} kills met {IN_FLIGHT} jobs in flight");
        let accepted = start_many_and_kill(&mut gateway).await;
        let in_flight = look_at_the_dead(gateway.folder(), &accepted, &mut stood);
        kills += usize::from(in_flight >= IN_FLIGHT);
        accepted_in_all += accepted.len();
        gateway = gateway.kill_and_restart();
        all_arrive(&gateway, &accepted).await;
    }
    let mut stood: Vec<_> = stood.into_iter().collect();
    stood.sort();
    // Past the capture of passing tests: these figures are for every log.
    let _ = writeln!(
        std::io::stderr(),
        "{kills} kills with at least {IN_FLIGHT} jobs in flight, {accepted_in_all} accepted, all arrived: {stood:?}"
    );
    assert!(stood.len() == 3, "every window was hit");
}

/// Starts many verifications at once and kills the gateway at a random instant;
/// what it had accepted by then: number -> verification id.
async fn start_many_and_kill(gateway: &mut Gateway) -> HashMap<String, String> {
    let accepted = Arc::new(Mutex::new(HashMap::new()));
    let requests: Vec<_> = (0..STARTS)
        .map(|i| {
            let (to, accepted) = (gateway.number(), accepted.clone());
            let request = gateway.request(reqwest::Method::POST, "/v1/verifications").json(&json!({ "to": to }));
            tokio::spawn(async move {
                // One after the other: at any instant some are old and some are new.
                tokio::time::sleep(Duration::from_millis(4 * i as u64)).await;
                if let Ok(response) = request.send().await
                    && response.status() == 201
                    && let Ok(body) = response.json::<Value>().await
                {
                    accepted.lock().unwrap().insert(to, body["id"].as_str().unwrap().to_owned());
                }
            })
        })
        .collect();
    until(SOON, "acceptance", || async { (accepted.lock().unwrap().len() >= IN_FLIGHT + 5).then_some(()) }).await;
    tokio::time::sleep(Duration::from_micros(random_below(150_000))).await;
    gateway.kill();
    for request in requests {
        request.await.unwrap();
    }
    // Every request has ended: this is the only holder left.
    std::mem::take(&mut accepted.lock().unwrap())
}

fn random_below(n: u64) -> u64 {
    u64::from_le_bytes(otp_gateway::seal::random()) % n
}

/// Reads store and list as the dead left them; how many jobs were in flight.
fn look_at_the_dead(folder: &Path, accepted: &HashMap<String, String>, stood: &mut HashMap<Stood, usize>) -> usize {
    let copy = tempfile::tempdir().unwrap();
    for file in ["gateway.db", "gateway.db-wal"] {
        let _ = std::fs::copy(folder.join(file), copy.path().join(file));
    }
    let store = rusqlite::Connection::open(copy.path().join("gateway.db")).unwrap();
    let list = std::fs::read_to_string(folder.join("sandbox.jsonl")).unwrap();
    let mut in_flight = 0;
    for id in accepted.values() {
        let body: String = store
            .query_row("SELECT body FROM record WHERE id = ?", [id], |row| row.get(0))
            .unwrap_or_else(|_| panic!("{id} was answered 201 and is not on disk"));
        let record: Value = serde_json::from_str(&body).unwrap();
        let delivery = &record["deliveries"][0];
        let submitted = list.contains(&format!("att_{}-1-", &id["ver_".len()..]));
        let at = match (delivery["state"].as_str().unwrap(), submitted) {
            ("queued", false) => Stood::BeforeSubmit,
            ("queued", true) => Stood::BetweenSubmitAndRecord,
            _ => Stood::AfterRecord,
        };
        in_flight += usize::from(at != Stood::AfterRecord);
        *stood.entry(at).or_default() += 1;
    }
    in_flight
}

/// Every accepted delivery arrives, each number gets one code, none after its time.
async fn all_arrive(gateway: &Gateway, accepted: &HashMap<String, String>) {
    let messages = until(Duration::from_secs(20), "the arrival of everything accepted", || async {
        let list = gateway.get("/sandbox/messages?limit=10000").await.expect(200);
        let mut by_number = HashMap::<String, Vec<Value>>::new();
        for message in list.as_array().unwrap() {
            by_number.entry(message["to"].as_str().unwrap().to_owned()).or_default().push(message.clone());
        }
        accepted.keys().all(|to| by_number.contains_key(to)).then_some(by_number)
    })
    .await;
    for (to, id) in accepted {
        let codes: Vec<_> = messages[to].iter().map(|message| code_in(message["body"].as_str().unwrap())).collect();
        assert!(codes.iter().all(|code| *code == codes[0]), "{id} got different codes");
        let expires = gateway.verification(id).await["expires_at"].as_str().unwrap().to_owned();
        assert!(messages[to].iter().all(|message| message["at"].as_str().unwrap() < expires.as_str()));
        codes.iter().for_each(|code| gateway.secret(code));
    }
    // One of them can still be checked.
    if let Some((to, id)) = accepted.iter().next() {
        let code = code_in(messages[to][0]["body"].as_str().unwrap());
        assert_eq!(gateway.check(id, &code).await.expect(200)["status"], "approved");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_expired_while_the_gateway_was_dead_is_not_sent() {
    let mut gateway = Gateway::demo();
    gateway.outcome(json!({ "channel": "sms", "outcome": "silent" })).await;
    let to = gateway.number();
    let id = gateway.start(&to).await;
    gateway.kill();
    let folder = gateway.data.clone();
    drop(gateway);
    let gateway = Gateway::setup().on(folder).argument("--relaxed-limits").faketime("+2h").start();
    gateway.send(gateway.request(reqwest::Method::DELETE, "/sandbox/outcomes")).await.expect(204);
    let verification = until(SOON, "expiry", || async {
        let verification = gateway.verification(&id).await;
        (verification["deliveries"][0]["state"] == "failed").then_some(verification)
    })
    .await;
    assert_eq!(verification["status"], "expired");
    assert_eq!(verification["deliveries"][0]["cause"], "expired_unsent");
    assert!(gateway.arrived(&to).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_rang_when_the_gateway_died_is_not_rung_again() {
    let gateway = Gateway::setup().option("OTP_DELIVERY__LEASE_SECONDS", "6").start();
    let to = gateway.number();
    let id = gateway.post("/v1/verifications", json!({ "to": to, "channel": "voice" })).await.id();
    gateway.delivery(&id, 1, "ringing").await;
    let gateway = gateway.kill_and_restart();
    let delivery = gateway.delivery(&id, 1, "failed").await;
    assert_eq!(delivery["cause"], "no_answer");
    assert_eq!(gateway.arrived(&to).await.len(), 1);
}
