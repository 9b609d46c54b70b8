//! `bench` against a running gateway, and `health`.

use crate::command::run;
use crate::gateway::{Gateway, KEY};

#[tokio::test]
async fn bench_measures_every_step_and_tells_what_went_wrong() {
    let gateway = Gateway::demo();
    let load = ["bench", "--url", &gateway.url, "--rate", "20", "--seconds", "2", "--connections", "4", "--json"];
    let ran = run(&load, &[("OTP_API_KEY", KEY)]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    for step in ["start", "delivered", "check", "whole"] {
        let measured = &told["steps"][step];
        assert_eq!(measured["count"], 40, "{step}: {told}");
        assert!(measured["p50_ms"].as_f64() > Some(0.0) && measured["p99_ms"].as_f64() >= measured["p50_ms"].as_f64());
    }
    assert_eq!(told["errors"], serde_json::json!({}), "{told}");

    // With the demo's own limits a block of neighbouring numbers is soon full.
    let limited = Gateway::setup().option("OTP_LIMITS__WIDE__TENANT", "10/h").start();
    let load = ["bench", "--url", &limited.url, "--rate", "20", "--seconds", "2", "--starts-only"];
    let ran = run(&load, &[("OTP_API_KEY", KEY)]).await;
    assert_eq!(ran.code, Some(1), "{}", ran.out);
    assert!(ran.out.contains("limit_tenant") && ran.err.contains("--relaxed-limits"), "{} {}", ran.out, ran.err);
}

#[tokio::test]
async fn health_is_an_exit_code_and_a_line() {
    let mut gateway = Gateway::demo();
    let url = gateway.url.clone();
    assert_eq!(run(&["health", "--url", &url], &[]).await.code, Some(0));
    gateway.kill();
    let ran = run(&["health", "--url", &url], &[]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.lines().count() == 1 && ran.err.contains("cannot be reached"), "{}", ran.err);
}
