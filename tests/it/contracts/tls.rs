//! A certificate of somebody else's: nothing is sent to it.

use serde_json::json;

use super::made::Made;
use super::{Served, gateway_of};
use crate::gateway::{SOON, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_for_another_name_is_no_carrier() {
    let made = Made::new();
    let (ca, tls, key) = (made.path("ca.pem"), made.path("tls.pem"), made.path("tls.key"));
    let authority = reqwest::Certificate::from_pem(made.read("ca.pem").as_bytes()).unwrap();
    let http = reqwest::Client::builder().add_root_certificate(authority).build().unwrap();
    let pair = [tls.to_str().unwrap(), key.to_str().unwrap()];
    let recorder = Served::start("recorder.py", &pair, "/_requests", http, "https").await;
    // It is for 127.0.0.1; its authority is trusted.
    for (host, sent) in [("127.0.0.1", 1), ("localhost", 0)] {
        let before = recorder.requests(0).await.len();
        let carrier = format!(
            "[carrier_http]\nca_file = {ca:?}\n[carriers.main]\nprofile = \"infobip\"\nbase_url = \"{}\"\n\
             [carriers.main.options]\napi_key = \"k\"\n",
            recorder.url.replace("127.0.0.1", host)
        );
        let gateway = gateway_of(&carrier).start();
        let id = gateway.start(&gateway.number()).await;
        let attempt = until(SOON, "the attempt", || async {
            let attempt = gateway.verification(&id).await["deliveries"][0]["attempts"][0].clone();
            (attempt["state"] != "submitting" && attempt.is_object()).then_some(attempt)
        })
        .await;
        let expected = match sent {
            1 => json!(["submitted", null]),
            _ => json!(["failed", "temporary_carrier_fault"]),
        };
        assert_eq!(json!([attempt["state"], attempt["cause"]]), expected, "{host}");
        assert_eq!(recorder.requests(0).await.len() - before, sent, "{host}");
    }
}
