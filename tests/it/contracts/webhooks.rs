//! Webhooks signed by the vendors' own libraries are believed; the same with anything
//! changed is refused and counted.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::made::Made;
use super::signer::{Body, Signer};
use super::vendors::{body_of, gateway_at, options, text_with};
use super::{Served, client};
use crate::gateway::{Gateway, SOON, until};

/// The window of the schemes that have a time stamp, in seconds.
const WINDOW: i64 = 300;

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().cast_signed()
}

/// A vendor whose webhooks are signed.
struct Scheme {
    vendor: &'static str,
    options: Vec<(&'static str, String)>,
    /// What signs, and another key of the same kind.
    key: String,
    other_key: String,
    /// The signature covers the address.
    covers_address: bool,
    /// The signature has a time stamp.
    has_time: bool,
    delivered: Body,
}

struct Door {
    gateway: Gateway,
    forged: u64,
}

impl Door {
    async fn post(&self, url: &str, body: Vec<u8>, kind: &str, headers: &[(String, String)]) -> u16 {
        // Whatever a proxy makes of the host: the public URL of the configuration counts.
        let mut request = client().post(url).header("host", "attacker.example").header("content-type", kind).body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = self.gateway.send(request).await;
        if answer.status != 200 {
            assert_eq!(answer.problem(), "forged_webhook");
        }
        answer.status
    }

    async fn counted(&self) -> u64 {
        self.gateway.counted("otp_webhooks_total{carrier=\"main\",outcome=\"forged\"}").await
    }

    /// It is refused with 403, and counted once.
    async fn refuses(&mut self, what: &str, url: &str, body: Vec<u8>, kind: &str, headers: &[(String, String)]) {
        assert_eq!(self.post(url, body, kind, headers).await, 403, "{what}");
        self.forged += 1;
        assert_eq!(self.counted().await, self.forged, "{what} is counted");
    }

    /// Sends a text; the id of its message and the address for its reports.
    async fn sends(&self, recorder: &Served, n: usize) -> (String, String) {
        let to = self.gateway.number();
        let body = json!({ "to": to, "text": "123456 is your code." });
        let id = self.gateway.post("/v1/messages", body).await.expect(202)["id"].as_str().unwrap().to_owned();
        let request = recorder.requests(n).await.pop().unwrap();
        let body = body_of(&request);
        (id, text_with(&body, "/webhooks/main/sms/").expect("reports are asked for").to_owned())
    }

