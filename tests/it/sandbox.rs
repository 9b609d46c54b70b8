//! The sandbox phone's list: exactly the outside interface, and it survives.

use serde_json::json;

use crate::gateway::{Gateway, codes_spoken};

#[tokio::test(flavor = "multi_thread")]
async fn the_list_has_its_shape_its_order_and_its_limits() {
    let gateway = Gateway::demo();
    let numbers: Vec<_> = (0..3).map(|_| gateway.number()).collect();
    for to in &numbers {
        gateway.start(to).await;
        gateway.nth(to, 1).await;
    }
    gateway.post("/v1/verifications", json!({ "to": numbers[0], "channel": "voice" })).await.expect(201);
    gateway.nth(&numbers[0], 2).await;

    let list = gateway.get("/sandbox/messages").await.expect(200);
    let list = list.as_array().unwrap();
    let order: Vec<_> = list.iter().map(|entry| entry["to"].as_str().unwrap()).collect();
    assert_eq!(order, [&numbers[0], &numbers[1], &numbers[2], &numbers[0]]);
    for entry in list {
        let mut fields: Vec<_> = entry.as_object().unwrap().keys().map(String::as_str).collect();
        fields.sort();
        assert_eq!(fields, ["at", "audio_url", "body", "channel", "id", "spoken", "to"]);
    }
    assert_eq!((&list[0]["spoken"], &list[0]["audio_url"]), (&json!(null), &json!(null)));
    assert_eq!(list[3]["spoken"], list[3]["body"]);
    assert!(list[3]["audio_url"].as_str().unwrap().starts_with('/'));

    let newest = gateway.get("/sandbox/messages?limit=2").await.expect(200);
    assert_eq!(newest.as_array().unwrap()[..], list[2..]);
    assert_eq!(gateway.get("/sandbox/messages?limit=0").await.expect(200).as_array().unwrap().len(), 1);
    assert_eq!(gateway.get("/sandbox/messages?limit=99999").await.expect(200).as_array().unwrap().len(), 4);
    assert_eq!(gateway.get("/sandbox/messages?limit=x").await.problem(), "invalid_field");
    assert_eq!(gateway.arrived(&numbers[0]).await.len(), 2);
    assert_eq!(gateway.arrived("+10000000000").await.len(), 0);

    let shown = gateway.get("/sandbox/phones").await.expect(200);
    assert_eq!(shown["phones"][0]["to"], *numbers[0], "the newest activity first");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_call_says_parts_its_codes_by_words_and_an_sms_holds_one_code() {
    let gateway = Gateway::demo();
    for _ in 0..20 {
        let to = gateway.number();
        gateway.start(&to).await;
        gateway.code(&to).await; // fails if there are two runs of four figures
        let body = json!({ "to": to, "channel": "voice", "code_length": 10 });
        gateway.post("/v1/verifications", body).await.expect(201);
        let spoken = gateway.nth(&to, 2).await["spoken"].as_str().unwrap().to_owned();
        let codes = codes_spoken(&spoken);
        assert_eq!(codes.len(), 3, "{spoken}");
        assert!(codes.iter().all(|code| code.len() == 10 && *code == codes[0]), "{spoken}");
        let parted: String = codes[0].chars().map(String::from).collect::<Vec<_>>().join(", ");
        assert_eq!(spoken.matches(&parted).count(), 3, "{spoken}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_holds_survives_a_kill() {
    let gateway = Gateway::demo();
    let to = gateway.number();
    gateway.outcome(json!({ "to": to, "channel": "voice", "outcome": "declined", "delay_ms": 50 })).await;
    let id = gateway.start(&to).await;
    gateway.nth(&to, 1).await;
    gateway.resend(&id, "voice").await.expect(202);
    gateway.delivery(&id, 2, "failed").await;
    let outcome = |phones: serde_json::Value| phones["phones"][0]["items"][1]["call"]["outcome"].clone();
    crate::gateway::until(crate::gateway::SOON, "the end of the call", || async {
        (outcome(gateway.get("/sandbox/phones").await.body) == "declined").then_some(())
    })
    .await;
    let before = gateway.arrived(&to).await;

    let gateway = gateway.kill_and_restart();
    assert_eq!(gateway.arrived(&to).await, before);
    assert_eq!(outcome(gateway.get("/sandbox/phones").await.body), "declined");
    assert_eq!(gateway.get("/sandbox/outcomes").await.body["outcomes"][0]["outcome"], "declined");
    let audio = before[1]["audio_url"].as_str().unwrap();
    assert_eq!(gateway.get(audio).await.status, 200);
    // New entries go on after the old ones.
    gateway.start(&gateway.number()).await;
    let list = gateway.get("/sandbox/messages").await.body;
    let mut ids: Vec<_> = list.as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), list.as_array().unwrap().len(), "ids are unique");
}

#[tokio::test(flavor = "multi_thread")]
async fn audio_is_a_wav_and_can_be_asked_for_in_parts() {
    let gateway = Gateway::demo();
    let to = gateway.number();
    gateway.post("/v1/verifications", json!({ "to": to, "channel": "voice" })).await.expect(201);
    let url = gateway.nth(&to, 1).await["audio_url"].as_str().unwrap().to_owned();
    let get = |range: Option<&'static str>| {
        let mut request = gateway.request(reqwest::Method::GET, &url);
        if let Some(range) = range {
            request = request.header("range", range);
        }
        async move {
            let response = request.send().await.unwrap();
            (response.status().as_u16(), response.headers().clone(), response.bytes().await.unwrap())
        }
    };
    let (status, headers, whole) = get(None).await;
    assert_eq!((status, &whole[..4]), (200, &b"RIFF"[..]));
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(u32::from_le_bytes(whole[4..8].try_into().unwrap()) as usize + 8, whole.len());
    assert!(whole.len() > 10 * 8_000, "more than ten seconds");
    let (status, headers, part) = get(Some("bytes=10-19")).await;
    assert_eq!((status, &part[..]), (206, &whole[10..20]));
    assert_eq!(headers["content-range"], format!("bytes 10-19/{}", whole.len()));
    let (status, _, tail) = get(Some("bytes=-5")).await;
    assert_eq!((status, &tail[..]), (206, &whole[whole.len() - 5..]));
    for nonsense in ["bytes=9-2", "bytes=x", "lines=1-2", "bytes=999999999-"] {
        assert_eq!(get(Some(nonsense)).await.0, 200, "{nonsense}");
    }
    assert_eq!(gateway.get("/sandbox/audio/sbx_999").await.problem(), "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_tried_by_two_carriers_is_two_entries() {
    let gateway = Gateway::setup()
        .argument("--relaxed-limits")
        .option("OTP_DELIVERY__RING_SECONDS", "5")
        .option("OTP_LIMITS__NUMBER__VOICE_INTERVAL_SECONDS", "0")
        .start();
    let to = gateway.number();
    let id = gateway.post("/v1/verifications", json!({ "to": to, "channel": "voice" })).await.id();
    let first = gateway.delivery(&id, 1, "failed").await;
    assert_eq!(first["cause"], "no_answer");
    gateway.resend(&id, "voice").await.expect(202);
    let second = gateway.delivery(&id, 2, "ringing").await;
    assert_ne!(first["attempts"][0]["carrier"], second["attempts"][0]["carrier"]);
    assert_eq!(gateway.arrived(&to).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_served_with_a_strict_policy_and_bad_outcomes_are_refused() {
    let gateway = Gateway::demo();
    let page = gateway.get("/sandbox").await;
    assert!(page.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    for file in ["sandbox.css", "sandbox.js"] {
        assert!(page.body.as_str().unwrap().contains(file));
        assert_eq!(gateway.get(&format!("/sandbox/{file}")).await.status, 200);
    }
    assert_eq!(gateway.get("/sandbox/other.js").await.status, 404);
    let put =
        |row: serde_json::Value| gateway.send(gateway.request(reqwest::Method::PUT, "/sandbox/outcomes").json(&row));
    for row in [
        json!({ "channel": "sms", "outcome": "rings" }),
        json!({ "channel": "sms", "outcome": "nonsense" }),
        json!({ "channel": "sms", "outcome": "silent", "carrier": "nobody" }),
        json!({ "channel": "sms", "outcome": "silent", "to": "\u{202e}" }),
        json!({ "outcome": "silent" }),
    ] {
        assert_eq!(put(row.clone()).await.problem(), "invalid_field", "{row}");
    }
}
