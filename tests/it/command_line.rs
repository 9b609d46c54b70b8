//! The command line against a running gateway, and without one.

use std::io::Write;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::gateway::{Gateway, program};

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(program());
    command.args(arguments).env_remove("OTP_API_KEY").env_remove("OTP_URL");
    command.envs(variables.iter().copied()).output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The one line on standard error.
#[track_caller]
fn complaint(output: &Output) -> String {
    let line = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!((output.status.code(), line.trim_end().lines().count()), (Some(1), 1), "{line}");
    line
}

#[tokio::test(flavor = "multi_thread")]
async fn send_check_and_status_talk_to_a_gateway() {
    let gateway = Gateway::demo();
    let variables = [("OTP_URL", gateway.url.as_str()), ("OTP_API_KEY", "demo-key")];
    gateway.outcome(json!({ "channel": "voice", "outcome": "answers", "key": "1", "delay_ms": 50 })).await;
    let to = gateway.number();
    let sent = run(&["send", &to, "--wait", "10"], &variables);
    let text = told(&sent);
    assert_eq!(sent.status.code(), Some(0), "{text}");
    assert!(text.contains("1. sms: delivered") && !text.contains(&to[1..]), "{text}");
    let called = run(&["send", &gateway.number(), "--channel", "voice", "--json"], &variables);
    let record: Value = serde_json::from_slice(&called.stdout).unwrap();
    assert_eq!(record["deliveries"][0]["state"], "delivered");

    let id = text.split_whitespace().next().unwrap();
    let code = gateway.code(&to).await;
    let wrong = run(&["check", id, &crate::gateway::wrong(&code)], &variables);
    assert_eq!((wrong.status.code(), told(&wrong).trim_end()), (Some(1), "pending: wrong code, 4 tries left"));
    let status = run(&["status", id], &variables);
    assert!(told(&status).contains("pending, 4 tries left") && told(&status).contains("voice: may be sent now"));
    let right = run(&["check", id, &code], &variables);
    assert_eq!((right.status.code(), told(&right).trim_end()), (Some(0), "approved"));
    assert!(complaint(&run(&["check", id, &code], &variables)).contains("already_approved"));
    let json_status = run(&["status", id, "--json"], &variables);
    assert_eq!(serde_json::from_slice::<Value>(&json_status.stdout).unwrap()["status"], "approved");

    let failing = gateway.number();
    gateway.outcome(json!({ "to": failing, "channel": "sms", "outcome": "refused", "cause": "invalid_number" })).await;
    let failed = run(&["send", &failing], &variables);
    assert_eq!(failed.status.code(), Some(1));
    assert!(told(&failed).contains("failed (invalid_number), advice: check number"), "{}", told(&failed));
    assert!(complaint(&run(&["send", "12"], &variables)).contains("invalid_number"));
    assert!(complaint(&run(&["status", "ver_x/../y"], &variables)).contains("an id looks like"));
    let foreign = [variables[0], ("OTP_API_KEY", "wrong")];
    assert!(complaint(&run(&["status", id], &foreign)).contains("unauthorized"));
}

#[test]
fn without_a_gateway_or_a_key_one_line_says_what_to_do() {
    assert!(complaint(&run(&["status", "ver_x"], &[])).contains("OTP_API_KEY"));
    let nobody = [("OTP_URL", "http://127.0.0.1:9"), ("OTP_API_KEY", "x")];
    assert!(complaint(&run(&["send", "+819012345678"], &nobody)).contains("is the gateway running?"));
    assert_eq!(run(&["send"], &[]).status.code(), Some(2));
    assert_eq!(run(&["nonsense"], &[]).status.code(), Some(2));
}

#[test]
fn configurations_are_checked_without_starting_anything() {
    let defaults = run(&["config", "defaults"], &[]);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&defaults.stdout).unwrap();
    let path = file.path().to_str().unwrap();
    let good = run(&["config", "check", "--config", path], &[]);
    assert_eq!(good.status.code(), Some(0), "{}", told(&good));
    assert!(told(&good).contains("configuration is good"));

    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"[server]\n\nlissten = \"x\"\n").unwrap();
    let path = file.path().to_str().unwrap();
    let bad = complaint(&run(&["config", "check", "--config", path], &[]));
    assert!(bad.contains(&format!("{path}:3: unknown option server.lissten, did you mean listen?")), "{bad}");
    assert!(complaint(&run(&["serve", "--config", path], &[])).contains("did you mean"));

    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"[[tenants]]\nname = \"shop\"\n[tenants.verification]\nshort_codes = true\ncode_length = 4\n")
        .unwrap();
    let odds = told(&run(&["config", "check", "--config", file.path().to_str().unwrap()], &[]));
    assert!(odds.contains("tenant shop: a stranger may guess"), "{odds}");
}

#[test]
fn words_and_sound_can_be_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("call.wav");
    let made = run(&["voice", "render", "482917", "--out", out.to_str().unwrap()], &[]);
    assert_eq!(made.status.code(), Some(0));
    assert!(std::fs::read(&out).unwrap().starts_with(b"RIFF"));
    assert!(!told(&made).contains("482917"));
    assert_eq!(told(&run(&["templates", "lint"], &[])).trim_end(), "templates are good");
    assert!(complaint(&run(&["voice", "render", "4829x7", "--out", "x"], &[])).contains("4 to 10 digits"));
}

#[test]
fn every_command_has_help_with_an_example() {
    let commands: [&[&str]; 10] = [
        &["demo"],
        &["serve"],
        &["config", "check"],
        &["config", "defaults"],
        &["keys", "new"],
        &["send"],
        &["check"],
        &["status"],
        &["templates", "lint"],
        &["voice", "render"],
    ];
    for command in commands {
        let help = told(&run(&[command, &["--help"]].concat(), &[]));
        assert!(help.contains("Example:\n  "), "{command:?}: {help}");
    }
}
