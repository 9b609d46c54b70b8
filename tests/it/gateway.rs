//! The real program, started on a free port with the sandbox, and a client that
//! speaks to it over sockets. When it goes away, everything that it printed after
//! its banner is searched for the numbers and codes that the test used.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Longest wait for anything that should happen at once.
pub const SOON: Duration = Duration::from_secs(10);
pub const KEY: &str = "demo-key";

/// A running program.
pub struct Gateway {
    child: Child,
    pub url: String,
    pub data: Arc<tempfile::TempDir>,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    printed: Arc<Mutex<String>>,
    secrets: Arc<Mutex<Vec<String>>>,
    http: reqwest::Client,
    pub key: String,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Answer {
    /// The word that ends a problem's type.
    #[track_caller]
    pub fn problem(&self) -> &str {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        assert_eq!(self.body["status"], self.status, "{self:?}");
        assert!(self.body["title"].is_string() && self.body["detail"].is_string(), "{self:?}");
        self.body["type"].as_str().and_then(|kind| kind.strip_prefix("/problems/")).expect("a problem has a type")
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    /// The id in the body.
    #[track_caller]
    pub fn id(&self) -> String {
        self.body["id"].as_str().unwrap_or_else(|| panic!("no id in {}", self.body)).to_owned()
    }
}

/// A mobile number that no other test uses. Valid by the numbering plan of Japan.
pub fn fresh_number() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let salt = std::process::id() % 1000;
    format!("+8190{:04}{:04}", 1000 + salt * 7 % 9000, NEXT.fetch_add(1, Ordering::Relaxed) % 10_000)
}

/// Waits for a condition, looking often; fails after `most`.
pub async fn until<T, F: Future<Output = Option<T>>>(most: Duration, what: &str, mut look: impl FnMut() -> F) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < most, "{what} did not happen within {most:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// How a program is to be started.
pub struct Setup {
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    data: Arc<tempfile::TempDir>,
}

impl Setup {
    /// An option by its variable: `OTP_DELIVERY__RING_SECONDS`.
    pub fn option(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// On the folder that another program used before.
    pub fn on(mut self, folder: Arc<tempfile::TempDir>) -> Self {
        self.data = folder;
        self
    }

    /// Where its data will be; other files may stand there too.
    pub fn folder(&self) -> &Path {
        self.data.path()
    }

    /// Takes an argument back.
    pub fn without(mut self, argument: &str) -> Self {
        self.arguments.retain(|given| given != argument);
        self
    }

    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// A configuration file over the demo's own options.
    pub fn config(self, text: &str) -> Self {
        let path = self.data.path().join("own.toml");
        std::fs::write(&path, text).unwrap();
        self.argument("--config").argument(path.to_str().unwrap())
    }

    /// On the folder of an earlier gateway, which has ended.
    pub fn on_the_data_of(mut self, earlier: &Gateway) -> Self {
        self.data = earlier.data.clone();
        self
    }

    /// Runs it under Debian's faketime: `+0 x20` makes clock and timers 20 times as fast.
    /// The limits on slow requests are lifted: they would end this test's own.
    pub fn faketime(self, spec: &str) -> Self {
        let folders = std::fs::read_dir("/usr/lib").expect("a Unix system").flatten();
        let library = folders.map(|folder| folder.path().join("faketime/libfaketime.so.1")).find(|path| path.exists());
        let library = library.expect("the tests need Debian's package faketime; ./test installs it");
        self.option("LD_PRELOAD", library.to_str().unwrap())
            .option("FAKETIME", spec)
            .option("OTP_SERVER__HEADER_TIMEOUT_SECONDS", "3600")
            .option("OTP_SERVER__REQUEST_TIMEOUT_SECONDS", "3600")
    }

    pub fn start(self) -> Gateway {
        Gateway::spawn(self.arguments, self.variables, self.data, Arc::default())
    }
}

impl Gateway {
    /// The demo with the wide limits lifted, on a folder of its own.
    pub fn demo() -> Gateway {
        Self::setup().argument("--relaxed-limits").start()
    }

