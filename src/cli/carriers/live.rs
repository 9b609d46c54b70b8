//! What a running gateway tells about its carriers.

use std::collections::BTreeSet;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::cli::client::Client;
use crate::cli::table::Table;
use crate::cli::{Failure, GatewayArgs, runtime};
use crate::model::Channel;

pub fn list(gateway: &GatewayArgs) -> Result<bool, Failure> {
    let body = runtime()?.block_on(async { Client::new(gateway)?.get("/v1/carriers").await?.success() })?;
    if gateway.json {
        println!("{body}");
        return Ok(true);
    }
    let carriers = body["carriers"].as_array().cloned().unwrap_or_default();
    if carriers.is_empty() {
        println!("no carrier is configured; see [carriers.NAME] in `otp-gateway config defaults`");
        return Ok(true);
    }
    let mut table = Table::new(["CARRIER", "PROFILE", "WEIGHT", "CHANNELS", "BREAKER"]);
    for carrier in &carriers {
        let channels = carrier["channels"].as_object().map(|channels| channels.keys().cloned().collect::<Vec<_>>());
        table.row([
            text(&carrier["name"]),
            text(&carrier["profile"]),
            carrier["weight"].to_string(),
            channels.unwrap_or_default().join(", "),
            breaker(carrier),
        ]);
    }
    print!("{table}");
    for carrier in &carriers {
        for (what, address) in carrier["addresses"].as_object().into_iter().flatten() {
            println!("\n{} posts {what} to\n  {}", text(&carrier["name"]), text(address));
        }
    }
    Ok(true)
}

pub fn status(
    country: Option<String>,
    channel: Option<Channel>,
    hours: u64,
    watch: bool,
    gateway: &GatewayArgs,
) -> Result<bool, Failure> {
    let path = path_of(hours, country, channel)?;
    runtime()?.block_on(async {
        let client = Client::new(gateway)?;
        loop {
            let body = client.get(&path).await?.success()?;
            if gateway.json {
                println!("{body}");
            } else {
                if watch {
                    // Clears the screen and goes to its top (ECMA-48, ED and CUP).
                    print!("\x1b[2J\x1b[H");
                }
                print!("{}", shown(&body));
            }
            if !watch {
                return Ok(true);
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    })
}

/// Where the figures are.
fn path_of(hours: u64, country: Option<String>, channel: Option<Channel>) -> Result<String, Failure> {
    let mut path = format!("/v1/carriers?hours={hours}");
    if let Some(country) = country {
        if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return Err(Failure(format!("{country:?} is not a two-letter country such as JP")));
        }
        path.push_str(&format!("&country={}", country.to_uppercase()));
    }
    if let Some(channel) = channel {
        path.push_str(&format!("&channel={channel}"));
    }
    Ok(path)
}

pub fn explain(
    country: Option<String>,
    network: Option<String>,
    channel: Option<Channel>,
    all: bool,
    gateway: &GatewayArgs,
) -> Result<bool, Failure> {
    let of = network.as_ref().and_then(|network| network.split_once('/')).map(|(country, _)| country.to_owned());
    let there = path_of(1, country.or(of), channel)?;
    let mut path = there.clone();
    if let Some(network) = &network {
        path.push_str(&format!("&network={}", utf8_percent_encode(network, NON_ALPHANUMERIC)));
    }
    if all {
        path.push_str("&all=true");
    }
    let (runtime, client) = (runtime()?, Client::new(gateway)?);
    let ask = |path: &str| -> Result<Vec<Value>, Failure> {
        let body = runtime.block_on(async { client.get(path).await?.success() })?;
        Ok(body["cells"].as_array().cloned().unwrap_or_default())
    };
    let cells = ask(&path)?;
    if gateway.json {
        println!("{}", Value::from(cells));
        return Ok(true);
    }
    if let Some(network) = network.filter(|_| cells.iter().all(|cell| cell["since"].is_null())) {
        let known: BTreeSet<String> =
            ask(&format!("{there}&all=true"))?.iter().map(|cell| text(&cell["network"])).collect();
        let known: Vec<String> = known.into_iter().collect();
        println!(
            "nothing has been sent to {network}{} yet{}",
            channel.map(|channel| format!(" by {channel}")).unwrap_or_default(),
            if known.is_empty() { String::new() } else { format!("; known here: {}", known.join(", ")) }
        );
    } else if cells.is_empty() {
        println!(
            "{}",
            match all {
                true => "nothing has been sent yet",
                false => "everything is as usual; --all shows it, --network what is known of one network",
            }
        );
    }
    for cell in &cells {
        let sender = cell["sender"].as_str().map(|sender| format!(" as {sender}")).unwrap_or_default();
        let (carrier, channel, network) = (text(&cell["carrier"]), text(&cell["channel"]), text(&cell["network"]));
        println!("{carrier}{sender}, {channel} to {network}\n  {}", text(&cell["sentence"]));
    }
    Ok(true)
}

fn shown(body: &Value) -> String {
    let carriers = body["carriers"].as_array().cloned().unwrap_or_default();
    if carriers.is_empty() {
        return "no carrier is configured; see [carriers.NAME] in `otp-gateway config defaults`\n".into();
    }
    let mut table = Table::new([
        "CARRIER",
        "CHANNEL",
        "BREAKER",
        "SUBMITS",
        "ACCEPTED",
        "DELIVERED",
        "RECEIPT p50/p95",
        "RING p50/p95",
        "PACE",
        "SPENT",
    ]);
    let mut causes = String::new();
    for carrier in &carriers {
        let mut spent = carrier["spent"].as_object().into_iter().flatten();
        let spent: Vec<String> =
            spent.by_ref().map(|(currency, amount)| format!("{} {currency}", text(amount))).collect();
        for (i, (channel, of)) in carrier["channels"].as_object().into_iter().flatten().enumerate() {
            table.row([
                text(&carrier["name"]),
                channel.clone(),
                breaker(carrier),
                of["submits"].to_string(),
                percent(&of["accept_rate"]),
                percent(&of["delivery_rate"]),
                times(&of["receipt_ms"]),
                times(&of["ring_ms"]),
                of["pace"].as_str().unwrap_or("any").to_owned(),
                if i == 0 && !spent.is_empty() { spent.join(", ") } else { "-".into() },
            ]);
            let all = of["causes"].as_object().into_iter().flatten();
            let all: Vec<String> = all.map(|(cause, count)| format!("{count} {cause}")).collect();
            if !all.is_empty() {
                causes.push_str(&format!("{} {channel} failed: {}\n", text(&carrier["name"]), all.join(", ")));
            }
        }
    }
    format!("last {} hours, all gateways\n{table}{causes}", body["hours"])
}

fn breaker(carrier: &Value) -> String {
    match carrier["cause"].as_str() {
        Some(cause) => format!("{}: {cause}", text(&carrier["breaker"])),
        None => text(&carrier["breaker"]),
    }
}

fn percent(rate: &Value) -> String {
    rate.as_f64().map_or("-".into(), |rate| format!("{:.1} %", rate * 100.0))
}

fn times(percentiles: &Value) -> String {
    let seconds = |name: &str| percentiles[name].as_f64().map(|ms| format!("{:.1}", ms / 1e3));
    match (seconds("p50"), seconds("p95")) {
        (Some(p50), Some(p95)) => format!("{p50} / {p95} s"),
        _ => "-".into(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
