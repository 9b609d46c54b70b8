//! An independent recogniser hears the codes in what a call plays.

use std::io::Write;
use std::process::Command;

use serde_json::json;

use crate::gateway::{Gateway, codes_spoken};

const CODES: usize = 20;

/// The recogniser's grammar: one phrase, digits, the same again; nothing else.
const SCRIPT: &str = r#"
[prompts]
code_is = "Your security code is"
again = "Again, your code is"
[digits]
0 = "zero"
1 = "one"
2 = "two"
3 = "three"
4 = "four"
5 = "five"
6 = "six"
7 = "seven"
8 = "eight"
9 = "nine"
[call]
gate = ["code_is"]
before_code = ["code_is"]
between = ["again"]
after = []
not_asked = ["code_is"]
no_key = ["code_is"]
repeats = 3
[gate]
wait_ms = 8000
repeats = 2
[pauses]
before_ms = 500
after_phrase_ms = 600
after_digit_ms = 300
between_repeats_ms = 700
after_ms = 500
"#;

#[tokio::test(flavor = "multi_thread")]
async fn twenty_random_codes_are_understood() {
    let python = std::env::var("OTP_TEST_PYTHON").expect("run ./test: it installs the recogniser and names its python");
    let templates = tempfile::tempdir().unwrap();
    std::fs::create_dir(templates.path().join("en")).unwrap();
    std::fs::write(templates.path().join("en/voice.toml"), SCRIPT).unwrap();
    let gateway = Gateway::setup()
        .argument("--relaxed-limits")
        .option("OTP_TEMPLATES__DIR", templates.path().to_str().unwrap())
        .option("OTP_VOICE__GATE", "false")
        .start();
    gateway.outcome(json!({ "channel": "voice", "outcome": "answers" })).await;

    let mut cases = String::new();
    for i in 0..CODES {
        let to = gateway.number();
        gateway.post("/v1/verifications", json!({ "to": to, "channel": "voice" })).await.expect(201);
        let call = gateway.nth(&to, 1).await;
        let codes = codes_spoken(call["spoken"].as_str().unwrap());
        assert_eq!(codes.len(), 3, "{call}");
        gateway.secret(&codes[0]);
        let request = gateway.request(reqwest::Method::GET, call["audio_url"].as_str().unwrap());
        let audio = request.send().await.unwrap().error_for_status().unwrap().bytes().await.unwrap();
        let file = templates.path().join(format!("call{i}.wav"));
        std::fs::write(&file, audio).unwrap();
        cases.push_str(&format!("{}\t{}\n", file.display(), codes[0]));
    }
    let list = templates.path().join("cases.tsv");
    std::fs::write(&list, cases).unwrap();
    let grader = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tools/grade_voice.py");
    let output = Command::new(python)
        .args([grader, "-v", "--digits", "6", "--repeats", "3", "--min", "0.95", "--list"])
        .arg(&list)
        .output()
        .expect("python starts");
    let told = String::from_utf8_lossy(&output.stdout);
    let _ = writeln!(std::io::stderr(), "{}", told.lines().last().unwrap_or_default());
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
}
