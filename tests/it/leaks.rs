//! No code, no number, no key and no text in anything that is printed or
//! measured, also not when the input tries to put it there.

use serde_json::json;

use crate::gateway::{Gateway, codes_spoken, wrong};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_is_printed_or_measured() {
    let gateway = Gateway::setup()
        .argument("--relaxed-limits")
        .argument("--api-key")
        .argument("otpk_a-key-that-nobody-must-see")
        .option("OTP_VERIFICATION__CODE_LENGTH", "10")
        .start();
    let to = gateway.number();
    gateway.secret("a-key-that-nobody-must-see");
    gateway.outcome(json!({ "channel": "voice", "outcome": "answers", "key": "1", "delay_ms": 20 })).await;
    let id = gateway.post("/v1/verifications", json!({ "to": to, "subject": "subject-of-the-login" })).await.id();
    let code = gateway.code(&to).await;
    assert_eq!(code.len(), 10);
    gateway.resend(&id, "voice").await.expect(202);
    let spoken = gateway.nth(&to, 2).await["spoken"].as_str().unwrap().to_owned();
    gateway.secret(&codes_spoken(&spoken)[0].chars().map(String::from).collect::<Vec<_>>().join(", "));
    gateway.delivery(&id, 2, "delivered").await;
    gateway.secret(&wrong(&code));
    gateway.check(&id, &wrong(&code)).await.expect(200);
    gateway.post("/v1/numbers/lookup", json!({ "to": to })).await.expect(200);
    gateway.post("/v1/messages", json!({ "to": gateway.number(), "text": "the secret text 7391" })).await.expect(202);
    gateway.secret("the secret text");
    let path_number = to.trim_start_matches('+');
    for path in [
        format!("/v1/verifications/{path_number}"),
        format!("/{path_number}"),
        format!("/v1/verifications?to={path_number}"),
        format!("/sandbox/messages?to={path_number}"),
        format!("/v1/verifications/{id}/help?locale={path_number}"),
    ] {
        gateway.get(&path).await;
    }
    for body in [json!({ "to": 1, path_number: 1 }), json!({ "to": [to] }), json!({ "to": format!("{to}0000000") })] {
        gateway.post("/v1/verifications", body).await;
    }
    gateway.check(&id, &format!("{code}x")).await;
    gateway.check(&id, &code).await.expect(200);
    let metrics = gateway.get("/metrics").await.body.to_string();
    let printed = gateway.printed();
    assert!(printed.contains("Delivery moved") && metrics.contains("otp_deliveries_total"), "something was told");
    for secret in [path_number, &code, "a-key-that-nobody-must-see", "the secret text", "subject-of-the-login", &id] {
        assert!(!metrics.contains(secret), "{secret} in metrics");
        assert!(!printed.contains(secret) || secret == id, "{secret} was printed");
    }
}