    /// The demo with its limits, to be changed before it starts.
    pub fn setup() -> Setup {
        Setup { arguments: Vec::new(), variables: Vec::new(), data: Arc::new(tempfile::tempdir().unwrap()) }
    }

    fn spawn(
        arguments: Vec<String>,
        variables: Vec<(String, String)>,
        data: Arc<tempfile::TempDir>,
        secrets: Arc<Mutex<Vec<String>>>,
    ) -> Gateway {
        let names_port = arguments.iter().any(|argument| argument == "--listen");
        let mut child = Command::new(program())
            .args(["demo", "--data"])
            .arg(data.path())
            .args(if names_port { &[][..] } else { &["--listen", "127.0.0.1:0"] })
            .args(&arguments)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .env("OTP_LOG__LEVEL", "trace")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program was built for this test");
        let printed = Arc::new(Mutex::new(String::new()));
        let mut out = BufReader::new(child.stdout.take().unwrap());
        collect(child.stderr.take().unwrap(), printed.clone());
        let (mut banner, mut url) = (String::new(), None);
        while out.read_line(&mut banner).expect("the banner is text") > 0 {
            let last = banner.lines().last().unwrap_or_default();
            if let Some(rest) = last.trim().strip_prefix("interface") {
                url = Some(rest.trim().trim_end_matches("/docs/").to_owned());
            }
            if last.starts_with("Stop with") {
                break;
            }
        }
        let url = url.unwrap_or_else(|| panic!("no banner: {banner}\n{}", printed.lock().unwrap()));
        assert!(
            !banner
                .chars()
                .collect::<Vec<_>>()
                .windows(9)
                .any(|w| w[0] == '+' && w[1..].iter().all(char::is_ascii_digit))
        );
        collect(out, printed.clone());
        let http = reqwest::Client::builder().timeout(Duration::from_secs(40)).build().unwrap();
        let key = arguments.iter().position(|a| a == "--api-key").map_or(KEY.to_owned(), |i| arguments[i + 1].clone());
        Gateway { child, url, data, arguments, variables, printed, secrets, http, key }
    }

    /// Kills it at once (SIGKILL) and starts it again on the same folder.
    pub fn kill_and_restart(mut self) -> Gateway {
        self.kill();
        let again =
            Gateway::spawn(self.arguments.clone(), self.variables.clone(), self.data.clone(), self.secrets.clone());
        self.secrets = Arc::default();
        again
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it was killed");
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop and waits until it has; how long that took.
    pub async fn terminate(&mut self) -> Duration {
        let begun = Instant::now();
        assert!(Command::new("kill").args(["-TERM", &self.pid().to_string()]).status().unwrap().success());
        until(Duration::from_secs(30), "the end of the program", || {
            let ended = self.child.try_wait().unwrap().map(|status| assert!(status.success(), "{status}"));
            async move { ended }
        })
        .await;
        begun.elapsed()
    }

    /// Everything printed after the banner so far.
    pub fn printed(&self) -> String {
        self.printed.lock().unwrap().clone()
    }

    /// Remembers a text that must never be printed.
    pub fn secret(&self, text: &str) {
        self.secrets.lock().unwrap().push(text.to_owned());
    }

    /// A number for this test alone.
    pub fn number(&self) -> String {
        let number = fresh_number();
        self.secret(&number[1..]);
        number
    }

    pub fn database(&self) -> PathBuf {
        self.data.path().join("gateway.db")
    }

    pub fn folder(&self) -> &Path {
        self.data.path()
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.request_without_key(method, path).bearer_auth(&self.key)
    }

    pub fn request_without_key(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// An answer as bytes, for what is not JSON or must be compared exactly.
    pub async fn fetch(&self, request: reqwest::RequestBuilder) -> (u16, reqwest::header::HeaderMap, Vec<u8>) {
        let response = request.send().await.expect("the gateway answers");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        (status, headers, response.bytes().await.expect("the answer arrives whole").to_vec())
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.expect("the gateway answers");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("the answer arrives whole");
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer { status, headers, body }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).json(&body)).await
    }

