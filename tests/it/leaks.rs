//! Whatever is asked of the gateway, neither what it prints nor its metrics tell a
//! code, a number, a key or a message's words.

use reqwest::Method;
use serde_json::{Value, json};

use crate::gateway::{Gateway, code_in, tells, wrong};

const OWN_KEY: &str = "a-key-of-our-own-6f2a";

/// The code of a verification of ten figures, and its id.
async fn start(gateway: &Gateway, to: &str) -> (String, String) {
    let body = json!({ "to": to, "code_length": 10, "subject": "subject-4d1f", "metadata": { "note": "metadata-77ab" },
                       "client": { "ip": "198.51.100.77", "device": "device-9c02" } });
    let id = gateway.post("/v1/verifications", body).await.id();
    let code = code_in(gateway.nth(to, 1).await["body"].as_str().unwrap());
    assert_eq!(code.len(), 10);
    (id, code)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_asked_is_printed_or_counted() {
    let gateway = Gateway::setup().argument("--relaxed-limits").argument("--api-key").argument(OWN_KEY).start();
    let [to, called, unheard, text_to] = [(); 4].map(|()| gateway.number());
    let landline = "+81312345671";
    gateway
        .outcome(json!({ "to": called, "channel": "voice", "outcome": "answers", "key": "1", "delay_ms": 10 }))
        .await;
    gateway.outcome(json!({ "to": unheard, "channel": "voice", "outcome": "machine", "delay_ms": 10 })).await;
    gateway.outcome(json!({ "to": unheard, "channel": "sms", "outcome": "undelivered" })).await;

    // SMS, wrong checks, help, the right check.
    let (id, first_code) = start(&gateway, &to).await;
    let wrong_code = wrong(&first_code);
    gateway.check(&id, &wrong_code).await.expect(200);
    gateway.check(&id, &format!("{first_code}1234567")).await;
    gateway.get(&format!("/v1/verifications/{id}/help")).await.expect(200);
    gateway.check(&id, &first_code).await.expect(200);

    // Calls: one that speaks, one by hand, one that a machine takes.
    let (id, second_code) = start(&gateway, &called).await;
    gateway.resend(&id, "voice").await.expect(202);
    gateway.delivery(&id, 2, "delivered").await;
    let id = gateway.start(landline).await;
    gateway.delivery(&id, 1, "ringing").await;
    let call = gateway.nth(landline, 1).await;
    gateway.act(call["id"].as_str().unwrap(), "answer", json!({})).await.expect(200);
    gateway.act(call["id"].as_str().unwrap(), "key", json!({ "key": "1" })).await.expect(200);
    gateway.act(call["id"].as_str().unwrap(), "hangup", json!({})).await.expect(200);
    gateway.delivery(&id, 1, "delivered").await;
    let id = gateway.start(&unheard).await;
    gateway.delivery(&id, 1, "failed").await;
    gateway.resend(&id, "voice").await.expect(202);
    gateway.delivery(&id, 2, "failed").await;

    // Messages, look-ups, limits, joins.
    let words = "Nobody-reads-this 7418529630";
    gateway.post("/v1/messages", json!({ "to": text_to, "text": words })).await.expect(202);
    gateway.nth(&text_to, 1).await;
    gateway.post("/v1/numbers/lookup", json!({ "to": to })).await.expect(200);
    assert_eq!(gateway.post("/v1/verifications", json!({ "to": to })).await.status, 429);
    assert_eq!(gateway.post("/v1/messages", json!({ "to": text_to, "text": words })).await.status, 429);

    // A number in every place of a request that is not for it.
    let digits = &to[1..];
    for path in [
        format!("/v1/verifications/{digits}"),
        format!("/v1/verifications/{digits}/help?locale={digits}"),
        format!("/{digits}"),
        format!("/sandbox/{digits}"),
        format!("/sandbox/audio/{digits}"),
        format!("/problems/{digits}?{digits}"),
        format!("/sandbox/messages?to=%2B{digits}&limit={digits}"),
        format!("/sandbox/messages?limit={digits}x"),
    ] {
        gateway.get(&path).await;
        gateway.delete(&path).await;
    }
    for body in [json!(digits), json!({ "to": digits }), json!({ (digits): 1 }), json!({ "to": to, "channel": digits })]
    {
        gateway.post("/v1/verifications", body).await;
    }
    let request = gateway.request(Method::GET, "/healthz").header("User-Agent", digits).header("X-Request-Id", digits);
    gateway.send(request.header("Traceparent", digits).header("Idempotency-Key", digits)).await;
    let named = gateway.request_without_key(Method::POST, "/v1/verifications").bearer_auth(digits);
    assert_eq!(gateway.send(named).await.status, 401);
    // A method may be any word (RFC 9110, 9.1), also a number.
    let odd = gateway.request_without_key(Method::from_bytes(digits.as_bytes()).unwrap(), "/v1/verifications");
    assert_eq!(gateway.send(odd).await.status, 405);

    let spoken = call["spoken"].as_str().unwrap();
    let third_code = crate::gateway::codes_spoken(spoken).remove(0);
    let (metrics, printed) = (gateway.metrics().await, gateway.printed());
    assert!(printed.lines().count() > 20 && metrics.lines().count() > 20, "there is something to search");
    for secret in [
        &*first_code,
        &wrong_code,
        &second_code,
        &third_code,
        &to[1..],
        &to[3..],
        &called[1..],
        &unheard[1..],
        &text_to[1..],
        &landline[1..],
        OWN_KEY,
        "Nobody-reads",
        "7418529630",
        "subject-4d1f",
        "metadata-77ab",
        "device-9c02",
        "198.51.100.77",
    ] {
        assert!(!tells(&printed, secret), "printed: {secret}");
        assert!(!tells(&metrics, secret), "counted: {secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_cannot_make_the_metrics_grow() {
    let gateway = Gateway::demo();
    let lines = |metrics: Value| metrics.as_str().unwrap().lines().count();
    for path in ["/x", "/v1/verifications/x", "/metrics"] {
        gateway.send(gateway.request_without_key(Method::from_bytes(b"WORD").unwrap(), path)).await;
        gateway.get(path).await;
    }
    let before = lines(gateway.get("/metrics").await.expect(200));
    for n in 0..50 {
        for path in [format!("/x{n}"), format!("/v1/verifications/{n}"), "/metrics".into()] {
            gateway
                .send(gateway.request_without_key(Method::from_bytes(format!("WORD{n}").as_bytes()).unwrap(), &path))
                .await;
            gateway.send(gateway.request_without_key(Method::GET, &path)).await;
        }
    }
    let after = lines(gateway.get("/metrics").await.expect(200));
    assert!(after <= before + 4, "{before} lines became {after}");
}
