//! The store in a real Redis, alone, behind Sentinels and as a cluster. The tests
//! start and stop their own servers.

mod crew;
mod failover;
mod failures;
mod fleet;
mod log;
mod login;
mod made;
mod memory;
mod mutants;
mod newer;
mod oddities;
mod pace;
mod proxy;
mod radar;
mod refusals;
mod rotation;
mod servers;
mod suite;
mod tls;
mod traffic;

use std::time::{Duration, Instant};

use otp_gateway::model::Secret;
use otp_gateway::seal::MasterKey;
use otp_gateway::store::redis::RedisOptions;

use crate::command::run;
use crate::gateway::{Gateway, Setup};

/// Longest wait for a fail-over.
pub const LONG: Duration = Duration::from_secs(30);

/// A store at that address under a prefix of its own.
pub fn options(url: &str, prefix: &str) -> RedisOptions {
    RedisOptions {
        url: Secret::new(url.to_owned()),
        key_prefix: prefix.to_owned(),
        ca: None,
        min_replicas_acked: 0,
        partitions: 128,
    }
}

/// A gateway on a shared store, to be changed before it starts.
pub fn shared(url: &str, master_key: &str) -> Setup {
    let setup = Gateway::setup().argument("--relaxed-limits").argument("--store").argument(url);
    setup.option("OTP_MASTER_KEY", master_key)
}

/// A new master key, in base64.
pub fn master_key() -> String {
    MasterKey::generate().reveal().clone()
}

/// What a gateway says that does not start with this store. It ends soon, with exit code 1,
/// and says one line (and its log, if a variable asks for one).
pub async fn refused(url: &str, variables: &[(&str, &str)]) -> String {
    let (folder, begun) = (tempfile::tempdir().expect("a folder"), Instant::now());
    let data = folder.path().to_str().expect("a plain path");
    let ran = run(&["demo", "--listen", "127.0.0.1:0", "--data", data, "--store", url], variables).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "it took {:?} to say {}", begun.elapsed(), ran.err);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{}", ran.err);
    let is_logging = variables.iter().any(|(name, _)| *name == "OTP_LOG__LEVEL");
    assert!(is_logging || ran.err.lines().count() == 1, "{}", ran.err);
    ran.err.trim_end().to_owned()
}
