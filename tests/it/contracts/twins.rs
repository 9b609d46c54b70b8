//! The same SMS and the same call, sent by the gateway and by the vendor's own library to
//! one recorder: equal in method, path, sign-in, content type and fields. What the
//! library's model of the request does not take is a failure.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Served, client, gateway_of, python, script};

const SENDER: &str = "+14155550100";
const ENTITY: &str = "1101000000000000001";
const TEMPLATE: &str = "1107000000000000001";

/// A vendor: its options, and fields that only its library sends, each with the reason.
struct Vendor {
    name: &'static str,
    options: Vec<(&'static str, String)>,
    only_theirs: &'static [(&'static str, &'static str)],
    tls: bool,
}

/// A key and a certificate for 127.0.0.1, and an application's RSA key with its public half.
pub struct Made {
    folder: tempfile::TempDir,
}

impl Made {
    pub fn new() -> Made {
        let folder = tempfile::tempdir().unwrap();
        let made = Made { folder };
        std::fs::write(made.path("ext"), "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n").unwrap();
        for line in [
            "req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ca.key -out ca.pem -subj /CN=authority",
            "req -newkey rsa:2048 -nodes -keyout tls.key -out tls.csr -subj /CN=recorder",
            "x509 -req -in tls.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out tls.pem",
        ] {
            made.openssl(&line.split(' ').collect::<Vec<_>>());
        }
        made.openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "app.key"]);
        made.openssl(&["rsa", "-in", "app.key", "-pubout", "-out", "app.pub"]);
        made
    }

    fn openssl(&self, arguments: &[&str]) {
        let ran =
            Command::new("openssl").args(arguments).current_dir(self.folder.path()).stderr(Stdio::null()).status();
        assert!(ran.expect("openssl is installed").success(), "{arguments:?}");
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).unwrap()
    }
}

/// What the vendor's library sends, and what its model refuses of ours.
fn twin(vendor: &str, kind: &str, url: &str, words: &Value, ca: &Path) -> Vec<String> {
    let mut child = python()
        .arg(script("twins.py"))
        .args([vendor, kind, url])
        .env("REQUESTS_CA_BUNDLE", ca)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python starts");
    child.stdin.take().unwrap().write_all(words.to_string().as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "{vendor} {kind}: {}", String::from_utf8_lossy(&done.stderr));
    let told: Value = serde_json::from_slice(&done.stdout).unwrap();
    told["refused"].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// Every value of a body by its place.
fn places(at: &str, value: &Value, out: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| places(&format!("{at}/{name}"), value, out)),
        Value::Array(items) => items.iter().enumerate().for_each(|(i, item)| places(&format!("{at}/{i}"), item, out)),
        one => drop(out.insert(at.to_owned(), one.clone())),
    }
}

fn body(request: &Value) -> Value {
    serde_json::from_str(request["body"].as_str().unwrap()).unwrap_or_else(|_| panic!("no JSON in {request}"))
}

/// A sign-in, with what differs each time made equal: of a JWT what it is and what it claims.
fn sign_in(request: &Value, public: &str) -> Value {
    let header = request["headers"]["authorization"].as_str().unwrap_or_default();
    let parts: Vec<&str> = header.trim_start_matches("Bearer ").split('.').collect();
    let [head, claims, _] = parts[..] else { return json!(header) };
    let read = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    let key = jsonwebtoken::DecodingKey::from_rsa_pem(public.as_bytes()).unwrap();
    let validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    let token = header.trim_start_matches("Bearer ");
    jsonwebtoken::decode::<Value>(token, &key, &validation).expect("the application's key signed it, and it is fresh");
    let names: Vec<String> = read(claims).as_object().unwrap().keys().cloned().collect();
    let lives = read(claims)["exp"].as_u64().unwrap() - read(claims)["iat"].as_u64().unwrap();
    json!({ "head": read(head), "claims": names, "lives": lives, "application": read(claims)["application_id"] })
}

