//! Who may ask for what: keys, tenants and scopes.

use reqwest::Method;
use serde_json::{Value, json};

use crate::command::run;
use crate::gateway::{Gateway, tenants};

const SHOP: &str = "shop-key-20b6c7";
const BANK: &str = "bank-key-91d3e4";

#[tokio::test(flavor = "multi_thread")]
async fn without_a_known_key_nothing_is_told() {
    let gateway = Gateway::demo();
    let to = gateway.number();
    let id = gateway.start(&to).await;
    let own = format!("/v1/verifications/{id}");
    for path in [&*own, "/v1/verifications/garbage", "/sandbox/messages", "/sandbox/phones", "/sandbox/audio/sbx_1"] {
        for header in [None, Some("Bearer wrong"), Some("Bearer "), Some("Bearer"), Some("Basic ZGVtbzpkZW1vLWtleQ==")]
        {
            let request = gateway.request_without_key(Method::GET, path);
            let request = header.into_iter().fold(request, |request, value| request.header("Authorization", value));
            let answer = gateway.send(request).await;
            assert_eq!((answer.status, answer.problem()), (401, "unauthorized"), "{path} {header:?}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer", "{path} {header:?}");
            assert!(!answer.body.to_string().contains(&id));
        }
    }
    // A request that is wrong in every way learns only that its key is.
    let request = gateway.request_without_key(Method::POST, "/v1/verifications").bearer_auth("wrong").body("{");
    assert_eq!(gateway.send(request).await.problem(), "unauthorized");
    let unusual = gateway.request_without_key(Method::GET, &own).header("Authorization", "bearer demo-key");
    assert_eq!(gateway.send(unusual).await.status, 200, "the scheme's case does not matter (RFC 9110, 11.1)");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_sees_only_what_is_its_own() {
    let scopes: &[&str] = &["verify", "deliver"];
    let both = tenants(&[("shop", SHOP, scopes), ("bank", BANK, scopes)]);
    let mut gateway = Gateway::setup().argument("--relaxed-limits").config(&both).start();
    [SHOP, BANK].iter().for_each(|key| gateway.secret(key));
    let (to, other) = (gateway.number(), gateway.number());
    let text = json!({ "to": other, "text": "Your code is 7081." });
    let id = gateway.post_as(SHOP, "/v1/verifications", &json!({ "to": to })).await.id();
    let message = gateway.post_as(SHOP, "/v1/messages", &text).await.id();
    let code = gateway.code(&to).await;

    gateway.key = BANK.into();
    let (own, sent) = (format!("/v1/verifications/{id}"), format!("/v1/messages/{message}"));
    assert_eq!(gateway.get(&own).await.problem(), "not_found");
    assert_eq!(gateway.get(&format!("{own}/help")).await.problem(), "not_found");
    assert_eq!(gateway.delete(&own).await.problem(), "not_found");
    assert_eq!(gateway.check(&id, &code).await.problem(), "not_found");
    assert_eq!(gateway.resend(&id, "voice").await.problem(), "not_found");
    let with_key = gateway.post_with_key(&format!("{own}/deliveries"), "k", &json!({ "channel": "voice" })).await;
    assert_eq!(with_key.problem(), "not_found");
    assert_eq!(gateway.get(&sent).await.problem(), "not_found");

    gateway.key = SHOP.into();
    let untouched = gateway.verification(&id).await;
    assert_eq!((&untouched["status"], &untouched["attempts_left"]), (&json!("pending"), &json!(5)));
    assert_eq!(untouched["deliveries"].as_array().unwrap().len(), 1);
    assert_eq!(gateway.get(&sent).await.status, 200);
    assert_eq!(gateway.check(&id, &code).await.expect(200)["status"], "approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_may_do_only_what_its_scopes_say() {
    let keys = [("verify", "key-of-verify"), ("deliver", "key-of-deliver"), ("support", "key-of-support")];
    let lines: String =
        keys.iter().map(|(scope, key)| tenants(&[(&format!("tenant-{scope}"), key, &[*scope])])).collect();
    let gateway = Gateway::setup().argument("--relaxed-limits").config(&lines).start();
    let id = gateway.start(&gateway.number()).await;
    let own = format!("/v1/verifications/{id}");
    let (help, check, deliveries) = (format!("{own}/help"), format!("{own}/check"), format!("{own}/deliveries"));
    let row = json!({ "channel": "sms", "outcome": "delivered" });
    let endpoints: [(&str, &str, &str, Value); 17] = [
        ("verify", "POST", "/v1/verifications", json!({ "to": gateway.number() })),
        ("verify", "GET", &own, Value::Null),
        ("verify", "GET", &help, Value::Null),
        ("verify", "POST", &check, json!({ "code": "123456" })),
        ("verify", "POST", &deliveries, json!({ "channel": "voice" })),
        ("verify", "DELETE", &own, Value::Null),
        ("verify", "POST", "/v1/numbers/lookup", json!({ "to": gateway.number() })),
        ("deliver", "POST", "/v1/messages", json!({ "to": gateway.number(), "text": "7081 is it" })),
        ("deliver", "GET", "/v1/messages/msg_00000000000000000000000000", Value::Null),
        ("support", "GET", "/sandbox/messages", Value::Null),
        ("support", "GET", "/sandbox/phones", Value::Null),
        ("support", "GET", "/sandbox/audio/sbx_1", Value::Null),
        ("support", "GET", "/sandbox/audio/sbx_1/say/1", Value::Null),
        ("support", "POST", "/sandbox/calls/sbx_1/answer", json!({})),
        ("support", "GET", "/sandbox/outcomes", Value::Null),
        ("support", "PUT", "/sandbox/outcomes", row),
        ("support", "DELETE", "/sandbox/outcomes", Value::Null),
    ];
    for (needed, method, path, body) in endpoints {
        for (scope, key) in keys {
            let request = gateway.request_without_key(method.parse().unwrap(), path).bearer_auth(key);
            let request = if body.is_null() { request } else { request.json(&body) };
            let answer = gateway.send(request).await;
            if scope == needed {
                assert!(![401, 403, 405].contains(&answer.status), "{scope}: {method} {path}: {}", answer.body);
            } else {
                assert_eq!((answer.status, answer.problem()), (403, "missing_scope"), "{scope}: {method} {path}");
                assert_eq!(answer.body["scope"], needed, "{scope}: {method} {path}");
            }
        }
    }
    assert_eq!(gateway.verification(&id).await["status"], "pending", "refused requests changed nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_works_where_its_lines_are_pasted() {
    let as_json = run(&["keys", "new", "--tenant", "shop", "--owner", "back end", "--json"], &[]).await;
    let made: Value = serde_json::from_str(&as_json.out).unwrap();
    let key = made["key"].as_str().unwrap();
    let hash = &made["hash"];
    let line =
        format!("[[keys]]\ntenant = \"shop\"\nowner = \"back end\"\nscopes = {}\nhash = {hash}\n", made["scopes"]);

    let printed = run(&["keys", "new", "--tenant", "shop", "--owner", "the \"desk\"", "--scope", "support"], &[]).await;
    let (shown, pasted) = printed.out.split_once("[[keys]]").expect("lines for the configuration");
    let desk = shown.split_whitespace().find(|word| word.starts_with("otpk_")).expect("a key");
    assert!(!pasted.contains(desk) && key != desk);

    let config = format!("[[tenants]]\nname = \"shop\"\n{line}[[keys]]{pasted}");
    let mut gateway = Gateway::setup().config(&config).start();
    [key, desk].iter().for_each(|key| gateway.secret(key));
    gateway.key = key.into();
    let id = gateway.start(&gateway.number()).await;
    assert_eq!(gateway.get("/sandbox/messages").await.problem(), "missing_scope");
    gateway.key = desk.into();
    assert_eq!(gateway.get("/sandbox/messages").await.status, 200);
    assert_eq!(gateway.get(&format!("/v1/verifications/{id}")).await.problem(), "missing_scope");
}
