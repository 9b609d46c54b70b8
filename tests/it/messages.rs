//! Texts of other systems.

use serde_json::json;

use crate::gateway::{Gateway, codes_spoken};

#[tokio::test(flavor = "multi_thread")]
async fn a_text_arrives_as_it_was_given() {
    let gateway = Gateway::demo();
    let to = gateway.number();
    let text = "Zahlung über 5 €:\ncode 739104 – ありがとう";
    let sent = gateway.post("/v1/messages", json!({ "to": to, "text": text })).await.expect(202);
    let id = sent["id"].as_str().unwrap();
    assert!(id.starts_with("msg_"));
    assert_eq!(gateway.nth(&to, 1).await["body"], text);
    let path = format!("/v1/messages/{id}");
    crate::gateway::until(crate::gateway::SOON, "delivery", || async {
        (gateway.get(&path).await.expect(200)["deliveries"][0]["state"] == "delivered").then_some(())
    })
    .await;
    assert_eq!(gateway.check(id, "739104").await.problem(), "not_found", "there is nothing to check");
    let old_name = gateway.post("/v1/messages", json!({ "to": gateway.number(), "body": "hello" })).await;
    assert_eq!(old_name.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_speaks_the_code_of_the_text() {
    let gateway = Gateway::demo();
    let to = gateway.number();
    let body = json!({ "to": to, "text": "Use 739104 to log in.", "channel": "voice" });
    gateway.post("/v1/messages", body).await.expect(202);
    let spoken = gateway.nth(&to, 1).await["spoken"].as_str().unwrap().to_owned();
    assert_eq!(codes_spoken(&spoken), ["739104", "739104", "739104"]);
    let none =
        gateway.post("/v1/messages", json!({ "to": gateway.number(), "text": "hello", "channel": "voice" })).await;
    assert_eq!((none.problem(), &none.body["field"]), ("invalid_field", &json!("code")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_limited_whoever_writes() {
    let gateway = Gateway::demo();
    let to = gateway.number();
    let verification = gateway.start(&to).await;
    assert_eq!(gateway.post("/v1/messages", json!({ "to": to, "text": "hello" })).await.problem(), "limit");
    assert_eq!(gateway.verification(&verification).await["status"], "pending", "a message closes no verification");
}
