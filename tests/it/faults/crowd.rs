//! Many messages over three carriers of which one fails, one is slow and one is fine: all
//! are delivered.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use serde_json::{Value, json};

use super::carriers;
use super::upstream::{Reply, Seen, Upstream};
use crate::gateway::until;

/// In a debug build the gateway is some ten times as slow.
const MESSAGES: usize = if cfg!(debug_assertions) { 1_000 } else { 10_000 };
/// Starts at the same time.
const AT_ONCE: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_messages_over_three_carriers_all_arrive() {
    let [failing, slow, fine] = [Upstream::start().await, Upstream::start().await, Upstream::start().await];
    failing.does(|_| Reply::json(500, json!({})));
    let (reports, mut told) = tokio::sync::mpsc::unbounded_channel::<String>();
    let taking = move |wait: u64| {
        let reports = reports.clone();
        move |seen: &Seen| {
            // Reported once it was answered.
            reports.send(seen.field("callback")).unwrap();
            Reply::taken("m").after(Duration::from_millis(wait))
        }
    };
    slow.does(taking(300));
    fine.does(taking(0));
    let own = "weight = 100";
    let (setup, _) = carriers(
        &[("failing", "acme", &failing, own), ("slow", "acme", &slow, own), ("fine", "acme", &fine, own)],
        "[routing]\nbreaker_seconds = 1\nbreaker_most_seconds = 2",
    );
    let gateway = setup.option("OTP_SANDBOX__LIST", "none").start();
    tokio::spawn(async move {
        let http = reqwest::Client::new();
        while let Some(callback) = told.recv().await {
            let http = http.clone();
            tokio::spawn(async move {
                let report = json!({ "reports": [{ "status": "delivered" }] });
                for _ in 0..50 {
                    let sent = http.post(&callback).json(&report).send().await;
                    if sent.is_ok_and(|answer| answer.status() == 200) {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            });
        }
    });
    let begun = Instant::now();
    let gateway = &gateway;
    let ids: Vec<String> = futures_util::stream::iter(0..MESSAGES)
        .map(|n| async move {
            // Numbers of its own: the others' come round after 10,000.
            let to = format!("+8190{}", 20_000_000 + n);
            if n % 500 == 0 {
                gateway.secret(&to[1..]);
            }
            gateway.start(&to).await
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let (mut split, mut reasons) = (BTreeMap::<String, usize>::new(), BTreeMap::<String, usize>::new());
    for id in &ids {
        let delivery: Value = until(Duration::from_secs(60), "a delivery", || async {
            let delivery = gateway.verification(id).await["deliveries"][0].clone();
            (delivery["state"] == "delivered").then_some(delivery)
        })
        .await;
        for attempt in delivery["attempts"].as_array().unwrap() {
            let name = format!("{} {}", attempt["carrier"].as_str().unwrap(), attempt["state"].as_str().unwrap());
            *split.entry(name).or_default() += 1;
            let reason = attempt["reason"].as_str().unwrap();
            *reasons.entry(reason.split(", of").next().unwrap().to_owned()).or_default() += 1;
        }
    }
    println!("{MESSAGES} messages in {:?}\n{split:#?}\n{reasons:#?}", begun.elapsed());
    let count = |name: &str| split.get(name).copied().unwrap_or(0);
    assert_eq!(count("slow delivered") + count("fine delivered"), MESSAGES);
    assert_eq!(count("failing delivered"), 0);
    // The breaker keeps nearly everything from the one that fails.
    assert!(count("failing unknown") < MESSAGES / 4, "{split:?}");
}
