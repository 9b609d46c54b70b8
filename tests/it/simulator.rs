//! `otp-gateway simulate`: a short, fixed part of the worlds that docs/simulator.md
//! measures, and how the command behaves.

use std::path::Path;

use serde_json::Value;

use crate::gateway::run;

fn scenario(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(format!("{name}.toml"));
    path.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_blocks_are_seen_and_routed_around() {
    let scenarios = ["block-honest", "block-lying", "block-no-receipts", "outage", "lift", "down"].map(scenario);
    let mut arguments = vec!["simulate", "--json", "--seeds", "20"];
    arguments.extend(scenarios.iter().map(String::as_str));
    let ran = run(&arguments, &[]).await;
    assert_eq!(
        ran.code,
        Some(0),
        "what a scenario expects does not hold: {}{}",
        ran.err,
        &ran.out[..ran.out.len().min(400)]
    );
    let report: Value = serde_json::from_str(&ran.out).expect("JSON");
    assert!(report.to_string().contains("oracle"), "the oracle is among the policies");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_wrong_nobody_cries_wolf() {
    let scenarios = ["stationary/honest-busy", "stationary/no-receipts", "all-well"].map(scenario);
    let mut arguments = vec!["simulate", "--policy", "ours", "--policy", "oracle", "--json"];
    arguments.extend(scenarios.iter().map(String::as_str));
    let ran = run(&arguments, &[]).await;
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
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
