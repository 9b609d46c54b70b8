//! Who may do what: keys, scopes, tenants.

use std::io::Write;
use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};

use crate::gateway::{Gateway, program};

/// A key for a tenant as `keys new` makes it: the key, and the lines.
fn key(tenant: &str, scopes: &[&str]) -> (String, String) {
    let scopes = scopes.iter().flat_map(|scope| ["--scope", scope]);
    let output = Command::new(program())
        .args(["keys", "new", "--json", "--tenant", tenant, "--owner", "back end"])
        .args(scopes)
        .output()
        .unwrap();
    let made: Value = serde_json::from_slice(&output.stdout).unwrap();
    let lines = format!(
        "[[keys]]\ntenant = {}\nowner = {}\nscopes = {}\nhash = {}\n",
        made["tenant"], made["owner"], made["scopes"], made["hash"]
    );
    (made["key"].as_str().unwrap().to_owned(), lines)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_good_key_nothing_is_told() {
    let gateway = Gateway::demo();
    let client = reqwest::Client::new();
    let paths = [
        (Method::POST, "/v1/verifications"),
        (Method::GET, "/v1/verifications/ver_x"),
        (Method::DELETE, "/v1/verifications/ver_x"),
        (Method::POST, "/v1/messages"),
        (Method::POST, "/v1/numbers/lookup"),
        (Method::GET, "/sandbox/messages"),
        (Method::GET, "/sandbox/phones"),
        (Method::GET, "/sandbox/outcomes"),
    ];
    for (method, path) in paths {
        for header in
            [None, Some("Bearer wrong"), Some("Basic demo-key"), Some("demo-key"), Some("Bearer"), Some("Bearer ")]
        {
            let mut request = client.request(method.clone(), format!("{}{path}", gateway.url)).body("{}");
            if let Some(header) = header {
                request = request.header("authorization", header);
            }
            let answer = gateway.send(request).await;
            assert_eq!((answer.status, answer.problem()), (401, "unauthorized"), "{path} {header:?}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_sees_only_its_own_and_a_key_does_only_what_its_scopes_say() {
    let (shop, shop_lines) = key("shop", &["verify", "deliver"]);
    let (only_verify, verify_lines) = key("shop", &["verify"]);
    let (only_ops, ops_lines) = key("shop", &["ops"]);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let config = format!("[[tenants]]\nname = \"shop\"\n{shop_lines}{verify_lines}{ops_lines}");
    file.write_all(config.as_bytes()).unwrap();
    let mut gateway = Gateway::setup()
        .argument("--relaxed-limits")
        .argument("--config")
        .argument(file.path().to_str().unwrap())
        .start();
    let to = gateway.number();
    let theirs = gateway.start(&to).await;
    let their_message = gateway.post("/v1/messages", json!({ "to": gateway.number(), "text": "x" })).await.id();
    for made in [&shop, &only_verify, &only_ops] {
        gateway.secret(made);
    }

    gateway.key = shop.clone();
    assert_eq!(gateway.get(&format!("/v1/verifications/{theirs}")).await.problem(), "not_found");
    assert_eq!(gateway.get(&format!("/v1/verifications/{theirs}/help")).await.problem(), "not_found");
    assert_eq!(gateway.delete(&format!("/v1/verifications/{theirs}")).await.problem(), "not_found");
    assert_eq!(gateway.check(&theirs, "123456").await.problem(), "not_found");
    assert_eq!(gateway.resend(&theirs, "voice").await.problem(), "not_found");
    assert_eq!(gateway.get(&format!("/v1/messages/{their_message}")).await.problem(), "not_found");
    assert_eq!(gateway.get("/sandbox/messages").await.problem(), "missing_scope");
    // Its own start for the same number is another matter: limits are per tenant.
    let own = gateway.start(&to).await;

    gateway.key = only_verify;
    gateway.verification(&own).await;
    let refused = gateway.post("/v1/messages", json!({ "to": to, "text": "x" })).await;
    assert_eq!((refused.status, refused.problem(), &refused.body["scope"]), (403, "missing_scope", &json!("deliver")));
    gateway.key = only_ops;
    assert_eq!(gateway.get(&format!("/v1/verifications/{own}")).await.problem(), "missing_scope");
    assert_eq!(gateway.check(&own, "123456").await.problem(), "missing_scope");
    assert_eq!(gateway.post("/v1/numbers/lookup", json!({ "to": to })).await.problem(), "missing_scope");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_deliveries_in_ten_minutes_are_shared_by_all_tenants() {
    let (shop, lines) = key("shop", &["verify"]);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(format!("[[tenants]]\nname = \"shop\"\n{lines}").as_bytes()).unwrap();
    let mut gateway = Gateway::setup()
        .argument("--config")
        .argument(file.path().to_str().unwrap())
        .option("OTP_LIMITS__NUMBER__SMS_INTERVAL_SECONDS", "0")
        .option("OTP_LIMITS__NUMBER__DELIVERIES_ALL_TENANTS", "3/10m")
        .start();
    gateway.secret(&shop);
    let to = gateway.number();
    gateway.start(&to).await;
    gateway.start(&to).await;
    gateway.key = shop;
    gateway.start(&to).await;
    let refused = gateway.post("/v1/verifications", json!({ "to": to })).await;
    assert_eq!(refused.body["limit"], "number_all_tenants");
}
