//! What may be sent how often: each refusal names its limit and says when to come back,
//! and costs nothing.

use std::time::Duration;

use serde_json::{Value, json};

use crate::gateway::{Answer, Gateway, Setup, until};

const SHOP: &str = "shop-key-5b1d20";
const BANK: &str = "bank-key-e07c93";
const NO_INTERVALS: [&str; 2] =
    ["OTP_LIMITS__NUMBER__SMS_INTERVAL_SECONDS", "OTP_LIMITS__NUMBER__VOICE_INTERVAL_SECONDS"];

fn without_intervals(setup: Setup) -> Setup {
    NO_INTERVALS.iter().fold(setup, |setup, name| setup.option(name, "0"))
}

/// The refusal's limit and wait; header and body agree.
#[track_caller]
fn refused(answer: &Answer) -> (&str, u64) {
    assert_eq!((answer.status, answer.problem()), (429, "limit"), "{}", answer.body);
    let seconds = answer.body["retry_after_seconds"].as_u64().unwrap();
    assert_eq!(answer.headers["retry-after"].to_str().unwrap(), seconds.to_string());
    (answer.body["limit"].as_str().unwrap(), seconds)
}

fn created_ms(verification: &Value) -> i64 {
    verification["created_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

impl Gateway {
    async fn starts(&self, to: &str) -> Answer {
        self.post("/v1/verifications", json!({ "to": to })).await
    }

    async fn starts_from(&self, to: &str, ip: &str) -> Answer {
        self.post("/v1/verifications", json!({ "to": to, "client": { "ip": ip } })).await
    }

    /// A number in the same block of 1,000.
    fn neighbour(&self, of: &str, n: usize) -> String {
        let number = format!("{}{:03}", &of[..of.len() - 3], (of[of.len() - 3..].parse::<usize>().unwrap() + n) % 1000);
        self.secret(&number[1..]);
        number
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sms_waits_for_the_one_before_and_a_call_does_not() {
    let gateway = Gateway::setup().start();
    let to = gateway.number();
    let id = gateway.start(&to).await;
    for early in [gateway.starts(&to).await, gateway.resend(&id, "sms").await] {
        let (limit, seconds) = refused(&early);
        assert_eq!(limit, "sms_interval");
        assert!((1..=30).contains(&seconds), "{seconds}");
    }
    gateway.resend(&id, "voice").await.expect(202);
    let again = gateway.resend(&id, "voice").await;
    let (limit, seconds) = refused(&again);
    assert_eq!(limit, "voice_interval");
    assert!((31..=60).contains(&seconds), "{seconds}");
    let channels = gateway.verification(&id).await["channels"].clone();
    for (channel, most) in [("sms", 30), ("voice", 60)] {
        assert_eq!((&channels[channel]["available"], &channels[channel]["reason"]), (&json!(false), &json!("limit")));
        assert!((1..=most).contains(&channels[channel]["retry_after_seconds"].as_u64().unwrap()), "{channels}");
    }
    gateway.delivery(&id, 1, "delivered").await;
    gateway.delivery(&id, 2, "ringing").await;
    assert_eq!(gateway.arrived(&to).await.len(), 2, "what was refused was not sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_window_has_room_again_when_it_said_so() {
    let gateway = without_intervals(Gateway::setup()).option("OTP_LIMITS__NUMBER__DELIVERIES", "3/5s").start();
    let to = gateway.number();
    let first = gateway.starts(&to).await.expect(201);
    let id = first["id"].as_str().unwrap();
    gateway.resend(id, "sms").await.expect(202);
    gateway.resend(id, "voice").await.expect(202);
    let full = gateway.starts(&to).await;
    let (limit, seconds) = refused(&full);
    assert_eq!(limit, "number_deliveries");
    assert!((1..=5).contains(&seconds));
    for channel in ["sms", "voice"] {
        assert_eq!(refused(&gateway.resend(id, channel).await).0, "number_deliveries", "{channel}");
    }
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let next = gateway.starts(&to).await.expect(201);
    let apart = created_ms(&next) - created_ms(&first);
    assert!((5_000..7_500).contains(&apart), "{apart} ms");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_busy_day_the_waits_grow() {
    let lines = "[limits.number]\ndeliveries = \"100/10m\"\ndeliveries_all_tenants = \"100/10m\"\n\
                 day_deliveries = 2\nday_failures = 1\nday_waits_minutes = [1, 2]\n";
    let gateway = without_intervals(Gateway::setup().config(lines)).faketime("+0 x30").start();
    let to = gateway.number();
    gateway.starts(&to).await.expect(201);
    let mut before = gateway.starts(&to).await.expect(201);
    for minutes in [1, 2, 2] {
        let early = gateway.starts(&to).await;
        let (limit, seconds) = refused(&early);
        assert_eq!(limit, "number_day");
        assert!((1..=minutes * 60).contains(&seconds), "{seconds} s of {minutes} min");
        let next = until(Duration::from_secs(20), "the end of the wait", || async {
            Some(gateway.starts(&to).await).filter(|answer| answer.status == 201)
        })
        .await;
        let apart = created_ms(&next.body) - created_ms(&before);
        assert!(apart >= minutes as i64 * 60_000, "{apart} ms");
        before = next.body;
    }
    // A resend in an open verification never waits for a bad day.
    gateway.resend(before["id"].as_str().unwrap(), "sms").await.expect(202);

    let guessed = gateway.number();
    let id = gateway.start(&guessed).await;
    for code in ["0000", "0001", "0002", "0003", "0004"] {
        gateway.check(&id, code).await;
    }
    assert_eq!(gateway.verification(&id).await["status"], "max_attempts_reached");
    assert_eq!(refused(&gateway.starts(&guessed).await).0, "number_day");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fourth_open_verification_closes_the_oldest() {
    let gateway = without_intervals(Gateway::setup()).start();
    let to = gateway.number();
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(gateway.start(&to).await);
    }
    let mut states = Vec::new();
    for id in &ids {
        states.push(gateway.verification(id).await["status"].clone());
    }
    assert_eq!(states, ["canceled", "pending", "pending", "pending"]);
    assert_eq!(gateway.check(&ids[0], "123456").await.problem(), "canceled");
    // One that has ended makes room.
    gateway.delete(&format!("/v1/verifications/{}", ids[2])).await.expect(200);
    gateway.start(&to).await;
    assert_eq!(gateway.verification(&ids[1]).await["status"], "pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_number_has_a_limit_over_all_tenants() {
    let scopes: &[&str] = &["verify", "deliver", "support"];
    let both = crate::gateway::tenants(&[("shop", SHOP, scopes), ("bank", BANK, scopes)]);
    let setup = without_intervals(Gateway::setup().config(&both));
    let gateway = setup.option("OTP_LIMITS__NUMBER__DELIVERIES_ALL_TENANTS", "3/h").start();
    let (to, other) = (gateway.number(), gateway.number());
    let (body, text) = (json!({ "to": to }), json!({ "to": to, "text": "Your code: 4711" }));
    assert_eq!(gateway.post_as(SHOP, "/v1/verifications", &body).await.status, 201);
    assert_eq!(gateway.post_as(BANK, "/v1/messages", &text).await.status, 202);
    assert_eq!(gateway.post_as(BANK, "/v1/verifications", &body).await.status, 201);
    for (key, path, body) in
        [(SHOP, "/v1/verifications", &body), (BANK, "/v1/verifications", &body), (SHOP, "/v1/messages", &text)]
    {
        assert_eq!(refused(&gateway.post_as(key, path, body).await).0, "number_all_tenants", "{path}");
    }
    assert_eq!(gateway.post_as(SHOP, "/v1/verifications", &json!({ "to": other })).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wide_limit_refuses_by_its_name_and_spares_the_others() {
    let gateway = Gateway::setup()
        .option("OTP_LIMITS__WIDE__ADDRESS", "2/h")
        .option("OTP_LIMITS__WIDE__PREFIX", "4/h")
        .option("OTP_LIMITS__WIDE__COUNTRY", "6/h")
        .option("OTP_LIMITS__WIDE__TENANT", "8/h")
        .start();
    let base = gateway.number();
    let number = |n| gateway.neighbour(&base, n);
    // Each step uses a limit up; what it refuses is asked again and again.
    for (limit, ip, free) in [("address", "203.0.113.7", [0, 1]), ("prefix", "203.0.113.8", [2, 3])] {
        for n in free {
            assert_eq!(gateway.starts_from(&number(n), ip).await.status, 201, "{limit}: {n}");
        }
        for n in 10..16 {
            let answer = gateway.starts_from(&number(n), ip).await;
            let (name, seconds) = refused(&answer);
            assert_eq!(name, if limit == "address" { "address" } else { "prefix" });
            assert!((1..=3_900).contains(&seconds), "{seconds}");
        }
    }
    let far = |n: usize| gateway.neighbour(&base.replace("+8190", "+8180"), n);
    for n in [0, 1] {
        assert_eq!(gateway.starts(&far(n)).await.status, 201, "the country has two left: {n}");
    }
    for n in 10..16 {
        assert_eq!(refused(&gateway.starts(&far(n)).await).0, "country");
    }
    for n in 0..2 {
        let american = format!("+1202555{:04}", 100 + n);
        gateway.secret(&american[1..]);
        assert_eq!(gateway.starts(&american).await.status, 201, "the tenant has two left: {n}");
    }
    assert_eq!(refused(&gateway.starts("+12025550188").await).0, "tenant");
    assert_eq!(gateway.arrived(&number(10)).await, [] as [Value; 0], "nothing went to who was refused");
    for (name, times) in [("address", 6), ("prefix", 6), ("country", 6), ("tenant", 1)] {
        let refusals = format!("otp_refusals_total{{name=\"{name}\"}}");
        assert_eq!(gateway.counted(&refusals).await, times, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_number_refuses_is_given_back_to_the_wide_limits() {
    let gateway =
        Gateway::setup().option("OTP_LIMITS__WIDE__COUNTRY", "3/h").option("OTP_LIMITS__WIDE__ADDRESS", "3/h").start();
    let (first, ip) = (gateway.number(), "2001:db8:1:2::1");
    let id = gateway.starts_from(&first, ip).await.id();
    for _ in 0..5 {
        assert_eq!(refused(&gateway.starts_from(&first, ip).await).0, "sms_interval");
        assert_eq!(refused(&gateway.resend(&id, "sms").await).0, "sms_interval");
        let text = json!({ "to": first, "text": "4711", "client": { "ip": ip } });
        assert_eq!(refused(&gateway.post("/v1/messages", text).await).0, "sms_interval");
        // A call cannot speak a text without a code: refused for another reason.
        let text = json!({ "to": gateway.number(), "text": "Hello", "channel": "voice", "client": { "ip": ip } });
        assert_eq!(gateway.post("/v1/messages", text).await.problem(), "invalid_field");
    }
    assert_eq!(gateway.starts_from(&gateway.number(), "2001:db8:1:2:ffff::9").await.status, 201);
    assert_eq!(gateway.starts_from(&gateway.number(), ip).await.status, 201);
    let full = gateway.starts_from(&gateway.number(), "2001:db8:1:2:3::").await;
    assert!(["address", "country"].contains(&refused(&full).0));
    assert_eq!(refused(&gateway.starts(&gateway.number()).await).0, "country", "exactly three");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_outlive_the_process() {
    let gateway = Gateway::setup().option("OTP_LIMITS__WIDE__ADDRESS", "2/h").start();
    let (to, ip) = (gateway.number(), "203.0.113.7");
    gateway.starts_from(&to, ip).await.expect(201);
    gateway.starts_from(&gateway.number(), ip).await.expect(201);
    let gateway = gateway.kill_and_restart();
    assert_eq!(refused(&gateway.starts(&to).await).0, "sms_interval");
    assert_eq!(refused(&gateway.starts_from(&gateway.number(), ip).await).0, "address");
    gateway.start(&gateway.number()).await;
}
