//! Gateways over one Redis, people who log in through them while a test breaks
//! something, and what must hold after it.

mod after;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::gateway::{Gateway, KEY, SOON, Setup, code_in, fresh_number, until};
use crate::redis::servers::Server;

/// "otp-gateway tests, 32 bytes long".
const MASTER_KEY: &str = "b3RwLWdhdGV3YXkgdGVzdHMsIDMyIGJ5dGVzIGxvbmc=";
/// Sends that the tenant has: what is over-counted is missing from them at the end.
const SENDS: usize = 300;
/// Seconds between two SMS to a number: longer than any test.
pub const INTERVAL: u64 = 300;
pub const LEASE: Duration = Duration::from_secs(6);
const PEOPLE: usize = 6;
const PAUSE: Duration = Duration::from_millis(200);

/// A gateway over this Redis.
pub fn over(url: &str) -> Setup {
    let lease = LEASE.as_secs().to_string();
    let setup = Gateway::setup().argument("--store").argument(url).option("OTP_MASTER_KEY", MASTER_KEY);
    // What explores reserves a cover in the wide limits, which are counted here.
    let setup = setup.option("OTP_ROUTING__EXPLORE_PER_MILLE", "0");
    setup.option("OTP_DELIVERY__LEASE_SECONDS", &lease)
}

/// Only one wide limit is narrow, and no number gets a second SMS.
pub fn limited(setup: Setup) -> Setup {
    let wide = ["ADDRESS", "PREFIX", "COUNTRY"];
    let setup = wide.iter().fold(setup, |setup, name| setup.option(&format!("OTP_LIMITS__WIDE__{name}"), "1000000/h"));
    let setup = setup.option("OTP_LIMITS__WIDE__TENANT", &format!("{SENDS}/h"));
    setup.option("OTP_LIMITS__NUMBER__SMS_INTERVAL_SECONDS", &INTERVAL.to_string())
}

