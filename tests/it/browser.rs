//! A real browser opens the sandbox phone, answers a call and hears it.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::gateway::{Gateway, KEY};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_answers_the_call_in_a_browser() {
    let gateway = Gateway::demo();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/sandbox.mjs");
    let run = Command::new("node").args([script, &gateway.url, KEY]).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(Duration::from_secs(120), run)
        .await
        .expect("the browser is done within two minutes")
        .expect("node starts; ./test installs it");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.lines().filter(|line| line.starts_with("ok: ")).count() >= 8, "{told}");
}
