//! What people want and what operators ask: STOP and START, the log of attempts, how the
//! carriers do, and the commands for them.

use std::time::Duration;

use serde_json::{Value, json};

use super::carriers;
use super::upstream::{Reply, Upstream};
use crate::command::run;
use crate::gateway::{code_in, until};

#[tokio::test(flavor = "multi_thread")]
async fn stop_is_kept_for_those_who_sent_and_start_lifts_it() {
    let (one, two) = (Upstream::start().await, Upstream::start().await);
    let (setup, _) = carriers(
        &[("one", "acme", &one, ""), ("two", "acme", &two, "countries = [\"AQ\"]")],
        "[limits.number]\nsms_interval_seconds = 0",
    );
    let gateway = setup.start();
    let to = gateway.number();
    let all = gateway.get("/v1/carriers").await.expect(200);
    let inbound_of = |name: &str| {
        let carrier = all["carriers"].as_array().unwrap().iter().find(|carrier| carrier["name"] == name).unwrap();
        carrier["addresses"]["messages from phones"].as_str().unwrap().to_owned()
    };
    let (inbound, elsewhere) = (inbound_of("one"), inbound_of("two"));
    let http = reqwest::Client::new();
    let say_to = async |inbound: &str, text: &str| {
        // Some carriers write numbers without the plus.
        let body = json!({ "from": to[1..], "to": "4915100000001", "text": text });
        assert_eq!(http.post(inbound).json(&body).send().await.unwrap().status(), 200);
    };
    let say = async |text: &str| say_to(&inbound, text).await;
    // Nobody wrote to this number yet: nothing to opt out of.
    say("STOP").await;
    let id = gateway.start(&to).await;
    gateway.delivery(&id, 1, "submitted").await;
    gateway.log(&to, 1).await;
    say("HELP").await;
    gateway.resend(&id, "sms").await.expect(202);
    say(" stop! ").await;
    let refused = gateway.post("/v1/verifications", json!({ "to": to, "channel": "sms" })).await;
    assert_eq!((refused.status, refused.problem()), (422, "opted_out"));
    assert_eq!(gateway.resend(&id, "sms").await.problem(), "opted_out");
    let sms = gateway.verification(&id).await["channels"]["sms"].clone();
    assert_eq!(sms, json!({ "available": false, "retry_after_seconds": null, "reason": "blocked_network" }));
    let called = gateway.post("/v1/verifications", json!({ "to": to })).await.expect(201);
    assert_eq!(called["deliveries"][0]["channel"], "voice", "a call may still be made");
    // Said to a carrier that never wrote to this person.
    say_to(&elsewhere, "Start").await;
    assert_eq!(gateway.resend(&id, "sms").await.problem(), "opted_out");
    say("Start").await;
    gateway.resend(&id, "sms").await.expect(202);
    let forged = inbound[..inbound.len() - 1].to_owned();
    assert_eq!(http.post(&forged).json(&json!({})).send().await.unwrap().status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_and_the_figures_tell_what_happened() {
    let (bad, good) = (Upstream::start().await, Upstream::start().await);
    bad.does(|_| Reply::json(200, json!({ "code": "spam" })));
    let (setup, url) = carriers(
        &[
            ("bad", "acme", &bad, ""),
            ("good", "acme", &good, "[carriers.good.prices]\ncurrency = \"EUR\"\nsms = { default = \"0.07\" }"),
        ],
        "",
    );
    let gateway = setup.start();
    let to = gateway.number();
    let id = gateway.start(&to).await;
    gateway.delivery(&id, 1, "submitted").await;
    let callback = good.seen_at("/sms")[0].field("callback");
    let report = json!({ "reports": [{ "id": "m-1", "status": "delivered", "price": "0.0451", "network": "26202" }] });
    assert_eq!(reqwest::Client::new().post(&callback).json(&report).send().await.unwrap().status(), 200);
    let log = until(Duration::from_secs(5), "the report in the log", || async {
        Some(gateway.log(&to, 2).await).filter(|log| log[0]["reported_at"].is_string())
    })
    .await;
    let [newest, first] = [&log[0], &log[1]];
    assert_eq!(
        (&first["carrier"], &first["cause"], &first["code"]),
        (&json!("bad"), &json!("carrier_filtered"), &json!("spam"))
    );
    assert_eq!((&first["price"], &first["sender"]), (&Value::Null, &json!("+4915100000001")));
    let expected = json!({ "amount": "0.0451", "currency": "EUR" });
    assert_eq!(
        (&newest["carrier"], &newest["state"], &newest["price"]),
        (&json!("good"), &json!("delivered"), &expected)
    );
    assert_eq!((&newest["reference"], &newest["network"]), (&json!("m-1"), &json!("262-02")));
    assert!(newest["reason"].as_str().unwrap().starts_with("drawn by weight"), "{newest}");
    for time in ["accepted_at", "started_at", "submitted_at", "reported_at"] {
        assert!(newest[time].as_str().unwrap().starts_with("20"), "{newest}");
    }
    let variables = [("OTP_URL", url.as_str()), ("OTP_API_KEY", "demo-key")];
    let status = run(&["carriers", "status", "--json", "--country", "jp"], &variables).await;
    let status: Value = serde_json::from_str(&status.out).unwrap();
    let of =
        |name: &str| status["carriers"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone();
    let (bad, good) = (of("bad"), of("good"));
    assert_eq!(
        (&bad["channels"]["sms"]["accept_rate"], &bad["channels"]["sms"]["causes"]),
        (&json!(0.0), &json!({"carrier_filtered": 1}))
    );
    assert_eq!((&good["channels"]["sms"]["delivery_rate"], &good["spent"]), (&json!(1.0), &json!({"EUR": "0.07"})));
    assert!(good["channels"]["sms"]["receipt_ms"]["p50"].as_u64().unwrap() > 0);
    let elsewhere = run(&["carriers", "status", "--json", "--country", "FR"], &variables).await;
    assert!(elsewhere.out.contains("\"submits\":0") && !elsewhere.out.contains("\"submits\":1"));
    let shown = run(&["carriers", "status"], &variables).await;
    assert!(shown.out.contains("100.0 %") && shown.out.contains("bad sms failed: 1 carrier_filtered"), "{}", shown.out);
    let listed = run(&["carriers", "list"], &variables).await;
    assert!(listed.out.contains("acme") && listed.out.contains("/webhooks/good/inbound/"), "{}", listed.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_is_tried_without_a_gateway() {
    let one = Upstream::start().await;
    let folder = tempfile::tempdir().unwrap();
    super::profiles(folder.path());
    let file = folder.path().join("otp.toml");
    let config = format!(
        "[carrier_profiles]\ndir = {:?}\n[carriers.one]\nprofile = \"acme\"\nbase_url = \"{}\"\n[carriers.one.options]\nkey = \"${{ACME_KEY}}\"\n",
        folder.path(),
        one.url
    );
    std::fs::write(&file, config).unwrap();
    let (file, key) = (file.to_str().unwrap(), [("ACME_KEY", "s3cret-key")]);
    one.does(|seen| match seen.method.as_str() {
        "GET" => Reply::json(200, json!({ "balance": 12.5 })),
        _ => Reply::json(200, json!({ "code": "off" })),
    });
    let probed = run(&["carriers", "probe", "one", "--config", file], &key).await;
    assert_eq!((probed.code, probed.out.trim()), (Some(0), "one answers and takes the credentials; balance 12.5 EUR"));
    let tested = run(&["carriers", "test", "one", "--to", "+819012345678", "--config", file], &key).await;
    assert_eq!(tested.code, Some(1));
    assert!(
        tested.out.contains("unreachable_handset (their code off") && !tested.out.contains("12345678"),
        "{}",
        tested.out
    );
    assert!(one.seen_at("/sms")[0].body.get("callback").is_none(), "no gateway waits for reports");
    one.does(|_| Reply::json(401, json!({})));
    let probed = run(&["carriers", "probe", "one", "--config", file, "--json"], &key).await;
    assert!(probed.code == Some(1) && probed.out.contains("auth_failed"), "{}", probed.out);
    let unknown = run(&["carriers", "probe", "two", "--config", file], &key).await;
    assert!(unknown.code == Some(1) && unknown.err.contains("known: one"), "{}", unknown.err);
    let explained = run(&["carriers", "errors", "one", "spam", "--config", file], &key).await;
    assert!(explained.out.contains("carrier_filtered") && explained.out.contains("https://acme.example/spam"));
    let examined = run(&["doctor", "--config", file], &key).await;
    assert_eq!(examined.code, Some(1));
    for problem in ["carrier one: refuses: auth_failed", "server.public_url is not set"] {
        assert!(examined.out.contains(problem), "{}", examined.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_problem_of_a_folder_is_told_at_once_and_a_new_one_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    assert_eq!(run(&["carriers", "new", "fresh", "--dir", dir], &[]).await.code, Some(0));
    let fresh = folder.path().join("fresh");
    let held = run(&["carriers", "validate", fresh.to_str().unwrap()], &[]).await;
    assert!(held.code == Some(0) && held.out.contains("everything holds"), "{}", held.out);
    assert_eq!(run(&["carriers", "new", "fresh", "--dir", dir], &[]).await.code, Some(1), "nothing is overwritten");
    let bad = folder.path().join("bad");
    std::fs::create_dir_all(bad.join("samples")).unwrap();
    let carrier = super::ACME
        .replace("{text}", "{txet}")
        .replace("base_url = \"https://", "base_url = \"")
        .replace("in = \"codes\"", "in = \"cods\"")
        .replace("delivered = \"delivered\"\n", "");
    std::fs::write(bad.join("carrier.toml"), carrier).unwrap();
    std::fs::write(bad.join("errors.toml"), super::CODES).unwrap();
    let told = run(&["carriers", "validate", bad.to_str().unwrap(), "--json"], &[]).await;
    let told: Value = serde_json::from_str(&told.out).unwrap();
    let problems =
        told["problems"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect::<Vec<_>>().join("\n");
    for word in
        ["{txet} is unknown here", "{text} stands nowhere", "base_url", "no table [cods]", "no status means delivered"]
    {
        assert!(problems.contains(word), "{word} in\n{problems}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_work_is_remembered_and_what_did_comes_first() {
    let one = Upstream::start().await;
    let (setup, _) = carriers(&[("one", "acme", &one, "")], "[limits.number]\nsms_interval_seconds = 0");
    let gateway = setup.start();
    let to = gateway.number();
    one.does(|seen| match seen.path.as_str() {
        "/sms" => Reply::json(200, json!({ "code": "fixed" })),
        _ => Reply::json(201, json!({ "id": "c-1" })),
    });
    let id = gateway.start(&to).await;
    gateway.delivery(&id, 1, "failed").await;
    let sms = until(Duration::from_secs(5), "the memory", || async {
        let sms = gateway.verification(&id).await["channels"]["sms"].clone();
        (sms["reason"] == "blocked_network").then_some(sms)
    })
    .await;
    let seconds = sms["retry_after_seconds"].as_u64().unwrap();
    assert!(sms["available"] == false && (29 * 86_400..=30 * 86_400).contains(&seconds), "{sms}");
    let next = gateway.post("/v1/verifications", json!({ "to": to })).await.expect(201);
    assert_eq!(next["deliveries"][0]["channel"], "voice", "the right channel first");
    assert_eq!(
        (&next["channels"]["sms"]["reason"], &next["channels"]["voice"]["reason"]),
        (&json!("blocked_network"), &json!("limit"))
    );
    // Advice: whoever insists is obeyed.
    let insists = gateway.post("/v1/verifications", json!({ "to": to, "channel": "sms" })).await.expect(201);
    assert_eq!(insists["deliveries"][0]["channel"], "sms");
    let looked = gateway.post("/v1/numbers/lookup", json!({ "to": to })).await.expect(200);
    assert_eq!(looked["last_worked"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_starts_again_in_vain_gets_another_carrier_and_accuses_nobody_twice() {
    let (one, two) = (Upstream::start().await, Upstream::start().await);
    let (setup, _) = carriers(
        &[("one", "acme", &one, ""), ("two", "acme", &two, "")],
        "[limits.number]\nsms_interval_seconds = 0\ndeliveries = \"20/h\"",
    );
    let gateway = setup.start();
    let to = gateway.number();
    // The cells, once one of them tells of so many messages that count.
    let counted = async |sent: usize| {
        until(Duration::from_secs(5), "the evidence", || async {
            let all = gateway.get("/v1/carriers?all=true").await.expect(200);
            let cells = all["cells"].as_array().unwrap().clone();
            let says = |cell: &Value| cell["sentence"].as_str().unwrap().contains(&format!(" of {sent} sent "));
            cells.iter().any(says).then_some(cells)
        })
        .await
    };
    let (mut used, mut last) = (Vec::new(), String::new());
    for count in 1..=3 {
        last = gateway.start(&to).await;
        used.push(super::attempts(&gateway.delivery(&last, 1, "submitted").await)[0].0.clone());
        gateway.log(&to, count).await;
    }
    assert_eq!(used, ["one", "two", "one"], "each time another than just before");
    // Of what one person left untyped only the first counts; another person's does.
    let other = gateway.start(&gateway.number()).await;
    gateway.delivery(&other, 1, "submitted").await;
    assert_eq!(counted(2).await.len(), 1, "the second carrier has no message that counts");
    // Who types a code is heard again.
    let text = one.seen_at("/sms").into_iter().rfind(|seen| seen.field("to") == to).unwrap().field("text");
    let code = code_in(&text);
    gateway.secret(&code);
    assert_eq!(gateway.check(&last, &code).await.expect(200)["status"], "approved");
    let id = gateway.start(&to).await;
    gateway.delivery(&id, 1, "submitted").await;
    counted(3).await;
}