    /// The same with the API key of another tenant.
    pub async fn post_as(&self, api_key: &str, path: &str, body: &Value) -> Answer {
        self.send(self.request_without_key(Method::POST, path).bearer_auth(api_key).json(body)).await
    }

    pub async fn post_with_key(&self, path: &str, key: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).header("Idempotency-Key", key).json(body)).await
    }

    /// Starts a verification of a number and gives its id.
    pub async fn start(&self, to: &str) -> String {
        let answer = self.post("/v1/verifications", json!({ "to": to })).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        answer.id()
    }

    pub async fn resend(&self, id: &str, channel: &str) -> Answer {
        self.post(&format!("/v1/verifications/{id}/deliveries"), json!({ "channel": channel })).await
    }

    pub async fn check(&self, id: &str, code: &str) -> Answer {
        self.post(&format!("/v1/verifications/{id}/check"), json!({ "code": code })).await
    }

    pub async fn verification(&self, id: &str) -> Value {
        self.get(&format!("/v1/verifications/{id}")).await.expect(200)
    }

    /// The metrics, as whoever has no key reads them.
    pub async fn metrics(&self) -> String {
        let (status, _, body) = self.fetch(self.request_without_key(Method::GET, "/metrics")).await;
        assert_eq!(status, 200);
        String::from_utf8(body).expect("metrics are text")
    }

    /// The value of a series, if it stands in the metrics.
    pub async fn metric(&self, series: &str) -> Option<u64> {
        let text = self.metrics().await;
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map(|value| value.parse().expect("a whole number"))
    }

    /// The value of a counter, 0 before it was first counted.
    pub async fn counted(&self, series: &str) -> u64 {
        self.metric(series).await.unwrap_or(0)
    }

    /// The log of a number's attempts, newest first, once there are so many.
    pub async fn log(&self, to: &str, count: usize) -> Vec<Value> {
        until(Duration::from_secs(5), "the log", || async {
            let log = self.post("/v1/support/attempts", json!({ "to": to })).await.expect(200);
            log["attempts"].as_array().filter(|all| all.len() == count).cloned()
        })
        .await
    }

    /// Tells the sandbox what to do.
    pub async fn outcome(&self, row: Value) {
        self.send(self.request(Method::PUT, "/sandbox/outcomes").json(&row)).await.expect(200);
    }

    /// What arrived at a number so far, oldest first.
    pub async fn arrived(&self, to: &str) -> Vec<Value> {
        let to = to.replace('+', "%2B");
        let list = self.get(&format!("/sandbox/messages?to={to}")).await.expect(200);
        list.as_array().expect("a list").clone()
    }

    /// Waits for the n-th thing (from 1) to arrive at a number.
    pub async fn nth(&self, to: &str, n: usize) -> Value {
        let what = format!("message {n}");
        until(SOON, &what, || async { self.arrived(to).await.get(n - 1).cloned() }).await
    }

    /// Waits until the n-th delivery (from 1) of a verification is in a state.
    pub async fn delivery(&self, id: &str, n: usize, state: &str) -> Value {
        until(SOON, &format!("delivery {n} {state}"), || async {
            let delivery = self.verification(id).await["deliveries"][n - 1].clone();
            (delivery["state"] == state).then_some(delivery)
        })
        .await
    }

    /// Asks for a call and waits until it rings; its id on the sandbox phone.
    pub async fn ring(&self, id: &str, to: &str) -> String {
        let n = self.resend(id, "voice").await.expect(202)["deliveries"].as_array().expect("a list").len();
        self.delivery(id, n, "ringing").await;
        let items = self.arrived(to).await;
        let call = items.iter().rfind(|item| item["channel"] == "voice").expect("what rings is listed");
        call["id"].as_str().expect("an item has an id").to_owned()
    }

