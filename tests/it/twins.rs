//! Two gateways in one process share nothing.

use std::path::Path;

use otp_gateway::app::Gateway;
use otp_gateway::config::{CarrierOptions, Config, CountryList, KeyOptions, Scope, TenantLimits, TenantOptions, load};
use otp_gateway::model::TenantId;
use otp_gateway::seal::{ApiKeyHash, MasterKey};
use serde_json::{Value, json};

use crate::gateway::{SOON, code_in, fresh_number, until};

const KEYS: [&str; 2] = ["key-of-the-first", "key-of-the-second"];

/// What the demo does with the defaults.
fn config(data: &Path, key: &str) -> Config {
    let mut config = load(None, &|_| None, &[]).unwrap().config;
    config.server.listen = "127.0.0.1:0".parse().unwrap();
    config.store.path = data.join("gateway.db");
    config.seal.master_key = MasterKey::generate();
    config.sandbox.enabled = true;
    config.countries.allow = CountryList::All;
    config.carriers.insert("only".into(), CarrierOptions::of("sandbox", 100));
    let tenant = TenantId("twin".into());
    config.tenants.push(TenantOptions {
        name: tenant.clone(),
        verification: config.verification.clone(),
        limits: TenantLimits { number: config.limits.number.clone() },
    });
    config.keys.push(KeyOptions {
        tenant,
        owner: "twin".into(),
        scopes: vec![Scope::Verify, Scope::Deliver, Scope::Support],
        hash: ApiKeyHash::of(key).to_string(),
    });
    config
}

/// A client of one of them.
struct Twin {
    http: reqwest::Client,
    url: String,
    key: &'static str,
}

impl Twin {
    fn of(gateway: &Gateway, key: &'static str) -> Twin {
        Twin { http: reqwest::Client::new(), url: format!("http://{}", gateway.address()), key }
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let request = self.http.get(format!("{}{path}", self.url)).bearer_auth(self.key);
        let response = request.timeout(SOON).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.url)).bearer_auth(self.key).json(&body);
        let response = request.timeout(SOON).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    async fn arrived(&self, to: &str) -> Vec<Value> {
        let (_, list) = self.get(&format!("/sandbox/messages?to={}", &to[1..])).await;
        serde_json::from_str(&list).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_in_one_process_share_nothing() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let of_first = config(folders[0].path(), KEYS[0]);
    let first = Gateway::start(of_first.clone()).await.unwrap();
    let second = Gateway::start(config(folders[1].path(), KEYS[1])).await.unwrap();
    let twins = [Twin::of(&first, KEYS[0]), Twin::of(&second, KEYS[1])];
    let to = fresh_number();

    let mut sent = Vec::new();
    for twin in &twins {
        let (status, started) = twin.post("/v1/verifications", json!({ "to": to })).await;
        assert_eq!(status, 201, "the limits of the other do not count: {started}");
        let text = until(SOON, "the SMS", || async { twin.arrived(&to).await.first().cloned() }).await;
        sent.push((started["id"].as_str().unwrap().to_owned(), code_in(text["body"].as_str().unwrap())));
    }
    for (own, other) in [(0, 1), (1, 0)] {
        let (id, code) = &sent[own];
        let stranger = Twin { http: reqwest::Client::new(), url: twins[own].url.clone(), key: KEYS[other] };
        assert_eq!(stranger.get(&format!("/v1/verifications/{id}")).await.0, 401);
        assert_eq!(twins[other].get(&format!("/v1/verifications/{id}")).await.0, 404);
        assert_eq!(twins[own].arrived(&to).await.len(), 1);
        let check = format!("/v1/verifications/{id}/check");
        assert_eq!(twins[own].post(&check, json!({ "code": code })).await.1["status"], "approved");
    }
    // Only the first is asked for a lookup, and only the first counts it.
    twins[0].post("/v1/numbers/lookup", json!({ "to": to })).await;
    let counted = "otp_requests_total{endpoint=\"POST /v1/numbers/lookup\",status=\"200\"} 1\n";
    assert!(twins[0].get("/metrics").await.1.contains(counted));
    assert!(!twins[1].get("/metrics").await.1.contains("numbers/lookup"));

    tokio::time::timeout(SOON, first.stop()).await.expect("it stops");
    assert_eq!(twins[1].get("/readyz").await, (200, "ready\n".into()), "the other goes on");
    let (id, _) = &sent[1];
    assert_eq!(twins[1].get(&format!("/v1/verifications/{id}")).await.0, 200);
    tokio::time::timeout(SOON, second.stop()).await.expect("it stops");

    // What stopped has let go of its data, and may be started again in this process.
    let again = Gateway::start(of_first).await.unwrap();
    let (status, _) = Twin::of(&again, KEYS[0]).get(&format!("/v1/verifications/{}", sent[0].0)).await;
    assert_eq!(status, 200);
    tokio::time::timeout(SOON, again.stop()).await.expect("it stops");
}
