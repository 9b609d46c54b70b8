//! How a Redis is set up, for `doctor`: looks only, and writes nothing.

use redis::Value;

use super::answer::{bytes, texts};
use super::link::Link;
use super::{RedisOptions, address};
use crate::model::Ms;
use crate::store::StoreError;

/// How one server is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// `redis_version`.
    pub version: String,
    /// `maxmemory-policy`.
    pub policy: String,
    /// Whether the append-only file is on.
    pub append_only: bool,
    /// `appendfsync`; empty if we may not ask.
    pub fsync: String,
}

/// Every server that the address names, and one server's clock.
pub async fn examine(options: &RedisOptions) -> Result<(Vec<Setup>, Ms), StoreError> {
    let link = Link::new(address::target(options.url.reveal(), options.ca.clone())?, 0);
    let infos = texts(&link.send(redis::cmd("INFO")).await?);
    let mut config = redis::cmd("CONFIG");
    config.arg("GET").arg("appendfsync");
    // Many hosted servers do not answer this.
    let fsync = link.send(config).await.map(|answer| strings(&answer)).unwrap_or_default();
    let fsync = fsync.iter().find(|text| matches!(text.as_str(), "always" | "everysec" | "no")).cloned();
    let time = strings(&link.send(redis::cmd("TIME")).await?);
    let now = time.first().and_then(|seconds| seconds.parse::<Ms>().ok()).unwrap_or(0) * crate::model::SECOND;
    let setup = |info: &String| {
        let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let field = |name: &str| field(name).unwrap_or_default().trim().to_owned();
        Setup {
            version: field("redis_version"),
            policy: field("maxmemory_policy"),
            append_only: field("aof_enabled") == "1",
            fsync: fsync.clone().unwrap_or_default(),
        }
    };
    Ok((infos.iter().map(setup).collect(), now))
}

/// Every text in an answer.
fn strings(answer: &Value) -> Vec<String> {
    match answer {
        Value::Map(pairs) => pairs.iter().flat_map(|(name, value)| [strings(name), strings(value)].concat()).collect(),
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Int(number) => vec![number.to_string()],
        one => bytes(one).map(|bytes| String::from_utf8_lossy(bytes).into_owned()).into_iter().collect(),
    }
}
