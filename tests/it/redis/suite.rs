//! The suite that every store passes, on each kind of Redis.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use otp_gateway::clock::Clock;
use otp_gateway::model::Ms;
use otp_gateway::store::Store;
use otp_gateway::store::conformance::{Failure, Harness, Harnesses, run_all};
use otp_gateway::store::redis::Redis;

use super::options;
use super::servers::{Cluster, Sentinels, Server};

/// Changes a script's text: its name, the text.
type Edit = Arc<dyn Fn(&str, String) -> String + Send + Sync>;

/// One store, in real time.
struct One(Store);

#[async_trait]
impl Harness for One {
    fn store(&self) -> Store {
        self.0.clone()
    }

    async fn pass(&self, ms: Ms) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    fn tolerance_ms(&self) -> Ms {
        20
    }
}

/// Stores on one Redis, each under a prefix of its own.
struct Many {
    url: String,
    prefix: String,
    made: AtomicU64,
    edit: Edit,
}

#[async_trait]
impl Harnesses for Many {
    async fn fresh(&self) -> Arc<dyn Harness> {
        let prefix = format!("{}{}:", self.prefix, self.made.fetch_add(1, Ordering::Relaxed));
        let edit = self.edit.clone();
        let options = options(&self.url, &prefix);
        let store = Redis::open_with(&options, &Clock::followed(), &move |name, text| edit(name, text)).await;
        Arc::new(One(store.expect("Redis is there")))
    }
}

/// Stores at that address with changed scripts.
pub fn many(url: String, prefix: &str, edit: Edit) -> Arc<dyn Harnesses> {
    Arc::new(Many { url, prefix: prefix.to_owned(), made: AtomicU64::new(0), edit })
}

fn none(failures: &[Failure]) {
    let told: Vec<_> = failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{} failed\n{}", told.len(), told.join("\n"));
}

async fn passes(what: &str, url: String, seeds: u64) {
    let begun = Instant::now();
    none(&run_all(many(url, "t", Arc::new(|_, text| text)), 0..seeds, 16).await);
    println!("cases and {seeds} histories, {what}: {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_holds_on_one_server() {
    let server = Server::start(&[]).await;
    passes("one server", server.url(), 60).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_holds_behind_sentinels() {
    let sentinels = Sentinels::start(&[]).await;
    passes("Sentinels", sentinels.url(), 30).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_holds_on_a_cluster() {
    let cluster = Cluster::start(false).await;
    passes("cluster", cluster.url(), 30).await;
}

/// In front of every script: a call on a key that is not among KEYS is an error. On one
/// server such a call would work by chance.
const GUARD: &str = "
local server, declared = redis, {}
for _, key in ipairs(KEYS) do declared[key] = true end
local redis = setmetatable({}, { __index = server })
redis.call = function(command, key, ...)
  if command == 'TIME' then return server.call(command) end
  if not declared[key] then error('undeclared key ' .. tostring(key)) end
  return server.call(command, key, ...)
end
";

#[tokio::test(flavor = "multi_thread")]
async fn no_script_touches_a_key_that_it_does_not_declare() {
    let server = Server::start(&[]).await;
    let guard = |_: &str, text: String| {
        let (first, rest) = text.split_once('\n').expect("a script has lines");
        format!("{first}\n{GUARD}\n{rest}")
    };
    none(&run_all(many(server.url(), "g", Arc::new(guard)), 0..30, 16).await);
}
