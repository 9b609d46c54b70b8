//! The sandbox phone: its list, its audio, its page, and what of it outlives the process.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::gateway::{Gateway, code_in, codes_spoken};

impl Gateway {
    /// The newest items, oldest first.
    async fn listed(&self, query: &str) -> Vec<Value> {
        let list = self.get(&format!("/sandbox/messages{query}")).await.expect(200);
        list.as_array().unwrap().clone()
    }

    async fn audio(&self, url: &str, range: Option<&str>) -> (u16, reqwest::header::HeaderMap, Vec<u8>) {
        let request = self.request(Method::GET, url);
        self.fetch(range.into_iter().fold(request, |request, range| request.header("Range", range))).await
    }
}

/// A whole WAV file: both lengths in it are true, and it holds sound.
#[track_caller]
fn assert_wav(wav: &[u8]) {
    let u32_at = |at: usize| u32::from_le_bytes(wav[at..at + 4].try_into().unwrap()) as usize;
    assert!(wav.len() > 8_000 && wav.starts_with(b"RIFF") && &wav[8..16] == b"WAVEfmt ", "{}", wav.len());
    assert_eq!(u32_at(4), wav.len() - 8);
    let data = wav.windows(4).position(|four| four == b"data").expect("a data chunk");
    // A chunk of odd length is followed by one byte that does not count.
    assert_eq!(u32_at(data + 4).next_multiple_of(2), wav.len() - data - 8);
}