fn vendors(made: &Made) -> Vec<Vendor> {
    let option = |name, value: &str| (name, value.to_owned());
    vec![
        Vendor {
            name: "vonage",
            options: vec![
                option("application_id", "78d335fa-323d-0114-9c3d-d6f0d48968cf"),
                option("private_key", &made.read("app.key")),
                option("signature_secret", "qwertyuiopasdfghjklzxcvbnm123456"),
            ],
            only_theirs: &[],
            tls: true,
        },
        Vendor { name: "infobip", options: vec![option("api_key", "an-api-key")], only_theirs: &[], tls: false },
        Vendor {
            name: "telnyx",
            options: vec![
                option("api_key", "KEY0123"),
                option("public_key", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
                option("messaging_profile_id", "16fd2706-8baf-433b-82eb-8c7fada847da"),
                option("account_sid", "61bf923e-5e4d-4595-a110-56190ea18a1b"),
                option("texml_application_id", "2345678901"),
            ],
            only_theirs: &[],
            tls: false,
        },
        Vendor {
            name: "plivo",
            options: vec![option("auth_id", "MA0123456789ABCDEFGH"), option("auth_token", "a-token")],
            only_theirs: &[
                ("/trackable", "a default of the library: a tracking link, which we have none of"),
                ("/machine_detection_time", "a default of the library: the API's own"),
                ("/machine_detection_url", "the answer_url hears the verdict"),
                ("/machine_detection_method", "the method of that"),
                ("/fallback_method", "the method of a fallback_url, which we give none of"),
                ("/error_if_parent_not_found", "a default of the library, about transfers"),
            ],
            tls: false,
        },
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vendors_own_libraries_send_the_same() {
    let made = Made::new();
    let mut problems = Vec::new();
    for vendor in vendors(&made) {
        for kind in ["sms", "voice"] {
            compare(&vendor, kind, &made, &mut problems).await;
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

async fn compare(vendor: &Vendor, kind: &str, made: &Made, problems: &mut Vec<String>) {
    let name = vendor.name;
    let (ca, tls, key) = (made.path("ca.pem"), made.path("tls.pem"), made.path("tls.key"));
    let pair = [tls.to_str().unwrap(), key.to_str().unwrap()];
    let certificate = reqwest::Certificate::from_pem(made.read("ca.pem").as_bytes()).unwrap();
    let http = if vendor.tls {
        reqwest::Client::builder().add_root_certificate(certificate).build().unwrap()
    } else {
        client()
    };
    let (arguments, scheme) = if vendor.tls { (&pair[..], "https") } else { (&[][..], "http") };
    let recorder = Served::start("recorder.py", arguments, "/_requests", http, scheme).await;
    let mut carrier = format!(
        "[carrier_http]\nca_file = {ca:?}\n[carriers.main]\nprofile = \"{name}\"\nbase_url = \"{}\"\n\
         machine_detection = true\n[carriers.main.senders]\ndefault = \"{SENDER}\"\n\
         IN = {{ id = \"{SENDER}\", dlt_entity = \"{ENTITY}\", dlt_template = \"{TEMPLATE}\" }}\n\
         [carriers.main.options]\n",
        recorder.url
    );
    vendor.options.iter().for_each(|(option, value)| carrier.push_str(&format!("{option} = '''{value}'''\n")));
    let gateway = gateway_of(&carrier).start();
    let to = "+919812345678";
    gateway.post("/v1/verifications", json!({ "to": to, "channel": kind })).await.expect(201);
    let ours = recorder.requests(1).await[0].clone();
    let sent = body(&ours);
    let mut words = words(name, &sent, to, &vendor.options, &gateway.url);
    if let Some(attempt) = ours["headers"].get("idempotency-key") {
        words["attempt"] = attempt.clone();
    }
    for refused in twin(name, kind, &recorder.url, &words, &ca) {
        problems.push(format!("{name} {kind}: its library refuses {refused}"));
    }
    let theirs = recorder.requests(2).await[1].clone();
    for part in ["method", "path", "query"] {
        if ours[part] != theirs[part] {
            problems.push(format!("{name} {kind}: {part} is {} and {} there", ours[part], theirs[part]));
        }
    }
    let public = made.read("app.pub");
    let signs = [sign_in(&ours, &public), sign_in(&theirs, &public)];
    if signs[0] != signs[1] {
        problems.push(format!("{name} {kind}: the sign-in is {} and {} there", signs[0], signs[1]));
    }
    let kind_of = |request: &Value| {
        request["headers"]["content-type"].as_str().unwrap_or_default().split(';').next().map(str::to_owned)
    };
    if kind_of(&ours) != kind_of(&theirs) || ours["headers"]["idempotency-key"] != theirs["headers"]["idempotency-key"]
    {
        problems.push(format!("{name} {kind}: headers {} and {} there", ours["headers"], theirs["headers"]));
    }
    let (mut left, mut right) = (BTreeMap::new(), BTreeMap::new());
    places("", &sent, &mut left);
    places("", &body(&theirs), &mut right);
    let known = |place: &str| vendor.only_theirs.iter().any(|(only, _)| *only == place);
    println!("{name} {kind}: {} {}", ours["method"].as_str().unwrap(), ours["path"].as_str().unwrap());
    for place in left.keys().chain(right.keys()).collect::<std::collections::BTreeSet<_>>() {
        match (left.get(place), right.get(place)) {
            (Some(a), Some(b)) if a == b => println!("  {place} equal"),
            (Some(_), Some(_)) => {
                problems.push(format!("{name} {kind}: {place} is {} and {} there", left[place], right[place]))
            }
            // The library's model was asked about it.
            (Some(_), None) => println!("  {place} ours alone"),
            (None, _) if known(place) => println!("  {place} theirs alone"),
            (None, _) => problems.push(format!("{name} {kind}: {place} is missing, {} there", right[place])),
        }
    }
}

/// What is to be sent, by the names of `twins.py`; what the gateway draws is taken from its
/// own body.
fn words(vendor: &str, sent: &Value, to: &str, options: &[(&'static str, String)], url: &str) -> Value {
    let first = |places: &[&str]| places.iter().find_map(|place| sent.pointer(place)).cloned().unwrap_or(Value::Null);
    let callback = first(&[
        "/webhook_url",
        "/event_url/0",
        "/messages/0/webhooks/delivery/url",
        "/messages/0/notifyUrl",
        "/StatusCallback",
        "/url",
        "/hangup_url",
    ]);
    assert!(callback.as_str().unwrap().starts_with(&format!("{url}/webhooks/main/")), "{vendor}: {callback}");
    let mut words = json!({
        "to": to, "sender": SENDER, "dlt_entity": ENTITY, "dlt_template": TEMPLATE, "callback": callback, "ours": sent,
        "text": first(&["/text", "/messages/0/content/text"]),
        "validity": first(&["/ttl", "/messages/0/options/validityPeriod/amount", "/message_expiry"]),
        "validity_minutes": first(&["/messages/0/validityPeriod"]),
        "attempt": first(&["/client_ref", "/messages/0/callbackData", "/messages/0/destinations/0/messageId"]),
        "words": first(&["/ncco/0/text", "/messages/0/text"]),
        "next": first(&["/ncco/1/eventUrl/0"]),
        "start": first(&["/answer_url", "/AsyncAmdStatusCallback"]),
        "document": first(&["/Texml"]),
        "ring_seconds": 25, "call_seconds": 120,
    });
    for (option, value) in options {
        words[*option] = json!(value);
    }
    words
}
