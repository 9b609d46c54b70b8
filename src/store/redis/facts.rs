//! Facts about the store, and whether it is fit for use.

use std::collections::BTreeMap;

use async_trait::async_trait;
use redis::Value;

use super::Redis;
use super::answer::{bytes, texts};
use crate::store::{Facts, StoreError};

fn value(value: &Value) -> Option<Vec<u8>> {
    bytes(value).map(<[u8]>::to_vec)
}

/// The eviction policy in the answer to INFO; in a cluster each server gives one.
fn policies(info: &Value) -> Vec<String> {
    let policy =
        |text: &String| text.lines().find_map(|line| line.strip_prefix("maxmemory_policy:").map(str::to_owned));
    texts(info).iter().filter_map(policy).collect()
}

#[async_trait]
impl Facts for Redis {
    async fn fact(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let mut get = redis::cmd("GET");
        get.arg(self.keys.fact(name));
        self.link.send(get).await.map(|answer| value(&answer))
    }

    async fn set_once(&self, name: &str, value: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let mut set = redis::cmd("SET");
        set.arg(self.keys.fact(name)).arg(value).arg("NX");
        self.link.send(set).await?;
        // Ours, or the one of whoever came first.
        let stands = self.fact(name).await?;
        let stands = stands.ok_or_else(|| StoreError::unreadable("a fact is gone right after it was written"))?;
        self.known().insert(name.to_owned(), stands.clone());
        Ok(stands)
    }

    async fn set(&self, name: &str, value: Vec<u8>) -> Result<(), StoreError> {
        let mut set = redis::cmd("SET");
        set.arg(self.keys.fact(name)).arg(&value);
        self.link.send(set).await?;
        self.known().insert(name.to_owned(), value);
        Ok(())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.call(&self.scripts.ping.on([self.keys.ping()])).await?;
        let mut info = redis::cmd("INFO");
        info.arg("memory");
        match policies(&self.link.send(info).await?).into_iter().find(|policy| policy != "noeviction") {
            None => Ok(()),
            Some(policy) => Err(StoreError::Misconfigured(format!(
                "Redis' maxmemory-policy is {policy}: it may forget limits and codes; set it to noeviction"
            ))),
        }
    }
}

impl Redis {
    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.facts.lock().expect("no panic while held")
    }

    /// Puts the facts back that a Redis which came back empty has lost, before another
    /// gateway starts and makes its own: with two sets of keys limits would count apart.
    pub async fn restore_facts(&self) -> Result<(), StoreError> {
        let known = self.known().clone();
        for (name, value) in known {
            if self.set_once(&name, value.clone()).await? != value {
                tracing::error!(fact = name, "The store holds other facts than before; restart this gateway.");
            }
        }
        Ok(())
    }
}
