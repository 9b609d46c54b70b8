//! What the digits of a number tell, and what follows from it.

use serde_json::json;

use crate::gateway::Gateway;

#[tokio::test(flavor = "multi_thread")]
async fn a_look_up_tells_type_country_network_and_zones() {
    let gateway = Gateway::demo();
    let cases = [
        ("+919810012345", "IN", "mobile", json!("IN/Airtel"), "Asia/Calcutta"),
        ("+819012345678", "JP", "mobile", json!("JP/KDDI"), "Asia/Tokyo"),
        ("+12025550123", "US", "fixed_line_or_mobile", json!(null), "America/New_York"),
        ("+442079460123", "GB", "fixed_line", json!(null), "Europe/London"),
        ("+81 (3) 1234-5678", "JP", "fixed_line", json!(null), "Asia/Tokyo"),
    ];
    for (to, country, kind, network, zone) in cases {
        let found = gateway.post("/v1/numbers/lookup", json!({ "to": to })).await.expect(200);
        assert_eq!(
            (&found["country"], &found["type"], &found["network"]),
            (&json!(country), &json!(kind), &network),
            "{to}"
        );
        assert!(found["time_zones"].as_array().unwrap().contains(&json!(zone)), "{found}");
        assert!(!found.to_string().contains(&to[1..]));
    }
    let premium = gateway.post("/v1/numbers/lookup", json!({ "to": "+19005551234" })).await.expect(200);
    assert_eq!(
        (&premium["type"], &premium["channels"]["sms"]["reason"]),
        (&json!("premium_rate"), &json!("number_type"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_landline_is_called_at_once() {
    let gateway = Gateway::demo();
    for channel in [json!(null), json!("auto"), json!("sms")] {
        let to = format!("+8131234{:04}", crate::gateway::fresh_number()[9..].parse::<u32>().unwrap() % 10_000);
        let answer = gateway.post("/v1/verifications", json!({ "to": to, "channel": channel })).await.expect(201);
        assert_eq!(answer["deliveries"][0]["channel"], "voice", "{channel}");
        assert_eq!(answer["channels"]["sms"]["reason"], "number_type");
        let refused = gateway.resend(answer["id"].as_str().unwrap(), "sms").await;
        assert_eq!(refused.problem(), "number_type");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn national_format_needs_a_default_region() {
    let gateway = Gateway::setup().option("OTP_VERIFICATION__DEFAULT_REGION", "JP").start();
    let to = gateway.number();
    let national = format!("0{}-{}", &to[3..5], &to[5..]);
    gateway.post("/v1/verifications", json!({ "to": national })).await.expect(201);
    gateway.nth(&to, 1).await;
}