/// A line for the log of every run, also of one that passes.
pub fn tell(line: &str) {
    // Past the capture of passing tests; a closed pipe is no failure.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// An answer; `None`: the connection failed.
pub type Reply = Option<(u16, HeaderMap, Value)>;

/// One start that was asked for.
#[derive(Clone)]
struct Asked {
    to: String,
    begun: Instant,
    ended: Instant,
    status: Option<u16>,
    id: Option<String>,
}

/// What the checks of one verification were answered.
#[derive(Debug, Default, Clone)]
struct Checks {
    approved: usize,
    /// 503 or no answer: it may have been approved all the same.
    unknown: usize,
}

#[derive(Default)]
struct Book {
    starts: Vec<Asked>,
    checks: HashMap<String, Checks>,
}

/// Something that arrived, as a sandbox list holds it.
pub struct Item {
    /// `<record>-<delivery>-<attempt>`
    pub attempt: String,
    pub to: String,
    pub body: String,
}

/// Those who ask, and what they remember.
#[derive(Clone)]
pub struct People {
    http: reqwest::Client,
    doors: Arc<Mutex<Vec<String>>>,
    lists: Arc<Vec<PathBuf>>,
    book: Arc<Mutex<Book>>,
    go_home: Arc<AtomicBool>,
}

impl People {
    pub async fn post(&self, door: usize, path: &str, body: Value) -> Reply {
        let url = {
            let doors = self.doors.lock().unwrap();
            format!("{}{path}", doors[door % doors.len()])
        };
        let response = self.http.post(url).bearer_auth(KEY).json(&body).send().await.ok()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Some((status, headers, response.json().await.ok()?))
    }

    /// Starts a verification of a new number; its id if it was accepted.
    pub async fn start(&self, door: usize) -> (Option<String>, Reply) {
        let (to, begun) = (fresh_number(), Instant::now());
        let reply = self.post(door, "/v1/verifications", json!({ "to": to })).await;
        let status = reply.as_ref().map(|reply| reply.0);
        let id = reply.as_ref().filter(|reply| reply.0 == 201).map(|reply| reply.2["id"].as_str().unwrap().to_owned());
        let asked = Asked { to, begun, ended: Instant::now(), status, id: id.clone() };
        self.book.lock().unwrap().starts.push(asked);
        (id, reply)
    }

    /// Checks a code, and notes what that was answered.
    pub async fn check(&self, door: usize, id: &str, code: &str) -> Reply {
        let reply = self.post(door, &format!("/v1/verifications/{id}/check"), json!({ "code": code })).await;
        let mut book = self.book.lock().unwrap();
        let checks = book.checks.entry(id.to_owned()).or_default();
        match &reply {
            Some((200, _, body)) if body["status"] == "approved" => checks.approved += 1,
            None | Some((503, ..)) => checks.unknown += 1,
            _ => {}
        }
        reply
    }

    /// How many starts were answered so; `None`: not at all.
    pub fn answered(&self, status: Option<u16>) -> usize {
        self.book.lock().unwrap().starts.iter().filter(|asked| asked.status == status).count()
    }

    /// Waits until so many more starts were answered so.
    pub async fn more(&self, n: usize, status: u16) {
        let before = self.answered(Some(status));
        let what = format!("{n} more starts answered {status}");
        until(SOON, &what, || async { (self.answered(Some(status)) >= before + n).then_some(()) }).await;
    }

    /// Everything that arrived on any sandbox, also of gateways that are dead.
    pub fn arrived(&self) -> Vec<Item> {
        let lists = self.lists.iter().map(|list| std::fs::read_to_string(list).unwrap_or_default());
        lists.flat_map(|list| list.lines().filter_map(item).collect::<Vec<_>>()).collect()
    }

    /// Logs in again and again; every second time the code is left for later.
    async fn live(self, n: usize) {
        for door in n.. {
            if self.go_home.load(Ordering::SeqCst) {
                return;
            }
            if let (Some(id), _) = self.start(door).await
                && door % 2 == 0
            {
                let begun = Instant::now();
                let short = format!("{}-", &id["ver_".len()..]);
                let code = loop {
                    let item = self.arrived().into_iter().find(|item| item.attempt.starts_with(&short));
                    if item.is_some() || begun.elapsed() > PAUSE {
                        break item.map(|item| code_in(&item.body));
                    }
                    tokio::time::sleep(PAUSE / 10).await;
                };
                if let Some(code) = code {
                    tokio::join!(self.check(door, &id, &code), self.check(door + 1, &id, &code));
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn item(line: &str) -> Option<Item> {
    let line: Value = serde_json::from_str(line).ok()?;
    let text = |name: &str| Some(line["item"][name].as_str()?.to_owned());
    Some(Item { attempt: text("attempt")?.strip_prefix("att_")?.to_owned(), to: text("to")?, body: text("body")? })
}

/// Gateways, those who ask them, and what went wrong when.
pub struct Scene {
    pub gateways: Vec<Gateway>,
    pub people: People,
    living: JoinSet<()>,
    faults: Vec<Range<Instant>>,
    /// Whether a Redis that was killed may have lost what it acknowledged.
    pub may_lose: bool,
}

impl Scene {
    /// Gateways that are started one after the other.
    pub fn of(setups: impl IntoIterator<Item = Setup>) -> Scene {
        let gateways: Vec<Gateway> = setups.into_iter().map(|setup| limited(setup).start()).collect();
        let doors = gateways.iter().map(|gateway| gateway.url.clone()).collect();
        let people = People {
            http: reqwest::Client::builder().timeout(SOON).build().unwrap(),
            doors: Arc::new(Mutex::new(doors)),
            lists: Arc::new(gateways.iter().map(|gateway| gateway.folder().join("sandbox.jsonl")).collect()),
            book: Arc::default(),
            go_home: Arc::default(),
        };
        Scene { gateways, people, living: JoinSet::new(), faults: Vec::new(), may_lose: false }
    }

    /// Two gateways, and people who come and go.
    pub async fn lively(url: &str) -> Scene {
        let mut scene = Scene::of([over(url), over(url)]);
        scene.people_come();
        scene.people.more(20, 201).await;
        scene
    }

    pub fn people_come(&mut self) {
        for n in 0..PEOPLE {
            self.living.spawn(self.people.clone().live(n));
        }
    }

    /// They do nothing new from now on.
    pub fn people_go_home(&self) {
        self.people.go_home.store(true, Ordering::SeqCst);
    }

    pub fn kill(&mut self, n: usize) {
        self.gateways[n].kill();
    }

    /// Starts a gateway again on its folder; with `alone` it is the only one that is asked.
    pub fn again(&mut self, n: usize, alone: bool) {
        let gateway = self.gateways.remove(n).kill_and_restart();
        self.gateways.insert(n, gateway);
        if alone {
            return self.only(n);
        }
        *self.people.doors.lock().unwrap() = self.gateways.iter().map(|gateway| gateway.url.clone()).collect();
    }

    /// From now on only this gateway is asked.
    pub fn only(&self, n: usize) {
        *self.people.doors.lock().unwrap() = vec![self.gateways[n].url.clone()];
    }

    /// A fault that lasted so long: waits until every gateway accepts a start again, and
    /// prints how long after the fault that was.
    pub async fn back(&mut self, what: &str, fault: Range<Instant>) {
        let ended = fault.end;
        let doors = self.people.doors.lock().unwrap().len();
        let mut took = Vec::new();
        for door in 0..doors {
            let people = &self.people;
            until(SOON, "service", || async { people.start(door).await.0 }).await;
            took.push(format!("{:.2}", ended.elapsed().as_secs_f64()));
        }
        tell(&format!("{what}: service is back after {} s, without a restart", took.join(" and ")));
        self.faults.push(fault);
    }
}

/// Waits until `/readyz` says so; it gives an answer again for a second.
pub async fn becomes_ready(gateway: &Gateway, is_ready: bool) {
    let status = if is_ready { 200 } else { 503 };
    until(SOON, "readiness", || async { (gateway.get("/readyz").await.status == status).then_some(()) }).await;
}