    async fn reaches(&self, id: &str, state: &str) {
        let path = format!("/v1/messages/{id}");
        until(SOON, state, || async {
            (self.gateway.get(&path).await.expect(200)["deliveries"][0]["state"] == state).then_some(())
        })
        .await;
    }
}

/// With one character of the text at `at` changed into another that keeps the form a form.
fn changed(body: &[u8], at: usize) -> Vec<u8> {
    let mut body = body.to_vec();
    body[at] = if body[at] == b'x' { b'y' } else { b'x' };
    body
}

async fn only_the_vendor_is_believed(scheme: Scheme, signer: &mut Signer) {
    let Scheme { vendor, options, key, other_key, covers_address, has_time, delivered } = scheme;
    let recorder = Served::start("recorder.py", &[], "/_requests", client(), "http").await;
    let gateway = gateway_at(&recorder, vendor, &options).start();
    let mut door = Door { gateway, forged: 0 };
    let (id, url) = door.sends(&recorder, 1).await;
    let (_, other_url) = door.sends(&recorder, 2).await;
    let (body, kind) = (delivered.bytes(), delivered.content_type());
    let signed = signer.sign(vendor, &key, &url, &delivered, now());

    door.refuses("without a signature", &url, body.clone(), kind, &[]).await;
    for (n, (name, value)) in signed.iter().enumerate() {
        let mut fewer = signed.clone();
        fewer.remove(n);
        door.refuses(&format!("without {name}"), &url, body.clone(), kind, &fewer).await;
        let mut other = signed.clone();
        let middle = value.len() / 2;
        let figure = if value.as_bytes()[middle] == b'7' { "8" } else { "7" };
        other[n].1.replace_range(middle..=middle, figure);
        door.refuses(&format!("another {name}"), &url, body.clone(), kind, &other).await;
    }
    for at in [0, body.len() / 3, body.len() / 2, body.len() - 1] {
        door.refuses(&format!("byte {at} changed"), &url, changed(&body, at), kind, &signed).await;
    }
    let other_key = signer.sign(vendor, &other_key, &url, &delivered, now());
    door.refuses("another key", &url, body.clone(), kind, &other_key).await;

    // A reference that this gateway did not make, signed for it.
    let guessed = String::from_utf8(changed(url.as_bytes(), url.len() - 10)).unwrap();
    let for_it = signer.sign(vendor, &key, &guessed, &delivered, now());
    door.refuses("a guessed reference", &guessed, body.clone(), kind, &for_it).await;
    let of_calls = url.replace("/sms/", "/voice/");
    let for_it = signer.sign(vendor, &key, &of_calls, &delivered, now());
    door.refuses("a reference for something else", &of_calls, body.clone(), kind, &for_it).await;
    if covers_address {
        door.refuses("another message's address", &other_url, body.clone(), kind, &signed).await;
        door.refuses("a query", &format!("{url}?a=b"), body.clone(), kind, &signed).await;
    }
    if has_time {
        for at in [now() - WINDOW - 5, now() + WINDOW + 20, now() - 86_400] {
            let stale = signer.sign(vendor, &key, &url, &delivered, at);
            door.refuses("outside of the window", &url, body.clone(), kind, &stale).await;
        }
        let late = signer.sign(vendor, &key, &url, &delivered, now() - WINDOW + 60);
        assert_eq!(door.post(&url, body.clone(), kind, &late).await, 200, "late, and inside of the window");
    } else {
        let path = format!("/v1/messages/{id}");
        let delivery = door.gateway.get(&path).await.expect(200)["deliveries"][0].clone();
        assert_eq!(delivery["state"], "submitted", "nothing of that was believed: {delivery}");
        assert_eq!(door.post(&url, body.clone(), kind, &signed).await, 200, "as it was signed");
    }
    door.reaches(&id, "delivered").await;
    assert_eq!(door.post(&url, body, kind, &signed).await, 200, "twice is no harm");
    assert_eq!(door.counted().await, door.forged);
}

#[tokio::test(flavor = "multi_thread")]
async fn twilio_is_believed_by_its_signature() {
    let delivered = Body::form(&[
        ("AccountSid", "AC00000000000000000000000000000000"),
        ("ApiVersion", "2010-04-01"),
        ("From", "+14155550100"),
        ("MessageSid", "SM00000000000000000000000000000001"),
        ("To", "+819012345678"),
        ("MessageStatus", "delivered"),
    ]);
    let scheme = Scheme {
        vendor: "twilio",
        options: options("twilio", ""),
        key: "test_token".into(),
        other_key: "test_tokem".into(),
        covers_address: true,
        has_time: false,
        delivered,
    };
    only_the_vendor_is_believed(scheme, &mut Signer::start()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plivo_is_believed_by_its_signature() {
    let delivered = Body::form(&[
        ("From", "14155550100"),
        ("MessageUUID", "5b40a428-bfc7-4daf-9d06-726c558bf3b8"),
        ("ParentMessageUUID", "5b40a428-bfc7-4daf-9d06-726c558bf3b8"),
        ("To", "819012345678"),
        ("Units", "1"),
        ("Status", "delivered"),
    ]);
    let scheme = Scheme {
        vendor: "plivo",
        options: options("plivo", ""),
        key: "plivo-auth-token".into(),
        other_key: "plivo-auth-tokem".into(),
        covers_address: true,
        has_time: false,
        delivered,
    };
    only_the_vendor_is_believed(scheme, &mut Signer::start()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vonage_is_believed_by_its_token() {
    let id = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab";
    let body = json!({ "message_uuid": id, "to": "819012345678", "channel": "sms", "status": "delivered" });
    let scheme = Scheme {
        vendor: "vonage",
        options: options("vonage", &Made::new().read("app.key")),
        key: "vonage-signature-secret-of-32-bytes".into(),
        other_key: "vonage-signature-secret-of-32-bytez".into(),
        covers_address: false,
        has_time: true,
        delivered: Body::Json(body.to_string()),
    };
    only_the_vendor_is_believed(scheme, &mut Signer::start()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn telnyx_is_believed_by_its_key() {
    let mut signer = Signer::start();
    let [own, other] = [(); 2].map(|()| signer.ask(&json!({ "scheme": "telnyx_keys" })));
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let mut options = options("telnyx", "");
    options.push(("public_key", text(&own["public"])));
    let payload = json!({
        "id": "40385f64-5717-4562-b3fc-2c963f66afa6",
        "to": [{ "phone_number": "+819012345678", "status": "delivered" }],
        "errors": [],
    });
    let body = json!({ "data": { "event_type": "message.finalized", "payload": payload, "record_type": "event" } });
    let scheme = Scheme {
        vendor: "telnyx",
        options,
        key: text(&own["private"]),
        other_key: text(&other["private"]),
        covers_address: false,
        has_time: true,
        delivered: Body::Json(body.to_string()),
    };
    only_the_vendor_is_believed(scheme, &mut signer).await;
}
