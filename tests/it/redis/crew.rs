//! Several gateways over one Redis: real programs that come, hang and go.

use std::path::Path;
use std::time::{Duration, Instant};

use otp_gateway::carrier::sandbox::Item;
use otp_gateway::clock::Clock;
use otp_gateway::model::Ms;
use otp_gateway::seal::MasterKey;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::servers::Server;
use crate::gateway::{Gateway, SOON, Setup, until};

/// A Redis for gateways that share a master key.
pub struct Site {
    pub server: Server,
    master: String,
}

impl Site {
    pub async fn new() -> Site {
        Site { server: Server::start(&[]).await, master: MasterKey::generate().reveal().clone() }
    }

    /// One more gateway, to be changed before it starts.
    pub fn gateway(&self) -> Setup {
        let setup = Gateway::setup().argument("--relaxed-limits").argument("--store").argument(&self.server.url());
        setup.option("OTP_MASTER_KEY", &self.master)
    }
}

/// Stops a gateway as a machine without a processor would: its connections stay open.
pub fn pause(gateway: &Gateway) {
    signal(gateway, Signal::STOP);
    let (begun, stat) = (Instant::now(), format!("/proc/{}/stat", gateway.pid()));
    while !std::fs::read_to_string(&stat).expect("it is a child").contains(") T ") {
        assert!(begun.elapsed() < SOON, "the gateway did not stop");
        std::thread::sleep(Duration::from_millis(1));
    }
}

pub fn resume(gateway: &Gateway) {
    signal(gateway, Signal::CONT);
}

pub fn signal(gateway: &Gateway, signal: Signal) {
    let pid = i32::try_from(gateway.pid()).ok().and_then(Pid::from_raw).expect("a process");
    kill_process(pid, signal).expect("it runs");
}

/// A number that a gateway's metrics always tell.
pub async fn metric(gateway: &Gateway, name: &str) -> u64 {
    gateway.metric(name).await.unwrap_or_else(|| panic!("no {name} in the metrics"))
}

/// Waits until each gateway knows that so many live.
pub async fn see_each_other(gateways: &[Gateway]) {
    for gateway in gateways {
        until(SOON, "gateways that know each other", || async {
            (metric(gateway, "otp_gateways").await == gateways.len() as u64).then_some(())
        })
        .await;
    }
}

/// Waits until a gateway works on nothing.
pub async fn idle(gateway: &Gateway) {
    until(SOON, "a gateway that works on nothing", || async {
        (metric(gateway, "otp_deliveries_running").await == 0).then_some(())
    })
    .await;
}

/// What a gateway's carriers were given so far, from the list that it keeps, also
/// when it is dead.
pub fn given(folder: &Path) -> Vec<Item> {
    let text = std::fs::read_to_string(folder.join("sandbox.jsonl")).unwrap_or_default();
    let items =
        text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()?.get_mut("item").map(Value::take));
    items.map(|item| serde_json::from_value(item).expect("an item")).collect()
}

/// Tells a gateway's carriers what to do with every SMS.
pub async fn every_sms(gateway: &Gateway, outcome: &str, delay_ms: Ms) {
    gateway.outcome(json!({ "channel": "sms", "outcome": outcome, "delay_ms": delay_ms })).await;
}

/// This machine's clock, which is also that of the test's Redis.
pub fn now() -> Ms {
    Clock::System.now()
}
