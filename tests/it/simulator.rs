//! `otp-gateway simulate`: a short, fixed part of the worlds that docs/simulator.md
//! measures, and how the command behaves.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::command::{run, run_within};

fn scenario(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(format!("{name}.toml"));
    path.to_str().unwrap().to_owned()
}

/// Runs scenarios of the folder; each must end as it expects.
async fn hold(seeds: &str, policies: &[&str], scenarios: &[&str]) -> Value {
    let scenarios: Vec<String> = scenarios.iter().copied().map(scenario).collect();
    let mut arguments = vec!["simulate", "--json", "--seeds", seeds];
    policies.iter().for_each(|policy| arguments.extend(["--policy", policy]));
    arguments.extend(scenarios.iter().map(String::as_str));
    // Some ten seconds where the program is optimized.
    let ran = run_within(Duration::from_secs(300), &arguments, &[]).await;
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "what a scenario expects does not hold");
    serde_json::from_str(&ran.out).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_blocks_are_seen_and_routed_around() {
    let report = hold("20", &[], &["block-honest", "block-lying", "outage", "lift", "down"]).await;
    assert!(report.to_string().contains("oracle"), "the oracle is among the policies");
    // The p95 of twenty runs would be the luck of one of them.
    hold("100", &[], &["block-no-receipts"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_wrong_nobody_cries_wolf() {
    let plain = ["ours", "oracle"];
    hold("1", &plain, &["stationary/honest-busy", "stationary/no-receipts"]).await;
    hold("20", &plain, &["all-well"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_scenario_is_one_line_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wrong.toml");
    std::fs::write(&file, "name = \"x\"\nhours = 1e99\n").unwrap();
    let ran = run(&["simulate", file.to_str().unwrap()], &[]).await;
    assert_eq!((ran.code, ran.err.lines().count()), (Some(1), 1), "{}", ran.err);
    assert!(ran.err.contains("wrong.toml"), "{}", ran.err);
    let gone = run(&["simulate", "no-such-file.toml"], &[]).await;
    assert!(gone.code == Some(1) && gone.err.contains("no-such-file.toml"), "{}", gone.err);
}
