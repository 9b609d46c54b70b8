//! Two gateways in one process: no state is global.

use std::path::Path;

use otp_gateway::app::Gateway;
use otp_gateway::config::{CarrierOptions, Config, CountryList, KeyOptions, Scope, TenantLimits, TenantOptions, load};
use otp_gateway::model::{Secret, TenantId};
use otp_gateway::seal::{ApiKeyHash, MasterKey};
use serde_json::{Value, json};

use crate::gateway::{SOON, fresh_number, until};

fn config(folder: &Path, key: &str) -> Config {
    let mut config = load(None, &|_| None, &[]).unwrap().config;
    config.server.listen = "127.0.0.1:0".parse().unwrap();
    config.store.path = folder.join("gateway.db");
    config.seal.master_key = Secret::new(MasterKey::generate().reveal().clone());
    config.sandbox.enabled = true;
    config.countries.allow = CountryList::All;
    config.carriers.insert("only".into(), CarrierOptions::of("sandbox", 1));
    let tenant = TenantId("shop".into());
    config.tenants.push(TenantOptions {
        name: tenant.clone(),
        verification: config.verification.clone(),
        limits: TenantLimits { number: config.limits.number.clone() },
    });
    let scopes = vec![Scope::Verify, Scope::Support];
    config.keys.push(KeyOptions { tenant, owner: "test".into(), scopes, hash: ApiKeyHash::of(key).to_string() });
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_share_nothing() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let one = Gateway::start(config(folders[0].path(), "key one")).await.unwrap();
    let two = Gateway::start(config(folders[1].path(), "key two")).await.unwrap();
    let client = reqwest::Client::new();
    let to = fresh_number();
    for (gateway, key) in [(&one, "key one"), (&two, "key two")] {
        let url = format!("http://{}", gateway.address());
        let start = client.post(format!("{url}/v1/verifications")).bearer_auth(key).json(&json!({ "to": to }));
        assert_eq!(start.send().await.unwrap().status(), 201);
        until(SOON, "the SMS", || async {
            let list = client.get(format!("{url}/sandbox/messages")).bearer_auth(key).send().await.unwrap();
            let list: Value = list.json().await.unwrap();
            (list.as_array().unwrap().len() == 1).then_some(())
        })
        .await;
    }
    let url = format!("http://{}", two.address());
    let foreign = client.post(format!("{url}/v1/verifications")).bearer_auth("key one").json(&json!({ "to": to }));
    assert_eq!(foreign.send().await.unwrap().status(), 401);
    let metrics = client.get(format!("{url}/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("otp_verifications_total{name=\"created\"} 1"), "{metrics}");
    one.stop().await;
    two.stop().await;
}
