//! The store in a real Redis, alone, behind Sentinels and as a cluster. The tests
//! start and stop their own servers.

mod mutants;
mod proxy;
mod servers;
mod suite;

use otp_gateway::store::redis::RedisOptions;

/// A store at that address under a prefix of its own.
pub fn options(url: &str, prefix: &str) -> RedisOptions {
    RedisOptions {
        url: url.to_owned(),
        key_prefix: prefix.to_owned(),
        ca: None,
        min_replicas_acked: 0,
        partitions: 128,
    }
}
