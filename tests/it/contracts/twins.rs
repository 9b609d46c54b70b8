//! The same SMS and the same call, sent by the gateway and by the vendor's own library
//! to the same recorder, and compared place by place.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use super::made::Made;
use super::vendors::{DLT_ENTITY, DLT_TEMPLATE, SENDER, body_of, gateway_at, options, text_with};
use super::{Killed, STARTING, Served, client, python, script};
use crate::gateway::{Gateway, codes_spoken, until};

const TO: &str = "+919820012345";
const TEXT: &str = "482917 is your Example code. Résumé & more: 50% <b>\n";
const CODE: &str = "482917";

/// What a library sends and we do not, and why that is no difference in meaning.
const ONLY_THEIRS: &[(&str, &str, &str, &str)] = &[
    ("plivo", "sms", "/trackable", "the library's default, false: only for conversions that are reported back"),
    ("plivo", "voice", "/machine_detection_time", "the library's default, 5000, is the API's"),
    ("plivo", "voice", "/machine_detection_method", "the library's default, POST, is the API's"),
    ("plivo", "voice", "/fallback_method", "the library's default; there is no fallback_url"),
    ("plivo", "voice", "/error_if_parent_not_found", "the library's default; there is no parent call"),
];

/// Where the code's remaining life stands: it may have shrunk since.
const LIFE: &[(&str, &str)] =
    &[("vonage", "/ttl"), ("plivo", "/message_expiry"), ("infobip", "/messages/0/options/validityPeriod/amount")];

/// Headers that belong to a connection or name the program.
const NO_MATTER: &[&str] = &["host", "connection", "content-length", "user-agent", "accept", "accept-encoding"];

/// Every place of a body and what stands there.
fn places(body: &Value, at: String, into: &mut BTreeMap<String, Value>) {
    match body {
        Value::Object(fields) if !fields.is_empty() => {
            fields.iter().for_each(|(name, value)| places(value, format!("{at}/{name}"), into));
        }
        Value::Array(items) if !items.is_empty() => {
            items.iter().enumerate().for_each(|(n, value)| places(value, format!("{at}/{n}"), into));
        }
        leaf => drop(into.insert(at, leaf.clone())),
    }
}

fn flat(body: &Value) -> BTreeMap<String, Value> {
    let mut into = BTreeMap::new();
    places(body, String::new(), &mut into);
    into
}

/// Runs `twins.py` to its end.
async fn twin(arguments: [&str; 3], input: &Value, authority: &Path) -> Value {
    let child = python()
        .arg(script("twins.py"))
        .args(arguments)
        .env("REQUESTS_CA_BUNDLE", authority)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python starts");
    let mut child = Killed(child);
    child.0.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    let status = until(STARTING, "the end of the library's own send", || {
        let ended = child.0.try_wait().unwrap();
        async move { ended }
    })
    .await;
    let (mut out, mut err) = (String::new(), String::new());
    child.0.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    child.0.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert!(status.success(), "{arguments:?}: {err}");
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {out} {err}"))
}

/// Sends by the gateway; the attempt's id.
async fn send(gateway: &Gateway, channel: &str) -> String {
    let body = json!({ "to": TO, "text": TEXT, "code": CODE, "channel": channel });
    let id = gateway.post("/v1/messages", body).await.expect(202)["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/messages/{id}");
    let delivery = until(STARTING, "the answer of the recorder", || async {
        let delivery = gateway.get(&path).await.expect(200)["deliveries"][0].clone();
        ["submitted", "failed"].contains(&delivery["state"].as_str().unwrap()).then_some(delivery)
    })
    .await;
    assert_eq!(delivery["state"], "submitted", "the answer was read: {delivery}");
    delivery["attempts"][0]["id"].as_str().unwrap().to_owned()
}

struct Compared {
    vendor: &'static str,
    channel: &'static str,
    rows: Vec<String>,
    problems: Vec<String>,
}

