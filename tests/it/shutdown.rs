//! Stopping, and starting again on the same data.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::command::run;
use crate::gateway::{Gateway, SOON};

/// `demo` on a folder, expected to fail with one line that holds these words.
async fn assert_refused(data: &Path, listen: &str, words: &[&str]) {
    let ran = run(&["demo", "--listen", listen, "--data", data.to_str().unwrap()], &[]).await;
    assert_eq!((ran.code, &*ran.out), (Some(1), ""), "{ran:?}");
    assert_eq!(ran.err.lines().count(), 1, "{ran:?}");
    assert!(words.iter().all(|word| ran.err.contains(word)), "{words:?} in {ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_gateway_stops_at_once() {
    let mut gateway = Gateway::demo();
    gateway.get("/healthz").await;
    assert!(gateway.terminate().await < Duration::from_secs(3));
    assert!(gateway.request_without_key(reqwest::Method::GET, "/healthz").send().await.is_err(), "nobody listens");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_waits_for_news_does_not_hold_it() {
    let mut gateway = Gateway::demo();
    let page = gateway.get("/sandbox/phones").await.expect(200);
    let waiting =
        gateway.request(reqwest::Method::GET, &format!("/sandbox/phones?after={}&wait_seconds=25", page["revision"]));
    let mut waiting = tokio::spawn(async move { waiting.send().await.map(drop) });
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut waiting).await.is_err(), "there is no news");
    assert!(gateway.terminate().await < Duration::from_secs(3), "whoever presses Ctrl-C does not wait for a browser");
    // Answered or closed: either is fine, waiting on is not.
    let _ = tokio::time::timeout(SOON, waiting).await.expect("the page's request ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_being_submitted_is_finished() {
    let mut gateway = Gateway::demo();
    let to = gateway.number();
    gateway.outcome(json!({ "to": to, "channel": "sms", "outcome": "slow", "delay_ms": 1000 })).await;
    let id = gateway.start(&to).await;
    gateway.terminate().await;
    let gateway = Gateway::setup().argument("--relaxed-limits").on_the_data_of(&gateway).start();
    let delivery = gateway.delivery(&id, 1, "delivered").await;
    assert_eq!(delivery["attempts"].as_array().unwrap().len(), 1, "the submit was finished, not repeated: {delivery}");
    assert_eq!(gateway.arrived(&to).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_that_waits_is_made_by_the_next_process() {
    let mut gateway = Gateway::demo();
    let to = gateway.number();
    gateway.outcome(json!({ "to": to, "channel": "sms", "outcome": "temporary_fault" })).await;
    let id = gateway.start(&to).await;
    crate::gateway::until(SOON, "a first round", || async {
        let attempts = gateway.verification(&id).await["deliveries"][0]["attempts"].as_array().unwrap().len();
        (attempts >= 2).then_some(())
    })
    .await;
    assert!(gateway.terminate().await < Duration::from_secs(3), "what only waits holds nothing up");
    let gateway = Gateway::setup().argument("--relaxed-limits").on_the_data_of(&gateway).start();
    gateway.delete(&format!("/sandbox/outcomes?to={}", to.replace('+', "%2B"))).await;
    gateway.delivery(&id, 1, "delivered").await;
    assert_eq!(gateway.arrived(&to).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_folder_serves_one_process() {
    let gateway = Gateway::demo();
    assert_refused(gateway.folder(), "127.0.0.1:0", &["gateway.db is in use by another process", "stop the other"])
        .await;
    let id = gateway.start(&gateway.number()).await;
    gateway.delivery(&id, 1, "delivered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_told_with_a_hint() {
    let gateway = Gateway::demo();
    let (elsewhere, address) = (tempfile::tempdir().unwrap(), gateway.url.trim_start_matches("http://"));
    assert_refused(elsewhere.path(), address, &[address, "cannot listen", "--listen"]).await;
    assert_refused(Path::new("/proc/no/such"), "127.0.0.1:0", &["/proc/no/such"]).await;
    gateway.start(&gateway.number()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_master_key_does_not_open_the_store() {
    let mut gateway = Gateway::demo();
    let id = gateway.start(&gateway.number()).await;
    gateway.terminate().await;
    let path = gateway.folder().join("master.key");
    let own = std::fs::read(&path).unwrap();
    for (foreign, words) in [
        (otp_gateway::seal::MasterKey::generate().reveal().as_str(), "sealed by a master key that is not given"),
        ("c2hvcnQ=", "32 random bytes in base64"),
    ] {
        std::fs::write(&path, foreign).unwrap();
        assert_refused(gateway.folder(), "127.0.0.1:0", &[words]).await;
    }
    std::fs::write(&path, own).unwrap();
    let again = Gateway::setup().on_the_data_of(&gateway).start();
    assert_eq!(again.verification(&id).await["status"], "pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_data_serves_the_same_and_another_key() {
    let mut gateway = Gateway::demo();
    let notes = gateway.folder().join("notes.txt");
    std::fs::write(&notes, "mine").unwrap();
    std::fs::create_dir(gateway.folder().join("old")).unwrap();
    let to = gateway.number();
    let id = gateway.start(&to).await;
    let code = gateway.code(&to).await;
    gateway.terminate().await;

    let mut gateway = Gateway::setup().on_the_data_of(&gateway).start();
    assert_eq!(gateway.verification(&id).await["status"], "pending");
    gateway.terminate().await;

    let mut gateway =
        Gateway::setup().argument("--api-key").argument("another-key-4f1").on_the_data_of(&gateway).start();
    assert_eq!(gateway.check(&id, &code).await.expect(200)["status"], "approved");
    gateway.key = crate::gateway::KEY.into();
    assert_eq!(gateway.get(&format!("/v1/verifications/{id}")).await.problem(), "unauthorized");
    assert_eq!(std::fs::read_to_string(&notes).unwrap(), "mine");
    assert!(gateway.folder().join("old").is_dir());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn what_holds_secrets_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let gateway = Gateway::demo();
    let to = gateway.number();
    gateway.start(&to).await;
    let code = gateway.code(&to).await;
    for name in ["master.key", "sandbox.jsonl"] {
        let mode = std::fs::metadata(gateway.folder().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}: {mode:o}");
    }
    for name in ["gateway.db", "gateway.db-wal"] {
        let bytes = std::fs::read(gateway.folder().join(name)).unwrap_or_default();
        for secret in [to.as_bytes(), &to.as_bytes()[1..], code.as_bytes()] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{name} holds a secret in clear");
        }
    }
}
