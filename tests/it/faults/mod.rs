//! Carriers that fail in every way: what becomes of the message, which cause is told,
//! and who takes over. The profiles are folders of an operator's own, so these tests
//! hold that option as well.

mod blocked;
mod breakers;
mod covers;
mod crowd;
mod receipts;
mod submits;
mod upstream;
mod wishes;

use std::path::Path;

use serde_json::Value;

use self::upstream::Upstream;
use crate::gateway::{Gateway, Setup};
use crate::ports::free_port;

/// A JSON API of nobody's: SMS and calls, reports at `{callback}`.
const ACME: &str = r#"
title = "Acme"
base_url = "https://api.acme.example"
[options.key]
about = "the key"
secret = true
[sign_in]
kind = "header"
name = "Authorization"
value = "Key {key}"
[sms]
validity = { least = 10, most = 3600 }
[sms.request]
path = "/sms"
json = { to = "{to}", from = "{sender}", text = "{text}", callback = "{callback}", ttl = "{validity_seconds}" }
[sms.answer]
accepted = [{ at = "/state", is = ["queued"] }]
id = "/id"
errors = [{ at = "/code", in = "codes" }]
[sms.receipt]
body = "json"
each = "/reports"
id = "/id"
status = "/status"
errors = [{ at = "/code", in = "codes" }]
price = { amount = "/price", currency_is = "EUR" }
network = { mcc_mnc = "/network" }
[sms.receipt.statuses]
sent = "wait"
delivered = "delivered"
failed = "permanent_other"
[voice]
document = "twiml"
[voice.request]
path = "/calls"
json = { to = "{to}", answer = "{answer_url}", callback = "{callback}" }
[voice.answer]
id = "/id"
[voice.cancel]
method = "DELETE"
path = "/calls/{call}"
[voice.ask]
path = "/calls/{attempt}"
status = "/status"
never_seen = [404]
[voice.receipt]
body = "json"
id = "/id"
status = "/status"
[voice.receipt.statuses]
ringing = "ringing"
answered = "answered"
busy = "busy"
broken = "temporary_carrier_fault"
over = "ended"
[voice.input]
body = "form"
digits = "/Digits"
[webhooks]
signature = "reference"
[inbound]
body = "json"
from = "/from"
to = "/to"
text = "/text"
[probe]
request = { method = "GET", path = "/me" }
balance = { amount = "/balance", currency_is = "EUR" }
"#;

const CODES: &str = r#"
[codes]
page = "https://acme.example/{code}"
[codes.codes]
spam = { cause = "carrier_filtered", note = "filtered" }
nobody = { cause = "invalid_number", note = "no such number" }
fixed = { cause = "landline_or_incapable", note = "a landline" }
off = { cause = "unreachable_handset", note = "switched off" }
"#;

/// Writes the profiles `acme`, and `plain`, which carries no callback: its reports name
/// their attempt by its own id.
fn profiles(folder: &Path) {
    let plain = ACME.replace(r#"callback = "{callback}", ttl"#, "ttl");
    let plain =
        format!("{}[webhooks]{}", plain.split("[voice]").next().unwrap(), plain.split("[webhooks]").nth(1).unwrap());
    for (name, carrier) in [("acme", ACME), ("plain", plain.as_str())] {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("carrier.toml"), carrier).unwrap();
        std::fs::write(folder.join("errors.toml"), CODES).unwrap();
    }
}

/// Keeps the sandbox's carriers out of what a test is about.
const NOWHERE: &str = "countries = [\"AQ\"]";

/// Carriers of these profiles, each asked before the ones after it, the sandbox last.
/// Returns the setup and the gateway's address.
fn carriers(carriers: &[(&str, &str, &Upstream, &str)], more: &str) -> (Setup, String) {
    carriers_before(carriers, more, "")
}

/// The same with what is said of the sandbox's carriers.
fn carriers_before(carriers: &[(&str, &str, &Upstream, &str)], more: &str, sandbox: &str) -> (Setup, String) {
    let setup = Gateway::setup().argument("--relaxed-limits");
    let folder = setup.folder().join("profiles");
    profiles(&folder);
    let url = format!("http://127.0.0.1:{}", free_port());
    let mut config = format!(
        "[server]\npublic_url = \"{url}\"\n[carrier_profiles]\ndir = {folder:?}\n[delivery]\nsubmit_timeout_seconds = 1\n\
         retry_first_seconds = 1\n{more}\n[carriers.sandbox-a]\nprofile = \"sandbox\"\nweight = 0\n{sandbox}\n\
         [carriers.sandbox-b]\nprofile = \"sandbox\"\nweight = 0\n{sandbox}\n"
    );
    for (i, (name, profile, upstream, own)) in carriers.iter().enumerate() {
        // Drawn by weight: one in a billion draws differs.
        let weight = 4_000_000_000u64 / 1_000_000_000u64.pow(i as u32).max(1);
        let weight = if own.contains("weight") { String::new() } else { format!("weight = {}", weight.max(1)) };
        config.push_str(&format!(
            "[carriers.{name}]\nprofile = \"{profile}\"\n{weight}\nbase_url = \"{}\"\n{own}\n\
             [carriers.{name}.options]\nkey = \"s3cret-{name}\"\n[carriers.{name}.senders]\ndefault = \"+4915100000001\"\n",
            upstream.url
        ));
    }
    let address = url.trim_start_matches("http://").to_owned();
    // The small share that goes elsewhere is not what these tests are about.
    let setup = setup.option("OTP_ROUTING__EXPLORE_PER_MILLE", "0");
    (setup.argument("--listen").argument(&address).config(&config), url)
}

/// Carrier, state and cause of each attempt.
fn attempts(delivery: &Value) -> Vec<(String, String, Option<String>)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let attempt = |attempt: &Value| {
        (text(&attempt["carrier"]).unwrap(), text(&attempt["state"]).unwrap(), text(&attempt["cause"]))
    };
    delivery["attempts"].as_array().unwrap().iter().map(attempt).collect()
}

/// One attempt, as it is expected.
fn tried(carrier: &str, state: &str, cause: Option<&str>) -> (String, String, Option<String>) {
    (carrier.into(), state.into(), cause.map(str::to_owned))
}
