//! Twilio: every request as its published document has it, its refusals, its signed
//! reports. `strict_mock.py` knows the document and more of the rules.

use serde_json::{Value, json};

use super::{Served, client, gateway_of};
use crate::gateway::{Gateway, SOON, until};

pub const TOKEN: &str = "test_token";
pub const ACCOUNT: &str = "AC00000000000000000000000000000000";
const POOL: &str = "MG00000000000000000000000000000001";

pub struct Pair {
    pub mock: Served,
    pub gateway: Gateway,
}

/// The carrier `main`, whose API is at `url`.
pub fn carrier(url: &str, options: &str) -> String {
    format!(
        "[carriers.main]\nprofile = \"twilio\"\nbase_url = \"{url}\"\nthroughput = \"100/1s\"\n{options}\n\
         [carriers.main.options]\naccount_sid = \"{ACCOUNT}\"\nauth_token = \"{TOKEN}\"\n\
         [carriers.main.senders]\ndefault = \"+14155550100\"\nGB = {{ pool = \"{POOL}\" }}\n\
         IN = {{ id = \"ACMEIN\", dlt_entity = \"1101000000000000001\", dlt_template = \"1107000000000000001\" }}\n"
    )
}

pub async fn start(options: &str) -> Pair {
    start_with(options, "").await
}

/// With `more` configuration beside the carrier's.
pub async fn start_with(options: &str, more: &str) -> Pair {
    let mock = Served::start("strict_mock.py", &[], "/_requests", client(), "http").await;
    let gateway = gateway_of(&format!("{more}{}", carrier(&mock.url, options))).start();
    Pair { mock, gateway }
}

impl Pair {
    /// What the reports of the mock will say.
    pub async fn flow(&self, fields: &str) {
        self.mock.post("/_flow", fields.into()).await;
    }

    /// Waits for `n` reports; each was taken.
    async fn reported(&self, n: usize) {
        let all = until(SOON, &format!("report {n}"), || async {
            Some(self.mock.get("/_callbacks").await.as_array().unwrap().clone()).filter(|all| all.len() >= n)
        })
        .await;
        assert!(all.iter().all(|report| report["http"] == 200), "{all:?}");
    }
}

/// The only value of a form's field.
#[track_caller]
pub fn field<'a>(request: &'a Value, name: &str) -> Option<&'a str> {
    let pairs = request["form"].as_array().expect("a form").iter();
    let mut values = pairs.filter(|pair| pair[0] == name).map(|pair| pair[1].as_str().unwrap());
    let first = values.next();
    assert_eq!(values.next(), None, "{name} comes once");
    first
}