/// Figures parted by `, `, repeated with words between and after them, and no other figures.
#[track_caller]
fn assert_grammar(spoken: &str, code: &str) {
    let figures = code.chars().map(String::from).collect::<Vec<_>>().join(", ");
    let words: Vec<&str> = spoken.split(&figures).collect();
    assert!(words.len() >= 3, "the code is repeated: {spoken}");
    for part in words {
        assert!(part.chars().any(char::is_alphabetic) && !part.chars().any(|c| c.is_ascii_digit()), "{spoken}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_has_the_shape_that_others_rely_on() {
    let gateway = Gateway::demo();
    let (to, other) = (gateway.number(), gateway.number());
    let id = gateway.start(&to).await;
    gateway.nth(&to, 1).await;
    let call = gateway.ring(&id, &to).await;
    gateway.start(&other).await;
    gateway.nth(&other, 1).await;

    let items = gateway.listed("").await;
    assert_eq!(items.len(), 3);
    for item in &items {
        let names: Vec<&str> = item.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            BTreeSet::from_iter(names),
            BTreeSet::from(["id", "to", "channel", "body", "spoken", "audio_url", "at"])
        );
        item["at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    }
    let [sms, voice, last] = &items[..] else { unreachable!() };
    assert_eq!(
        (&sms["to"], &sms["channel"], &sms["spoken"], &sms["audio_url"]),
        (&json!(to), &json!("sms"), &Value::Null, &Value::Null)
    );
    assert_eq!((&voice["id"], &voice["to"], &voice["channel"]), (&json!(call), &json!(to), &json!("voice")));
    assert_eq!(voice["body"], voice["spoken"], "listed from the first ring, with the whole script");
    assert!(voice["audio_url"].as_str().unwrap().starts_with('/'));
    assert_eq!(last["to"], json!(other));
    assert_grammar(voice["spoken"].as_str().unwrap(), &code_in(sms["body"].as_str().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_cut_and_filtered() {
    let gateway = Gateway::demo();
    let numbers: Vec<String> = (0..4).map(|_| gateway.number()).collect();
    for to in &numbers {
        gateway.start(to).await;
        gateway.nth(to, 1).await;
    }
    let told =
        |items: &[Value]| -> Vec<String> { items.iter().map(|item| item["to"].as_str().unwrap().into()).collect() };
    assert_eq!(told(&gateway.listed("").await), numbers);
    assert_eq!(told(&gateway.listed("?limit=2").await), numbers[2..], "the newest, oldest first");
    for query in ["?limit=0", "?limit=-5", "?limit=1"] {
        assert_eq!(told(&gateway.listed(query).await), numbers[3..], "{query}");
    }
    for query in ["?limit=99999", "?limit=", "?limit=10000", "?to=", "?limit=99999999999999999999"] {
        assert_eq!(told(&gateway.listed(query).await), numbers, "{query}");
    }
    let digits = &numbers[1][1..];
    for query in [format!("?to=%2B{digits}"), format!("?to=+{digits}"), format!("?limit=1&to={digits}")] {
        assert_eq!(told(&gateway.listed(&query).await), [&*numbers[1]], "{query}");
    }
    assert_eq!(gateway.listed(&format!("?to=%2B{digits}0")).await, [] as [Value; 0]);
    let anyone = gateway.request_without_key(Method::GET, "/sandbox/messages");
    assert_eq!(gateway.send(anyone).await.problem(), "unauthorized");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_texts_and_calls_keep_to_the_grammar() {
    let gateway = Gateway::demo();
    gateway.outcome(json!({ "channel": "voice", "outcome": "busy" })).await;
    let codes = (0..50).map(|n| {
        let (gateway, to) = (&gateway, gateway.number());
        async move {
            let body = json!({ "to": to, "code_length": 6 + n % 5 });
            let id = gateway.post("/v1/verifications", body).await.id();
            let text = gateway.nth(&to, 1).await;
            let code = code_in(text["body"].as_str().unwrap());
            assert_eq!(code.len(), 6 + n % 5);
            gateway.resend(&id, "voice").await.expect(202);
            let call = gateway.nth(&to, 2).await;
            assert_grammar(call["spoken"].as_str().unwrap(), &code);
            assert!(codes_spoken(call["spoken"].as_str().unwrap()).iter().all(|spoken| *spoken == code));
            code
        }
    });
    let codes = futures_util::future::join_all(codes).await;
    assert_eq!(BTreeSet::from_iter(&codes).len(), 50, "no code comes twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calls_audio_can_be_played_in_parts_and_later() {
    let gateway = Gateway::demo();
    let to = gateway.number();
    let id = gateway.start(&to).await;
    let call = gateway.ring(&id, &to).await;
    let url = gateway.nth(&to, 2).await["audio_url"].as_str().unwrap().to_owned();
    let (status, headers, wav) = gateway.audio(&url, None).await;
    assert_eq!((status, &headers["content-type"]), (200, &reqwest::header::HeaderValue::from_static("audio/wav")));
    assert_eq!(headers["accept-ranges"], "bytes");
    assert_wav(&wav);

    let total = wav.len();
    for (range, from, to) in [
        ("bytes=0-43", 0, 44),
        ("bytes=44-", 44, total),
        ("bytes=-100", total - 100, total),
        ("bytes=100-99999999", 100, total),
        ("bytes=-99999999", 0, total),
    ] {
        let (status, headers, part) = gateway.audio(&url, Some(range)).await;
        assert_eq!((status, &*part), (206, &wav[from..to]), "{range}");
        assert_eq!(headers["content-range"], format!("bytes {from}-{}/{total}", to - 1), "{range}");
    }
    for range in
        ["bytes=99999999-", "bytes=5-2", "bytes=", "bytes=-", "bytes=a-b", "bytes=0-b", "bytes=-0", "pages=1-2", "é"]
    {
        let (status, _, whole) = gateway.audio(&url, Some(range)).await;
        assert!(status == 416 || (status == 200 && whole == wav), "{range}: {status}");
    }

    let say = gateway.act(&call, "answer", json!({})).await.expect(200)["say"].clone();
    let (status, _, gate) = gateway.audio(say["audio_url"].as_str().unwrap(), None).await;
    assert_eq!(status, 200);
    assert_wav(&gate);
    assert!(gate.len() < total);
    gateway.act(&call, "hangup", json!({})).await.expect(200);
    gateway.delivery(&id, 2, "failed").await;
    assert_eq!(gateway.audio(&url, None).await.2, wav, "after the call");
    let gateway = gateway.kill_and_restart();
    assert_eq!(gateway.audio(&url, None).await.2, wav, "after a restart");
    for path in ["/sandbox/audio/sbx_1", "/sandbox/audio/sbx_999", "/sandbox/audio/none"] {
        assert_eq!(gateway.get(path).await.problem(), "not_found", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_phone_remembers_after_a_kill() {
    let gateway = Gateway::demo();
    let (to, calm) = (gateway.number(), gateway.number());
    let row = json!({ "to": calm, "channel": "sms", "outcome": "refused", "cause": "carrier_filtered" });
    gateway.outcome(row.clone()).await;
    gateway.outcome(json!({ "to": to, "channel": "voice", "outcome": "busy" })).await;
    gateway.outcome(json!({ "to": to, "channel": "voice", "outcome": "declined", "delay_ms": 1 })).await;
    let id = gateway.start(&to).await;
    gateway.resend(&id, "voice").await.expect(202);
    gateway.delivery(&id, 2, "failed").await;
    gateway.delivery(&id, 1, "delivered").await;
    let call = gateway.nth(&to, 2).await["id"].as_str().unwrap().to_owned();
    crate::gateway::until(crate::gateway::SOON, "the end of the call", || async {
        (gateway.shown(&call).await["call"]["state"] == "ended").then_some(())
    })
    .await;
    let (before, outcomes) = (gateway.listed("").await, gateway.get("/sandbox/outcomes").await.expect(200));
    assert_eq!(outcomes["outcomes"].as_array().unwrap().len(), 2, "one row for a place: {outcomes}");

    let gateway = gateway.kill_and_restart();
    assert_eq!(gateway.listed("").await, before);
    assert_eq!(gateway.get("/sandbox/outcomes").await.expect(200), outcomes);
    assert_eq!(gateway.shown(&call).await["call"]["outcome"], "declined");
    let id = gateway.start(&calm).await;
    assert_eq!(gateway.delivery(&id, 1, "failed").await["cause"], "carrier_filtered");
    assert_eq!(gateway.delete("/sandbox/outcomes").await.status, 204);
    assert_eq!(gateway.get("/sandbox/outcomes").await.expect(200)["outcomes"], json!([]), "all are forgotten");
    let gateway = gateway.kill_and_restart();
    assert_eq!(gateway.get("/sandbox/outcomes").await.expect(200)["outcomes"], json!([]), "for good");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_tried_by_two_carriers_is_two_entries() {
    let gateway =
        Gateway::setup().argument("--relaxed-limits").option("OTP_LIMITS__NUMBER__VOICE_INTERVAL_SECONDS", "0").start();
    let to = gateway.number();
    gateway.outcome(json!({ "to": to, "channel": "voice", "outcome": "busy" })).await;
    let id = gateway.post("/v1/verifications", json!({ "to": to, "channel": "voice" })).await.id();
    gateway.delivery(&id, 1, "failed").await;
    gateway.resend(&id, "voice").await.expect(202);
    gateway.delivery(&id, 2, "failed").await;
    let items = gateway.arrived(&to).await;
    assert_eq!(items.len(), 2);
    assert_eq!(items[0]["spoken"], items[1]["spoken"], "the same code");
    let mut carriers = BTreeSet::new();
    for item in &items {
        carriers.insert(gateway.shown(item["id"].as_str().unwrap()).await["carrier"].as_str().unwrap().to_owned());
    }
    assert_eq!(carriers, BTreeSet::from(["sandbox-a".to_owned(), "sandbox-b".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_loads_nothing_from_elsewhere() {
    let gateway = Gateway::demo();
    let page = gateway.send(gateway.request_without_key(Method::GET, "/sandbox")).await;
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    for rule in ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"] {
        assert!(policy.contains(rule), "{rule}: {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    assert_eq!(
        (&page.headers["x-content-type-options"], &page.headers["referrer-policy"]),
        (&"nosniff".parse().unwrap(), &"no-referrer".parse().unwrap())
    );
    let html = page.body.as_str().unwrap();
    assert!(!html.contains("src=\"http") && !html.contains("href=\"http"));
    for (file, kind) in [("/sandbox/sandbox.css", "text/css"), ("/sandbox/sandbox.js", "text/javascript")] {
        assert!(html.contains(&format!("\"{file}\"")), "{file}");
        let answer = gateway.send(gateway.request_without_key(Method::GET, file)).await;
        assert!(answer.status == 200 && answer.headers["content-type"].to_str().unwrap().starts_with(kind), "{file}");
    }
}
