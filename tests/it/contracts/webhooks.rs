//! What the vendors' own libraries sign is believed; the same with anything changed is
//! refused and counted.

use serde_json::json;

use super::gateway_of;
use super::signer::{Body, Signer};
use super::twins::Made;
use crate::gateway::Gateway;

fn now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64
}

async fn post(gateway: &Gateway, url: &str, body: &Body, headers: &[(String, String)]) -> u16 {
    let path = url.strip_prefix(&gateway.url).unwrap();
    let mut request = gateway.request_without_key(reqwest::Method::POST, path);
    request = request.header("content-type", body.content_type()).body(body.bytes());
    for (name, value) in headers {
        request = request.header(name.as_str(), value.as_str());
    }
    // Whatever a proxy makes of it: the public URL of the configuration counts.
    request = request.header("host", "attacker.example");
    gateway.fetch(request).await.0
}

/// A scheme: the profile with its options, the key that signs, whether a time stamp is signed.
struct Scheme {
    name: &'static str,
    options: String,
    key: String,
    body: Body,
    timed: bool,
}

fn schemes(signer: &mut Signer) -> Vec<Scheme> {
    let pair = signer.ask(&json!({ "scheme": "telnyx_keys", "key": "", "url": "" }));
    let telnyx = json!({"data": {"event_type": "message.sent", "payload": {"id": "m", "to": [{"status": "sent"}]}}});
    let made = Made::new();
    let rsa = made.read("app.key");
    vec![
        Scheme {
            name: "twilio",
            options: "account_sid = \"AC1\"\nauth_token = \"a-token\"".into(),
            key: "a-token".into(),
            body: Body::form(&[("MessageSid", "SM1"), ("MessageStatus", "sent"), ("To", "+14155550123")]),
            timed: false,
        },
        Scheme {
            name: "plivo",
            options: "auth_id = \"MA1\"\nauth_token = \"a-token\"".into(),
            key: "a-token".into(),
            body: Body::form(&[("MessageUUID", "m"), ("Status", "sent"), ("To", "14155550123")]),
            timed: false,
        },
        Scheme {
            name: "vonage",
            options: format!(
                "application_id = \"78d3\"\nprivate_key = '''{rsa}'''\nsignature_secret = \"qwertyuiopasdfghjklzxcvbnm123456\""
            ),
            key: "qwertyuiopasdfghjklzxcvbnm123456".into(),
            body: Body::Json(json!({"message_uuid": "m", "status": "submitted", "channel": "sms"}).to_string()),
            timed: true,
        },
        Scheme {
            name: "telnyx",
            options: format!("api_key = \"K\"\npublic_key = {}", pair["public"]),
            key: pair["private"].as_str().unwrap().to_owned(),
            body: Body::Json(telnyx.to_string()),
            timed: true,
        },
    ]
}

/// A body with one byte changed.
fn changed(body: &Body) -> Body {
    match body {
        Body::Form(fields) => {
            let mut fields = fields.clone();
            fields.last_mut().unwrap().1.push('0');
            Body::Form(fields)
        }
        Body::Json(text) => Body::Json(text.replacen("\"m\"", "\"n\"", 1)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_vendors_libraries_sign_is_believed_and_nothing_else() {
    let mut signer = Signer::start();
    for scheme in schemes(&mut signer) {
        let name = scheme.name;
        let carrier = format!(
            "[carriers.main]\nprofile = \"{name}\"\nbase_url = \"http://127.0.0.1:9\"\n[carriers.main.options]\n{}\n",
            scheme.options
        );
        let gateway = gateway_of(&carrier).start();
        // No upstream is there: the attempt fails at once, and its address stays good.
        let id = gateway.start(&gateway.number()).await;
        gateway.verification(&id).await;
        let carriers = gateway.get("/v1/carriers").await.expect(200);
        let main = carriers["carriers"].as_array().unwrap().iter().find(|carrier| carrier["name"] == "main").unwrap();
        let inbound = main["addresses"]["messages from phones"].as_str().unwrap();
        // The carrier's own key opens the door of reports that name their attempt by its id.
        let url = inbound.replace("/inbound/", "/sms/");
        let (key, body) = (scheme.key.as_str(), &scheme.body);
        let signed = signer.sign(name, key, &url, body, now());
        assert_eq!(post(&gateway, &url, body, &signed).await, 200, "{name}");
        let mut refused = vec![
            ("without a signature", post(&gateway, &url, body, &[]).await),
            ("another body", post(&gateway, &url, &changed(body), &signed).await),
        ];
        let other_key = if name == "telnyx" {
            signer.ask(&json!({"scheme": "telnyx_keys", "key": "", "url": ""}))["private"].as_str().unwrap().to_owned()
        } else {
            format!("{key}x")
        };
        let by_other = signer.sign(name, &other_key, &url, body, now());
        refused.push(("another key", post(&gateway, &url, body, &by_other).await));
        if matches!(name, "twilio" | "plivo") {
            let elsewhere = signer.sign(name, key, &format!("{url}x"), body, now());
            refused.push(("another address", post(&gateway, &url, body, &elsewhere).await));
        }
        if scheme.timed {
            for at in [now() - 400, now() + 400] {
                let stale = signer.sign(name, key, &url, body, at);
                refused.push(("another time", post(&gateway, &url, body, &stale).await));
            }
        }
        assert!(refused.iter().all(|(_, status)| *status == 403), "{name}: {refused:?}");
        let counted = gateway.counted("otp_webhooks_total{carrier=\"main\",outcome=\"forged\"}").await;
        assert_eq!(counted, refused.len() as u64, "{name}");
    }
}
