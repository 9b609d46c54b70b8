//! What the gateway tells about a number, and what kind of number gets what.

use serde_json::{Value, json};

use crate::gateway::{Gateway, tells};

#[allow(clippy::type_complexity, reason = "a table")]
#[tokio::test(flavor = "multi_thread")]
async fn a_lookup_tells_what_the_digits_tell() {
    let gateway = Gateway::demo();
    let now = json!({ "available": true, "retry_after_seconds": 0, "reason": null });
    let never = json!({ "available": false, "retry_after_seconds": null, "reason": "number_type" });
    let rows: [(&str, Value, &str, Value, &str, &str, [&Value; 2]); 7] = [
        ("+81 90-1234-5678", json!("JP"), "mobile", json!("JP/KDDI"), "guessed", "Asia/Tokyo", [&now, &now]),
        ("+91 98100 12345", json!("IN"), "mobile", json!("IN/Airtel"), "guessed", "Asia/Calcutta", [&now, &now]),
        (
            "+1 202-555-0142",
            json!("US"),
            "fixed_line_or_mobile",
            Value::Null,
            "unknown",
            "America/New_York",
            [&now, &now],
        ),
        ("+81 3-1234-5678", json!("JP"), "fixed_line", Value::Null, "unknown", "Asia/Tokyo", [&never, &now]),
        ("+44 5612 345678", json!("GB"), "voip", Value::Null, "unknown", "Europe/London", [&now, &now]),
        ("+1 900-234-5678", json!("US"), "premium_rate", Value::Null, "unknown", "", [&never, &never]),
        ("+881 612 345678", Value::Null, "satellite", Value::Null, "unknown", "", [&never, &never]),
    ];
    for (to, country, kind, network, known, zone, [sms, voice]) in rows {
        let digits: String = to.chars().filter(char::is_ascii_digit).collect();
        gateway.secret(&digits);
        let told = gateway.post("/v1/numbers/lookup", json!({ "to": to })).await.expect(200);
        assert_eq!((&told["country"], &told["type"]), (&country, &json!(kind)), "{to}");
        assert_eq!((&told["network"], &told["network_is"]), (&network, &json!(known)), "{to}");
        let zones = told["time_zones"].as_array().unwrap();
        assert!(zone.is_empty() || zones.contains(&json!(zone)), "{to}: {zones:?}");
        assert_eq!((&told["channels"]["sms"], &told["channels"]["voice"]), (sms, voice), "{to}");
        let masked = told["to_masked"].as_str().unwrap();
        assert!(
            masked.starts_with('+') && masked.contains("***") && masked.ends_with(&digits[digits.len() - 2..]),
            "{masked}"
        );
        assert!(
            !tells(&told.to_string(), &digits) && !told.to_string().contains(&digits[digits.len() - 5..]),
            "{told}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_landline_is_called_at_once() {
    let gateway = Gateway::demo();
    for (to, channel) in [("+81312345678", "auto"), ("+81312345679", "sms"), ("+81312345670", "voice")] {
        gateway.secret(&to[1..]);
        let started = gateway.post("/v1/verifications", json!({ "to": to, "channel": channel })).await.expect(201);
        let id = started["id"].as_str().unwrap();
        assert_eq!(started["deliveries"][0]["channel"], "voice", "{channel}");
        assert_eq!(
            (&started["channels"]["sms"]["reason"], &started["channels"]["voice"]["reason"]),
            (&json!("number_type"), &json!("limit"))
        );
        gateway.delivery(id, 1, "ringing").await;
        assert_eq!(gateway.nth(to, 1).await["channel"], "voice");
        let by_sms = gateway.resend(id, "sms").await;
        assert_eq!((by_sms.status, by_sms.problem()), (422, "number_type"));
        assert_eq!((&by_sms.body["number_type"], &by_sms.body["channel"]), (&json!("fixed_line"), &json!("sms")));
        assert_eq!(gateway.verification(id).await["deliveries"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_default_region_reads_numbers_as_people_write_them() {
    let gateway =
        Gateway::setup().argument("--relaxed-limits").option("OTP_VERIFICATION__DEFAULT_REGION", "JP").start();
    let to = gateway.number();
    let national = format!("0{}", &to[3..]);
    gateway.secret(&national);
    let id = gateway.start(&national).await;
    let code = gateway.code(&to).await;
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    assert_eq!(gateway.check(&id, &spaced).await.expect(200)["status"], "approved");
    // The same phone, however it is written.
    let wide: String = to.chars().map(|c| char::from_u32(c as u32 + 0xfee0).unwrap()).collect();
    for written in [format!("({}) {}", &national[..3], &national[3..]), wide, format!("+81 (0){}", &national[1..])] {
        let again = gateway.post("/v1/verifications", json!({ "to": written })).await;
        assert_eq!((again.status, &again.body["limit"]), (429, &json!("sms_interval")), "{}", again.body);
    }
    let told = gateway.post("/v1/numbers/lookup", json!({ "to": national })).await.expect(200);
    assert_eq!((&told["country"], &told["type"]), (&json!("JP"), &json!("mobile")));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_tells_a_whole_number() {
    let gateway = Gateway::demo();
    let to = gateway.number();
    let started =
        gateway.post("/v1/verifications", json!({ "to": to, "subject": "s", "client": { "ip": "203.0.113.7" } })).await;
    let id = started.id();
    let code = gateway.code(&to).await;
    let own = format!("/v1/verifications/{id}");
    let answers = [
        started,
        gateway.post("/v1/verifications", json!({ "to": to, "subject": "s" })).await,
        gateway.post("/v1/verifications", json!({ "to": to })).await,
        gateway.get(&own).await,
        gateway.get(&format!("{own}/help")).await,
        gateway.resend(&id, "voice").await,
        gateway.resend(&id, "sms").await,
        gateway.post("/v1/messages", json!({ "to": gateway.number(), "text": "4711" })).await,
        gateway.post("/v1/numbers/lookup", json!({ "to": to })).await,
        gateway.check(&id, &crate::gateway::wrong(&code)).await,
        gateway.check(&id, &code).await,
        gateway.delete(&own).await,
    ];
    for answer in answers {
        let body = answer.body.to_string();
        assert!(!tells(&body, &to[1..]) && !tells(&body, &to[3..]) && !tells(&body, &code), "{body}");
        assert!(!format!("{:?}", answer.headers).contains(&to[1..]));
    }
}
