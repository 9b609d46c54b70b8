//! The program's commands: what they print, and how they end.

use std::path::Path;

use serde_json::{Value, json};

use crate::command::{Ran, run};
use crate::gateway::{Gateway, tells, wrong};

/// A command against a running gateway.
async fn ask(gateway: &Gateway, arguments: &[&str]) -> Ran {
    let ran = run(arguments, &[("OTP_URL", &*gateway.url), ("OTP_API_KEY", &*gateway.key)]).await;
    assert!(!tells(&ran.out, &gateway.key) && !tells(&ran.err, &gateway.key));
    ran
}

/// A failure: exit code 1, nothing on standard output, one line that holds all these words.
#[track_caller]
fn assert_failed(ran: &Ran, words: &[&str]) {
    assert_eq!((ran.code, &*ran.out), (Some(1), ""), "{ran:?}");
    assert_eq!(ran.err.lines().count(), 1, "{ran:?}");
    assert!(ran.err.starts_with("otp-gateway: ") && words.iter().all(|word| ran.err.contains(word)), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_sent_checked_and_looked_at() {
    let gateway = Gateway::demo();
    let to = gateway.number();
    let sent = ask(&gateway, &["send", &to]).await;
    assert_eq!((sent.code, &*sent.err), (Some(0), ""), "{sent:?}");
    let id = sent.out.split_whitespace().next().unwrap().to_owned();
    let masked = format!("+81********{}", &to[to.len() - 2..]);
    assert_eq!(sent.out.lines().next().unwrap(), format!("{id} to {masked}"));
    let at =
        |line: &str| sent.out.lines().position(|own| own == line).unwrap_or_else(|| panic!("{line:?} in {sent:?}"));
    at("  1. sms: delivered");
    assert!(sent.out.contains("1. sandbox-") && sent.out.contains("drawn by weight"), "{sent:?}");

    let code = gateway.code(&to).await;
    let missed = ask(&gateway, &["check", &id, &wrong(&code)]).await;
    assert_eq!((missed.code, &*missed.out), (Some(1), "pending: wrong code, 4 tries left\n"));
    let status = ask(&gateway, &["status", &id]).await;
    assert_eq!(status.code, Some(0));
    for words in
        [&*format!("{id} to {masked}"), "pending, 4 tries left", "sms: not now (limit", "voice: may be sent now"]
    {
        assert!(status.out.contains(words), "{words:?} in {status:?}");
    }
    let matched = ask(&gateway, &["check", &id, &code]).await;
    assert_eq!((matched.code, &*matched.out), (Some(0), "approved\n"));
    assert_failed(&ask(&gateway, &["check", &id, &code]).await, &["already_approved", "start a new verification"]);
    for ran in [&sent, &missed, &status, &matched] {
        assert!(!tells(&ran.out, &to[1..]) && !tells(&ran.out, &code), "{ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_get_json_and_exit_codes() {
    let gateway = Gateway::demo();
    let (to, silent) = (gateway.number(), gateway.number());
    let sent = ask(&gateway, &["send", &to, "--json", "--subject", "login 7", "--locale", "en"]).await;
    let verification: Value = serde_json::from_str(&sent.out).unwrap();
    assert_eq!((sent.code, &verification["deliveries"][0]["state"]), (Some(0), &json!("delivered")));
    let id = verification["id"].as_str().unwrap();
    let code = gateway.code(&to).await;
    let missed = ask(&gateway, &["check", id, &wrong(&code), "--json"]).await;
    assert_eq!(missed.code, Some(1));
    assert_eq!(serde_json::from_str::<Value>(&missed.out).unwrap()["reason"], "wrong_code");
    let matched = ask(&gateway, &["check", id, &code, "--json"]).await;
    assert_eq!(matched.code, Some(0));
    assert_eq!(serde_json::from_str::<Value>(&matched.out).unwrap()["status"], "approved");
    let status = ask(&gateway, &["status", id, "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&status.out).unwrap()["id"], id);
    let message = gateway.post("/v1/messages", json!({ "to": gateway.number(), "text": "Hello" })).await.id();
    assert!(ask(&gateway, &["status", &message]).await.out.starts_with(&message));

    gateway.outcome(json!({ "to": silent, "channel": "sms", "outcome": "never_arrives" })).await;
    let unheard = ask(&gateway, &["send", &silent, "--wait", "1"]).await;
    assert_eq!(unheard.code, Some(0));
    assert!(unheard.out.contains("no receipt after 1 s; look again with `otp-gateway status ver_"), "{unheard:?}");
    gateway.outcome(json!({ "to": silent, "channel": "voice", "outcome": "busy" })).await;
    let busy = ask(&gateway, &["send", &silent, "--channel", "voice"]).await;
    assert_eq!(busy.code, Some(1));
    assert!(busy.out.contains("1. voice: failed (busy), advice: try again"), "{busy:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_one_line_with_a_hint() {
    let gateway = Gateway::demo();
    let to = gateway.number();
    assert_failed(&run(&["send", &to, "--url", &gateway.url], &[]).await, &["no API key", "OTP_API_KEY"]);
    let elsewhere = ["send", &to, "--url", "http://127.0.0.1:1", "--api-key", "x"];
    assert_failed(&run(&elsewhere, &[]).await, &["http://127.0.0.1:1", "is the gateway running?"]);
    let unknown = run(&["send", &to, "--url", &gateway.url, "--api-key", "not-this-one"], &[]).await;
    assert_failed(&unknown, &["unauthorized", "this API key is not known"]);
    assert!(!unknown.err.contains("not-this-one"));
    let bad = ask(&gateway, &["send", "+8190123"]).await;
    assert_failed(&bad, &["invalid_number", "too few digits in JP"]);
    assert!(!bad.err.contains("8190123"));
    assert_failed(&ask(&gateway, &["status", "ver_00000000000000000000000000"]).await, &["not_found"]);
    assert_failed(&ask(&gateway, &["check", "../metrics", "123456"]).await, &["an id looks like ver_"]);
    let unclear = ask(&gateway, &["send", &to, "--channel", "fax"]).await;
    assert_eq!((unclear.code, &*unclear.out), (Some(2), ""));
    assert!(unclear.err.contains("use sms or voice"), "{unclear:?}");
    assert_eq!(run(&[], &[]).await.code, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_has_help_with_an_example() {
    let mut groups: Vec<Vec<String>> = vec![Vec::new()];
    let mut commands = 0;
    while let Some(group) = groups.pop() {
        let arguments: Vec<&str> = group.iter().map(String::as_str).chain(["--help"]).collect();
        let help = run(&arguments, &[]).await;
        assert_eq!((help.code, &*help.err), (Some(0), ""), "{arguments:?}");
        if let Some((_, listed)) = help.out.split_once("Commands:\n") {
            let names =
                listed.lines().take_while(|line| line.starts_with("  ")).filter_map(|l| l.split_whitespace().next());
            groups.extend(names.filter(|name| *name != "help").map(|name| [group.clone(), vec![name.into()]].concat()));
        } else {
            assert!(help.out.contains("Example:\n"), "{arguments:?}: {}", help.out);
            assert!(help.out.contains(&format!("otp-gateway {}", group.join(" "))), "{arguments:?}: {}", help.out);
            commands += 1;
        }
    }
    assert!(commands >= 10, "{commands}");
    assert!(run(&["--version"], &[]).await.out.contains(env!("CARGO_PKG_VERSION")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_is_checked_before_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let file = |text: &str| {
        let path = folder.path().join("otp.toml");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let defaults = run(&["config", "defaults"], &[]).await;
    let path = file(&defaults.out);
    let round = run(&["config", "check", "--config", &path], &[]).await;
    assert_eq!((round.code, &*round.err), (Some(0), ""), "{round:?}");
    assert!(round.out.ends_with("configuration is good\n") && round.out.contains("warning: "), "{round:?}");

    let path = file("[countries]\nallow = [\"JP\"]\n[[tenants]]\nname = \"shop\"\n");
    let good: Value =
        serde_json::from_str(&run(&["config", "check", "--config", &path, "--json"], &[]).await.out).unwrap();
    assert_eq!((&good["ok"], &good["tenants"][0]["tenant"]), (&json!(true), &json!("shop")));
    assert!((100..200).contains(&good["tenants"][0]["guesses_a_day"].as_u64().unwrap()), "{good}");

    for (text, line, words) in [
        ("[server]\nlissten = \"x\"\n", 2, "did you mean listen?"),
        ("[verification]\n\ncode_length = 4\n", 3, "short_codes"),
        ("[limits.number]\ndeliveries = \"often\"\n", 2, "write count/span"),
        ("[server\n", 1, ""),
        ("[seal]\nmaster_key = \"${OTP_NOT_SET}\"\n", 2, "OTP_NOT_SET"),
    ] {
        let path = file(text);
        assert_failed(&run(&["config", "check", "--config", &path], &[]).await, &[&format!("{path}:{line}: "), words]);
        assert_failed(&run(&["serve", "--config", &path], &[]).await, &[&format!("{path}:{line}: ")]);
    }
    assert_failed(
        &run(&["config", "check", "--config", "/no/such.toml"], &[]).await,
        &["/no/such.toml", "cannot be read"],
    );
    let hash =
        file("[[tenants]]\nname = \"a\"\n[[keys]]\ntenant = \"a\"\nowner = \"b\"\nscopes = [\"ops\"]\nhash = \"x\"\n");
    let bad = run(&["config", "check", "--config", &hash], &[]).await;
    assert_eq!(bad.code, Some(1));
    assert!(bad.out.contains("problem: key of \"b\"") && bad.out.contains("keys new"), "{bad:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_sets_any_option() {
    for (name, value) in [
        ("OTP_SERVER__LISTEN", "127.0.0.1:9"),
        ("OTP_VERIFICATION__TTL_SECONDS", "300"),
        ("OTP_VOICE__GATE", "false"),
        ("OTP_COUNTRIES__ALLOW", "JP, US"),
        ("OTP_LIMITS__WIDE__ADDRESS", "5/h,10/d"),
        ("OTP_LIMITS__WIDE__ADDRESS", ""),
        ("OTP_LIMITS__NUMBER__DAY_WAITS_MINUTES", "5,10"),
    ] {
        let ran = run(&["config", "check"], &[(name, value)]).await;
        assert_eq!((ran.code, &*ran.err), (Some(0), ""), "{name}={value:?}: {ran:?}");
    }
    for (name, value, told) in [
        ("OTP_SERVER__LISTENS", "x", "OTP_SERVER__LISTENS"),
        ("OTP_VERIFICATION__TTL_SECONDS", "soon", "OTP_VERIFICATION__TTL_SECONDS"),
        ("OTP_VERIFICATION__TTL_SECONDS", "5", "ttl_seconds"),
        ("OTP_SERVER__LISTEN", "nowhere", "server.listen"),
    ] {
        assert_failed(&run(&["config", "check"], &[(name, value)]).await, &[told]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_written_to_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let (with_gate, without) = (path.to_str().unwrap(), folder.path().join("short.wav"));
    let made = run(&["voice", "render", "482917", "--out", with_gate], &[]).await;
    assert_eq!((made.code, &*made.err), (Some(0), ""), "{made:?}");
    assert!(made.out.starts_with(with_gate) && made.out.contains("spoken in en") && !made.out.contains("482917"));
    let short = run(&["voice", "render", "482917", "--out", without.to_str().unwrap(), "--no-gate"], &[]).await;
    assert_eq!(short.code, Some(0));
    let length = |path: &Path| {
        let wav = std::fs::read(path).unwrap();
        assert!(wav.starts_with(b"RIFF") && &wav[8..12] == b"WAVE");
        assert_eq!(u32::from_le_bytes(wav[4..8].try_into().unwrap()) as usize, wav.len() - 8);
        wav.len()
    };
    assert!(length(&path) > length(&without) + 8_000, "the gate takes more than a second");
    assert_failed(&run(&["voice", "render", "48291a", "--out", with_gate], &[]).await, &["4 to 10 digits"]);
    assert_failed(
        &run(&["voice", "render", "482917", "--out", "/no/such/call.wav"], &[]).await,
        &["/no/such/call.wav"],
    );
}