impl Compared {
    fn row(&mut self, place: &str, ours: &Value, theirs: &Value, problem: Option<&str>) {
        let short = |value: &Value| value.to_string().chars().take(60).collect::<String>();
        let row = format!("{place:<46} {:<62} {}", short(ours), problem.unwrap_or("equal"));
        if let Some(problem) = problem {
            self.problems.push(format!("{place}: {problem}: ours {ours}, theirs {theirs}"));
        }
        self.rows.push(row);
    }

    fn equal(&mut self, place: &str, ours: &Value, theirs: &Value) {
        self.row(place, ours, theirs, (ours != theirs).then_some("DIFFERS"));
    }

    fn requests(&mut self, ours: &Value, theirs: &Value) {
        for name in ["method", "path", "query"] {
            self.equal(name, &ours[name], &theirs[name]);
        }
        let (own, other) = (ours["headers"].as_object().unwrap(), theirs["headers"].as_object().unwrap());
        for (name, value) in own.iter().filter(|(name, _)| !NO_MATTER.contains(&name.as_str())) {
            // A JWT is another each time; what is in it is compared on its own.
            if !(self.vendor == "vonage" && name == "authorization") {
                self.equal(name, value, other.get(name).unwrap_or(&Value::Null));
            }
        }
        for name in ["authorization", "content-type"] {
            assert!(own.contains_key(name), "{name} is sent: {own:?}");
        }
        self.bodies(flat(&body_of(ours)), flat(&body_of(theirs)));
    }

    fn bodies(&mut self, ours: BTreeMap<String, Value>, theirs: BTreeMap<String, Value>) {
        let life = LIFE.iter().find(|(vendor, _)| *vendor == self.vendor && self.channel == "sms").map(|(_, at)| *at);
        if let Some(life) = life {
            assert!(ours.contains_key(life), "{life} is sent");
        }
        for (place, value) in &ours {
            match theirs.get(place) {
                None => self.row(place, value, &Value::Null, Some("ONLY OURS")),
                Some(other) if Some(place.as_str()) == life => {
                    let shrunk =
                        value.as_u64().zip(other.as_u64()).is_some_and(|(own, all)| (all - 10..=all).contains(&own));
                    self.row(place, value, other, (!shrunk).then_some("NOT THE CODE'S LIFE"));
                }
                Some(other) => self.equal(place, value, other),
            }
        }
        for (place, value) in theirs.iter().filter(|(place, _)| !ours.contains_key(*place)) {
            let listed = ONLY_THEIRS.iter().find(|row| (row.0, row.1, row.2) == (self.vendor, self.channel, place));
            match listed {
                Some((.., reason)) => {
                    self.rows.push(format!("{place:<46} {:<62} left out: {reason}", value.to_string()))
                }
                None => self.row(place, &Value::Null, value, Some("ONLY THEIRS")),
            }
        }
    }

    fn told(&self) {
        println!("\n{} {}\n{}", self.vendor, self.channel, self.rows.join("\n"));
        assert!(self.problems.is_empty(), "{} {}:\n{}", self.vendor, self.channel, self.problems.join("\n"));
    }
}