    /// Does something to a call on the sandbox phone.
    pub async fn act(&self, call: &str, action: &str, body: Value) -> Answer {
        self.post(&format!("/sandbox/calls/{call}/{action}"), body).await
    }

    /// One item as the sandbox page shows it, with its carrier and the state of its call.
    pub async fn shown(&self, item: &str) -> Value {
        let page = self.get("/sandbox/phones").await.expect(200);
        let phones = page["phones"].as_array().expect("a list").iter();
        let mut items = phones.flat_map(|phone| phone["items"].as_array().expect("a list"));
        items.find(|shown| shown["id"] == item).expect("the item is shown").clone()
    }

    /// The code in the first message to a number.
    pub async fn code(&self, to: &str) -> String {
        let code = code_in(self.nth(to, 1).await["body"].as_str().unwrap());
        self.secret(&code);
        code
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have been stopped by the test.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let printed = self.printed();
            let tail: Vec<_> = printed.lines().rev().filter(|line| !line.contains("TRACE")).take(40).collect();
            eprintln!("the gateway printed:\n{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
            return;
        }
        let printed = self.printed();
        for secret in self.secrets.lock().unwrap().iter().filter(|secret| secret.len() >= 6) {
            assert!(!tells(&printed, secret), "the program printed a number, a code or a key");
        }
        assert!(!printed.contains("panicked"), "a task panicked:\n{printed}");
    }
}

/// The program that this test was built with.
pub fn program() -> &'static str {
    env!("CARGO_BIN_EXE_otp-gateway")
}

pub fn collect(mut from: impl Read + Send + 'static, into: Arc<Mutex<String>>) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            into.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..n]));
        }
    })
}

/// Configuration lines: tenants with a key each, and that key's scopes.
pub fn tenants(keys: &[(&str, &str, &[&str])]) -> String {
    let lines = keys.iter().map(|(tenant, key, scopes)| {
        let hash = otp_gateway::seal::ApiKeyHash::of(key);
        format!(
            "[[tenants]]\nname = \"{tenant}\"\n\
             [[keys]]\ntenant = \"{tenant}\"\nowner = \"{tenant}\"\nscopes = {scopes:?}\nhash = \"{hash}\"\n"
        )
    });
    lines.collect()
}

/// Whether a text tells a secret. Few figures must stand alone, so that fractions of
/// a second and ids do not count.
pub fn tells(text: &str, secret: &str) -> bool {
    let is_short = secret.len() < 9 && secret.bytes().all(|b| b.is_ascii_digit());
    let alone = |at: usize| {
        let before = text[..at].chars().next_back();
        let after = text[at + secret.len()..].chars().next();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '.') && !after.is_some_and(char::is_alphanumeric)
    };
    text.match_indices(secret).any(|(at, _)| !is_short || alone(at))
}

/// The only run of 4 to 10 figures in a text.
#[track_caller]
pub fn code_in(text: &str) -> String {
    let runs: Vec<_> = text.split(|c: char| !c.is_ascii_digit()).filter(|run| run.len() >= 4).collect();
    assert_eq!(runs.len(), 1, "one code in {text:?}");
    runs[0].to_owned()
}

/// The codes in what a call says: figures parted by `, `.
pub fn codes_spoken(text: &str) -> Vec<String> {
    let mut codes = Vec::new();
    let mut run = String::new();
    let pieces: Vec<&str> = text.split(' ').collect();
    for piece in pieces {
        let figure = piece.trim_end_matches([',', '.']);
        if figure.len() == 1 && figure.bytes().all(|b| b.is_ascii_digit()) {
            run.push_str(figure);
        } else if !run.is_empty() {
            codes.push(std::mem::take(&mut run));
        }
    }
    codes.extend(Some(run).filter(|run| !run.is_empty()));
    codes
}

/// A code that is not `code`, of the same length.
pub fn wrong(code: &str) -> String {
    code.chars().map(|c| if c == '9' { '0' } else { ((c as u8) + 1) as char }).collect()
}