fn values<'a>(request: &'a Value, name: &str) -> Vec<&'a str> {
    let pairs = request["form"].as_array().expect("a form").iter();
    pairs.filter(|pair| pair[0] == name).map(|pair| pair[1].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_is_as_the_published_document_has_it() {
    let pair = start("machine_detection = true").await;
    let gateway = &pair.gateway;
    let mut numbers = vec![gateway.number(), "+447400123456".to_owned(), "+919820012345".to_owned()];
    for number in &numbers {
        gateway.secret(&number[1..]);
        let id = gateway.start(number).await;
        gateway.delivery(&id, 1, "delivered").await;
    }
    numbers.push(gateway.number());
    gateway.call(&numbers[3]).await;

    let requests = pair.mock.requests(4).await;
    assert_eq!(requests.len(), 4, "one for each");
    for (request, to) in requests.iter().zip(&numbers) {
        assert_eq!(request["problems"], json!([]), "{request}");
        assert_eq!((field(request, "To"), &request["user"]), (Some(to.as_str()), &json!(ACCOUNT)));
        let kind = if to == &numbers[3] { ("Calls", "voice") } else { ("Messages", "sms") };
        assert_eq!(request["path"], format!("/2010-04-01/Accounts/{ACCOUNT}/{}.json", kind.0));
        let callback = field(request, "StatusCallback").expect("reports are asked for");
        assert!(callback.starts_with(&format!("{}/webhooks/main/{}/", gateway.url, kind.1)), "{callback}");
    }
    let [plain, pooled, indian, call] = requests.try_into().unwrap();
    let sender =
        |request| (field(request, "From").map(str::to_owned), field(request, "MessagingServiceSid").map(str::to_owned));
    assert_eq!(sender(&plain), (Some("+14155550100".into()), None));
    assert_eq!(sender(&pooled), (None, Some(POOL.into())));
    assert_eq!(sender(&indian), (Some("ACMEIN".into()), None));
    for sms in [&plain, &pooled, &indian] {
        let seconds: u64 = field(sms, "ValidityPeriod").expect("the code's life goes along").parse().unwrap();
        assert!((590..=600).contains(&seconds), "{seconds}");
        assert!(field(sms, "Body").unwrap().contains("otp-gateway"));
    }
    assert_eq!(values(&call, "StatusCallbackEvent"), ["initiated", "ringing", "answered", "completed"]);
    let of_call = ["StatusCallbackMethod", "Timeout", "TimeLimit", "MachineDetection"].map(|name| field(&call, name));
    assert_eq!(of_call, [Some("POST"), Some("25"), Some("120"), Some("Enable")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_has_the_cause_that_errors_toml_names() {
    let pair = start("").await;
    let refusals = [
        ("+15005550001", "21211", "invalid_number"),
        ("+15005550009", "21614", "landline_or_incapable"),
        ("+15005550004", "21610", "recipient_opted_out"),
        ("+15005550429", "20429", "rate_limited"),
        ("+15005550500", "20500", "temporary_carrier_fault"),
    ];
    for (to, code, cause) in refusals {
        pair.gateway.secret(&to[1..]);
        let id = pair.gateway.start(to).await;
        let attempt = until(SOON, "an attempt that ended", || async {
            let attempt = pair.gateway.verification(&id).await["deliveries"][0]["attempts"][0].clone();
            attempt["cause"].is_string().then_some(attempt)
        })
        .await;
        assert_eq!(attempt["cause"], cause, "{to} {code}: {attempt}");
    }
    for request in pair.mock.requests(refusals.len()).await {
        assert_eq!(request["problems"], json!([]), "{request}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_signed_reports_move_deliveries() {
    let pair = start("").await;
    let gateway = &pair.gateway;
    let mut reports = 0;
    for (flow, state, cause) in [
        ("sent,delivered&ERROR=", "delivered", Value::Null),
        ("sent,undelivered&ERROR=30003", "failed", json!("unreachable_handset")),
        ("sent,undelivered&ERROR=30005", "failed", json!("unknown_subscriber")),
        ("sent,undelivered&ERROR=30006", "failed", json!("landline_or_incapable")),
        ("failed&ERROR=30007", "failed", json!("carrier_filtered")),
    ] {
        pair.flow(&format!("MSG_FLOW={flow}")).await;
        let id = gateway.start(&gateway.number()).await;
        let delivery = gateway.delivery(&id, 1, state).await;
        assert_eq!(delivery["cause"], cause, "{flow}");
        reports += flow.split('&').next().unwrap().split(',').count();
        pair.reported(reports).await;
    }
    for (flow, cause) in [
        ("initiated,ringing,busy", "busy"),
        ("initiated,ringing,no-answer", "no_answer"),
        // Somebody answered, and was never told the code.
        ("initiated,ringing,answered,completed", "not_acknowledged"),
    ] {
        pair.flow(&format!("CALL_FLOW={flow}")).await;
        let id = gateway.call(&gateway.number()).await;
        let delivery = gateway.delivery(&id, 1, "failed").await;
        assert_eq!(delivery["cause"], cause, "{flow}");
        reports += flow.split(',').count();
        pair.reported(reports).await;
    }
    assert_eq!(gateway.counted("otp_webhooks_total{carrier=\"main\",outcome=\"report\"}").await, reports as u64);
    assert_eq!(gateway.counted("otp_webhooks_total{carrier=\"main\",outcome=\"forged\"}").await, 0);
}