async fn twins(vendor: &'static str) {
    let made = Made::new();
    let file = |name: &str| made.path(name).to_str().unwrap().to_owned();
    let (authority, public) = (made.path("ca.pem"), made.read("app.pub"));
    let mut options = options(vendor, &made.read("app.key"));
    if vendor == "telnyx" {
        options.push(("public_key", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".into()));
    }
    let recorder = match vendor {
        // Its library speaks https only.
        "vonage" => {
            let pem = std::fs::read(&authority).unwrap();
            let trusted = reqwest::Certificate::from_pem(&pem).unwrap();
            let http = reqwest::Client::builder().add_root_certificate(trusted).timeout(STARTING).build().unwrap();
            Served::start("recorder.py", &[&file("tls.pem"), &file("tls.key")], "/_requests", http, "https").await
        }
        _ => Served::start("recorder.py", &[], "/_requests", client(), "http").await,
    };
    let setup = gateway_at(&recorder, vendor, &options).option("OTP_CARRIER_HTTP__CA_FILE", &file("ca.pem"));
    let gateway = setup.start();
    options.iter().for_each(|(_, value)| gateway.secret(value));
    for secret in [&TO[1..], CODE] {
        gateway.secret(secret);
    }
    for (n, channel) in ["sms", "voice"].into_iter().enumerate() {
        let attempt = send(&gateway, channel).await;
        let ours = recorder.requests(2 * n + 1).await.pop().unwrap();
        let body = body_of(&ours);
        let mut input = json!({
            "to": TO, "sender": SENDER, "text": TEXT, "attempt": attempt, "validity": 600, "validity_minutes": 10,
            "dlt_entity": DLT_ENTITY, "dlt_template": DLT_TEMPLATE, "ring_seconds": 25, "call_seconds": 120,
            "callback": text_with(&body, &format!("/webhooks/main/{channel}/")).expect("reports are asked for"),
            "ours": body,
        });
        for (name, value) in &options {
            input[*name] = json!(value);
        }
        if channel == "voice" {
            document_of(&gateway, &body, &mut input);
        }
        let told = twin([vendor, channel, &recorder.url], &input, &authority).await;
        let theirs = recorder.requests(2 * n + 2).await.pop().unwrap();
        let mut compared = Compared { vendor, channel, rows: Vec::new(), problems: Vec::new() };
        compared.requests(&ours, &theirs);
        for refused in told["refused"].as_array().unwrap() {
            compared.problems.push(format!("the library's model: {refused}"));
        }
        if vendor == "vonage" {
            tokens(&mut compared, [&ours, &theirs], &public, &authority).await;
        }
        compared.told();
    }
}

/// What the call says, which is ours alone to word, and the addresses of its next steps.
fn document_of(gateway: &Gateway, body: &Value, input: &mut Value) {
    let root = format!("{}/webhooks/main/call/", gateway.url);
    if let Some(text) = text_with(body, &root) {
        let (_, rest) = text.split_once(&root).unwrap();
        let reference: String = rest.chars().take_while(|c| *c != '/').collect();
        input["start"] = json!(format!("{root}{reference}/start"));
        input["next"] = json!(format!("{root}{reference}/gate-1"));
    }
    let words = body["ncco"][0]["text"].as_str().or(body["messages"][0]["text"].as_str());
    input["words"] = json!(words);
    input["document"] = body["Texml"].clone();
    for text in words.into_iter().chain(body["Texml"].as_str()) {
        let plain = text.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, words)| words));
        let codes = codes_spoken(&plain.collect::<Vec<_>>().join(" "));
        match body.get("messages") {
            // Infobip's calls cannot wait for a key.
            Some(_) => assert!(!codes.is_empty() && codes.iter().all(|code| code == CODE), "{text}"),
            None => assert!(codes.is_empty() && text.contains("press one"), "{text}"),
        }
    }
}

/// Both tokens are good for the key, and alike.
async fn tokens(compared: &mut Compared, requests: [&Value; 2], public: &str, authority: &Path) {
    let mut read = Vec::new();
    for request in requests {
        let header = request["headers"]["authorization"].as_str().unwrap();
        let token = header.strip_prefix("Bearer ").expect("a bearer token");
        let input = json!({ "token": token, "public_key": public });
        read.push(twin(["jwt", "verify", "-"], &input, authority).await);
    }
    compared.equal("JWT header", &read[0]["header"], &read[1]["header"]);
    let names = |n: usize| json!(read[n]["claims"].as_object().unwrap().keys().collect::<Vec<_>>());
    compared.equal("JWT claims", &names(0), &names(1));
    let claim = |n: usize, name: &str| read[n]["claims"][name].clone();
    compared.equal("JWT application_id", &claim(0, "application_id"), &claim(1, "application_id"));
    let life = |n| json!(claim(n, "exp").as_u64().unwrap() - claim(n, "iat").as_u64().unwrap());
    compared.equal("JWT exp - iat", &life(0), &life(1));
    assert!(claim(0, "jti").as_str().is_some_and(|id| id.len() == 36));
}

#[tokio::test(flavor = "multi_thread")]
async fn vonage_sends_as_its_library_does() {
    twins("vonage").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn infobip_sends_as_its_library_does() {
    twins("infobip").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn telnyx_sends_as_its_library_does() {
    twins("telnyx").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plivo_sends_as_its_library_does() {
    twins("plivo").await;
}
