//! Carriers held to contracts that nobody here wrote: Twilio's published document, the
//! vendors' own libraries, and the signatures that those make.
//!
//! ```text
//! gateway ──► strict_mock.py   every request as Twilio documents it; signed reports come back
//! gateway ──► Prism            the same requests, judged by the document alone
//! gateway ──► recorder.py ◄── the vendor's library        twins: the same send, compared
//! signer.py ──► gateway        what the vendor's library signs is believed, and nothing else
//! ```

mod calls;
mod made;
mod prism;
mod signer;
mod tls;
mod twilio;
mod twins;
mod vendors;
mod webhooks;

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::gateway::{Gateway, SOON, Setup, until};
use crate::ports::free_port;

/// How long a Python program may take to start: the libraries are large.
const STARTING: Duration = Duration::from_secs(60);

/// The interpreter that has the vendors' libraries.
fn python() -> Command {
    Command::new(std::env::var("OTP_TEST_PYTHON").expect("run ./test: it installs the libraries and names its python"))
}

fn script(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/contracts", name].iter().collect()
}

/// A program that is killed when this goes away.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program that serves HTTP.
struct Served {
    child: Killed,
    url: String,
    http: reqwest::Client,
}

impl Served {
    /// Starts `script PORT …` and waits until it answers at `ready`.
    async fn start(name: &str, arguments: &[&str], ready: &str, http: reqwest::Client, scheme: &str) -> Served {
        let port = free_port();
        let mut command = python();
        command.arg(script(name)).arg(port.to_string()).args(arguments);
        Self::spawned(command, &format!("{scheme}://127.0.0.1:{port}"), ready, http).await
    }

    /// Starts a program that will serve at `url`, and waits until it answers anything at
    /// `ready`.
    async fn spawned(mut command: Command, url: &str, ready: &str, http: reqwest::Client) -> Served {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let child = Killed(child.unwrap_or_else(|error| panic!("{command:?}: {error}")));
        let mut served = Served { child, url: url.to_owned(), http };
        until(STARTING, "the start of a program", || {
            if let Some(status) = served.child.0.try_wait().unwrap() {
                let mut told = String::new();
                served.child.0.stderr.take().unwrap().read_to_string(&mut told).unwrap();
                panic!("{command:?} ended with {status}: {told}");
            }
            let request = served.http.get(format!("{}{ready}", served.url)).send();
            async { request.await.ok().map(drop) }
        })
        .await;
        served
    }

    async fn get(&self, path: &str) -> Value {
        self.http.get(format!("{}{path}", self.url)).send().await.unwrap().json().await.unwrap()
    }

    async fn post(&self, path: &str, body: String) {
        let sent = self.http.post(format!("{}{path}", self.url)).body(body).send().await.unwrap();
        assert!(sent.status().is_success(), "{}", sent.status());
    }

    /// What came in so far, once it is at least `n`.
    async fn requests(&self, n: usize) -> Vec<Value> {
        until(SOON, &format!("request {n}"), || async {
            let all = self.get("/_requests").await;
            Some(all.as_array().unwrap().clone()).filter(|all| all.len() >= n)
        })
        .await
    }
}

/// A client for programs of the tests.
fn client() -> reqwest::Client {
    reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap()
}

/// A gateway with one carrier, `main`, that reaches it at its own address. Nobody else
/// takes what `main` refuses.
fn gateway_of(carrier: &str) -> Setup {
    let port = free_port();
    let config = format!(
        "[server]\npublic_url = \"http://127.0.0.1:{port}\"\n\
         [carriers.sandbox-a]\nprofile = \"sandbox\"\ncountries = [\"AQ\"]\n\
         [carriers.sandbox-b]\nprofile = \"sandbox\"\ncountries = [\"AQ\"]\n{carrier}"
    );
    Gateway::setup()
        .argument("--relaxed-limits")
        .argument("--listen")
        .argument(&format!("127.0.0.1:{port}"))
        .config(&config)
        .option("OTP_LIMITS__NUMBER__SMS_INTERVAL_SECONDS", "0")
        .option("OTP_LIMITS__NUMBER__VOICE_INTERVAL_SECONDS", "0")
}

impl Gateway {
    /// Asks for a call as the first delivery; the id of its verification.
    async fn call(&self, to: &str) -> String {
        let body = serde_json::json!({ "to": to, "channel": "voice" });
        self.post("/v1/verifications", body).await.expect(201)["id"].as_str().unwrap().to_owned()
    }
}
