//! Stopping, starting again, and what must not be started.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::gateway::{Gateway, SOON, program, until};

/// Runs the demo with these arguments until it ends by itself; what it said.
async fn fails(arguments: &[&str]) -> String {
    let mut child = Command::new(program())
        .arg("demo")
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = until(SOON, "its end", || {
        let ended = child.try_wait().unwrap();
        async move { ended }
    })
    .await;
    assert_eq!(status.code(), Some(1));
    let mut told = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut told).unwrap();
    assert_eq!(told.trim_end().lines().count(), 1, "one line: {told}");
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_ends_and_an_idle_gateway_stops_at_once() {
    let mut gateway = Gateway::demo();
    assert!(gateway.terminate().await < Duration::from_secs(3));

    let mut gateway = Gateway::demo();
    let slow = json!({ "channel": "sms", "outcome": "slow", "delay_ms": 1500 });
    gateway.outcome(slow).await;
    let to = gateway.number();
    let begun = Instant::now();
    let id = gateway.start(&to).await;
    gateway.terminate().await;
    assert!(begun.elapsed() >= Duration::from_millis(1_400), "it waited for what ran");
    let store = rusqlite::Connection::open(gateway.database()).unwrap();
    let body: String = store.query_row("SELECT body FROM record WHERE id = ?", [id], |row| row.get(0)).unwrap();
    let record: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(record["deliveries"][0]["state"], "submitted");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_store_serves_one_process() {
    let gateway = Gateway::demo();
    let folder = gateway.folder().to_str().unwrap();
    let told = fails(&["--listen", "127.0.0.1:0", "--data", folder]).await;
    assert!(told.contains("in use by another process"), "{told}");
    let other = tempfile::tempdir().unwrap();
    let address = gateway.url.strip_prefix("http://").unwrap();
    let told = fails(&["--listen", address, "--data", other.path().to_str().unwrap()]).await;
    assert!(told.contains("cannot listen") && told.contains("--listen"), "{told}");
    gateway.start(&gateway.number()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_master_key_is_refused_and_foreign_files_stay() {
    let mut gateway = Gateway::demo();
    std::fs::write(gateway.folder().join("notes.txt"), "mine").unwrap();
    gateway.start(&gateway.number()).await;
    gateway.terminate().await;
    let folder = gateway.data.clone();
    let path = folder.path().to_str().unwrap();
    let own = std::fs::read_to_string(folder.path().join("master.key")).unwrap();
    let foreign = otp_gateway::seal::MasterKey::generate();
    std::fs::write(folder.path().join("master.key"), foreign.reveal()).unwrap();
    let told = fails(&["--listen", "127.0.0.1:0", "--data", path]).await;
    assert!(told.contains("OTP_MASTER_KEY") && !told.contains(foreign.reveal()), "{told}");
    std::fs::write(folder.path().join("master.key"), "short").unwrap();
    assert!(fails(&["--listen", "127.0.0.1:0", "--data", path]).await.contains("32 random bytes"));
    std::fs::write(folder.path().join("master.key"), own).unwrap();

    // The same folder again, with the same key and with another.
    for key in ["demo-key", "another-key"] {
        let mut again = Gateway::setup().on(folder.clone()).argument("--api-key").argument(key).start();
        again.start(&again.number()).await;
        again.terminate().await;
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("notes.txt")).unwrap(), "mine");
    #[cfg(unix)]
    for file in ["master.key", "sandbox.jsonl"] {
        let mode = std::os::unix::fs::PermissionsExt::mode(&folder.path().join(file).metadata().unwrap().permissions());
        assert_eq!(mode & 0o077, 0, "{file} is readable by others");
    }
}
