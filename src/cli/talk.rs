//! `send`, `check` and `status` against a running gateway.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::Client;
use super::{Failure, GatewayArgs, SendArgs, runtime};

pub fn send(args: SendArgs) -> Result<bool, Failure> {
    runtime()?.block_on(async {
        let client = Client::new(&args.gateway)?;
        let mut body = json!({ "to": args.number, "asked_by": "system" });
        if let Some(channel) = args.channel {
            body["channel"] = channel.as_str().into();
        }
        for (name, value) in [("locale", &args.locale), ("subject", &args.subject)] {
            if let Some(value) = value {
                body[name] = value.as_str().into();
            }
        }
        let verification = client.post("/v1/verifications", &body).await?.success()?;
        let path = format!("/v1/verifications/{}", text(&verification, "id"));
        let mut shown = Shown { quiet: args.gateway.json, lines: HashSet::new() };
        shown.line(&format!("{} to {}", text(&verification, "id"), text(&verification, "to_masked")));
        let ends = Instant::now() + Duration::from_secs(args.wait);
        let mut verification = verification;
        loop {
            shown.deliveries(&verification);
            if all_ended(&verification) || Instant::now() >= ends {
                break;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
            verification = client.get(&path).await?.success()?;
        }
        if args.gateway.json {
            println!("{verification}");
        } else if !all_ended(&verification) && args.wait > 0 {
            println!(
                "no receipt after {} s; look again with `otp-gateway status {}`",
                args.wait,
                text(&verification, "id")
            );
        }
        let failed = deliveries(&verification).last().is_some_and(|last| text(last, "state") == "failed");
        Ok(!failed)
    })
}

pub fn check(id: &str, code: &str, gateway: &GatewayArgs) -> Result<bool, Failure> {
    runtime()?.block_on(async {
        let reply = Client::new(gateway)?
            .post(&format!("/v1/verifications/{}/check", plain(id)?), &json!({ "code": code }))
            .await?;
        if gateway.json {
            println!("{}", reply.body);
            return Ok(reply.ok && reply.body["status"] == "approved");
        }
        let answer = reply.success()?;
        if answer["status"] == "approved" {
            println!("approved");
            return Ok(true);
        }
        let reason = text(&answer, "reason").replace('_', " ");
        println!("{}: {reason}, {} tries left", text(&answer, "status"), answer["attempts_left"]);
        Ok(false)
    })
}

pub fn status(id: &str, gateway: &GatewayArgs) -> Result<bool, Failure> {
    runtime()?.block_on(async {
        let kind = if id.starts_with("msg_") { "messages" } else { "verifications" };
        let record = Client::new(gateway)?.get(&format!("/v1/{kind}/{}", plain(id)?)).await?.success()?;
        if gateway.json {
            println!("{record}");
            return Ok(true);
        }
        println!("{} to {}", text(&record, "id"), text(&record, "to_masked"));
        if let Some(status) = record["status"].as_str() {
            println!("  {status}, {} tries left, expires {}", record["attempts_left"], text(&record, "expires_at"));
        }
        for channel in ["sms", "voice"] {
            let state = &record["channels"][channel];
            match (state["available"].as_bool(), state["reason"].as_str()) {
                (Some(true), _) => println!("  {channel}: may be sent now"),
                (Some(false), Some(reason)) => {
                    let wait =
                        state["retry_after_seconds"].as_u64().map(|s| format!(", again in {s} s")).unwrap_or_default();
                    println!("  {channel}: not now ({reason}{wait})");
                }
                _ => {}
            }
        }
        Shown { quiet: false, lines: HashSet::new() }.deliveries(&record);
        Ok(true)
    })
}

/// An id goes into an address as it is.
fn plain(id: &str) -> Result<&str, Failure> {
    let fits = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && !id.is_empty();
    if fits { Ok(id) } else { Err("an id looks like ver_00f3… or msg_00f3…".into()) }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn deliveries(record: &Value) -> &[Value] {
    record["deliveries"].as_array().map_or(&[], Vec::as_slice)
}

fn all_ended(record: &Value) -> bool {
    let ended = |delivery: &Value| matches!(text(delivery, "state"), "delivered" | "failed" | "canceled");
    deliveries(record).iter().all(ended)
}

/// What was printed: each change once.
struct Shown {
    quiet: bool,
    lines: HashSet<String>,
}

impl Shown {
    fn line(&mut self, line: &str) {
        if !self.quiet && self.lines.insert(line.to_owned()) {
            println!("{line}");
        }
    }

    fn deliveries(&mut self, record: &Value) {
        for (i, delivery) in deliveries(record).iter().enumerate() {
            for attempt in delivery["attempts"].as_array().map_or(&[][..], Vec::as_slice) {
                let cause = attempt["cause"].as_str().map(|cause| format!(" ({cause})")).unwrap_or_default();
                let (carrier, state) = (text(attempt, "carrier"), text(attempt, "state"));
                self.line(&format!("    {}. {carrier}: {state}{cause}; {}", i + 1, text(attempt, "reason")));
            }
            let cause = delivery["cause"].as_str().map(|cause| format!(" ({cause})")).unwrap_or_default();
            let advice =
                delivery["advice"].as_str().map(|a| format!(", advice: {}", a.replace('_', " "))).unwrap_or_default();
            self.line(&format!(
                "  {}. {}: {}{cause}{advice}",
                i + 1,
                text(delivery, "channel"),
                text(delivery, "state")
            ));
        }
    }
}
