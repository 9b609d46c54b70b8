//! The main job: start, SMS, "Didn't receive a code?", voice, check.

use serde_json::json;

use crate::gateway::{Gateway, code_in, codes_spoken, wrong};

#[tokio::test(flavor = "multi_thread")]
async fn a_code_arrives_by_sms_then_by_voice_and_is_approved_once() {
    let gateway = Gateway::demo();
    let to = gateway.number();
    gateway.outcome(json!({ "to": to, "channel": "voice", "outcome": "answers", "key": "1", "delay_ms": 50 })).await;

    let started = gateway.post("/v1/verifications", json!({ "to": to })).await.expect(201);
    let id = started["id"].as_str().unwrap();
    assert_eq!(started["status"], "pending");
    assert_eq!(started["to_masked"], format!("+81********{}", &to[to.len() - 2..]));
    assert_eq!(started["deliveries"][0]["channel"], "sms");
    assert_eq!(started["channels"]["voice"], json!({ "available": true, "retry_after_seconds": 0, "reason": null }));
    assert_eq!(started["channels"]["sms"]["reason"], "limit");

    let code = gateway.code(&to).await;
    assert_eq!(code.len(), 6);
    assert!(code.as_bytes().windows(2).all(|pair| pair[0] != pair[1]));
    gateway.delivery(id, 1, "delivered").await;

    let resent = gateway.resend(id, "voice").await.expect(202);
    assert_eq!(resent["deliveries"].as_array().unwrap().len(), 2);
    let call = gateway.nth(&to, 2).await;
    let spoken = codes_spoken(call["spoken"].as_str().unwrap());
    assert_eq!(spoken, [&*code, &*code, &*code], "the call speaks the code of the SMS: {call}");
    gateway.delivery(id, 2, "delivered").await;

    let wrong_one = gateway.check(id, &wrong(&code)).await.expect(200);
    assert_eq!((&wrong_one["status"], &wrong_one["reason"]), (&json!("pending"), &json!("wrong_code")));
    assert_eq!(wrong_one["attempts_left"], 4);
    assert_eq!(gateway.check(id, &code).await.expect(200)["status"], "approved");
    assert_eq!(gateway.check(id, &code).await.problem(), "already_approved");
    let ended = gateway.verification(id).await;
    assert_eq!(ended["status"], "approved");
    assert_eq!(ended["channels"]["sms"]["available"], false);
    assert_eq!(gateway.resend(id, "sms").await.problem(), "already_approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_racing_right_checks_exactly_one_is_approved() {
    let gateway = Gateway::demo();
    let to = gateway.number();
    let id = gateway.start(&to).await;
    let code = gateway.code(&to).await;
    let checks = (0..40).map(|_| gateway.check(&id, &code));
    let answers = futures_util::future::join_all(checks).await;
    let approved = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(approved, 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(answer.problem(), "already_approved");
        assert!(!answer.body.to_string().contains("\"approved\""));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_expired_used_up_and_canceled_are_told_apart() {
    let gateway = Gateway::demo();
    let to = gateway.number();
    let id = gateway.start(&to).await;
    let code = gateway.code(&to).await;
    for left in [4, 3, 2, 1] {
        assert_eq!(gateway.check(&id, &wrong(&code)).await.expect(200)["attempts_left"], left);
    }
    assert_eq!(gateway.check(&id, &wrong(&code)).await.problem(), "max_attempts_reached");
    assert_eq!(gateway.check(&id, &code).await.problem(), "max_attempts_reached");
    assert_eq!(gateway.verification(&id).await["status"], "max_attempts_reached");

    let id = gateway.start(&gateway.number()).await;
    assert_eq!(gateway.delete(&format!("/v1/verifications/{id}")).await.expect(200)["status"], "canceled");
    assert_eq!(gateway.delete(&format!("/v1/verifications/{id}")).await.expect(200)["status"], "canceled");
    assert_eq!(gateway.check(&id, "123456").await.problem(), "canceled");
    assert_eq!(gateway.resend(&id, "voice").await.problem(), "canceled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_worth_nothing_after_its_time() {
    // The program's clock runs 20 times as fast, its timers with it.
    let gateway = Gateway::setup().argument("--relaxed-limits").faketime("+0 x20").start();
    let to = gateway.number();
    let answer = gateway.post("/v1/verifications", json!({ "to": to, "ttl_seconds": 60 })).await;
    let id = answer.id();
    let code = gateway.code(&to).await;
    crate::gateway::until(crate::gateway::SOON, "expiry", || async {
        (gateway.verification(&id).await["status"] == "expired").then_some(())
    })
    .await;
    assert_eq!(gateway.check(&id, &code).await.problem(), "expired");
    assert_eq!(gateway.resend(&id, "voice").await.problem(), "expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_with_the_subject_of_an_open_one_joins_it() {
    let gateway = Gateway::demo();
    let to = gateway.number();
    let body = json!({ "to": to, "subject": "login 7" });
    let first = gateway.post("/v1/verifications", body.clone()).await;
    assert_eq!(first.status, 201);
    let joined = gateway.post("/v1/verifications", body).await.expect(200);
    assert_eq!((&joined["id"], &joined["joined"]), (&first.body["id"], &json!(true)));
    assert_eq!(joined["deliveries"].as_array().unwrap().len(), 1, "the SMS interval holds the resend back");
    assert!(joined["retry_after_seconds"].as_u64().unwrap() <= 30);
    let by_voice = json!({ "to": to, "subject": "login 7", "channel": "voice" });
    let joined = gateway.post("/v1/verifications", by_voice).await.expect(200);
    assert_eq!(joined["deliveries"].as_array().unwrap().len(), 2);
    let other = gateway.post("/v1/verifications", json!({ "to": to, "subject": "login 8", "channel": "voice" })).await;
    assert_eq!(other.problem(), "limit");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_on_resend_new_an_older_code_is_superseded() {
    let gateway = Gateway::setup()
        .argument("--relaxed-limits")
        .option("OTP_VERIFICATION__ON_RESEND", "new")
        .option("OTP_LIMITS__NUMBER__SMS_INTERVAL_SECONDS", "0")
        .start();
    let to = gateway.number();
    let answer = gateway.post("/v1/verifications", json!({ "to": to, "subject": "s" })).await;
    let old = gateway.code(&to).await;
    gateway.resend(&answer.id(), "sms").await.expect(202);
    let new = code_in(gateway.nth(&to, 2).await["body"].as_str().unwrap());
    assert_ne!(old, new);
    let superseded = gateway.check(&answer.id(), &old).await.expect(200);
    assert_eq!((&superseded["reason"], &superseded["attempts_left"]), (&json!("superseded"), &json!(5)));
    // A start that joins replaces the code too.
    gateway.post("/v1/verifications", json!({ "to": to, "subject": "s" })).await.expect(200);
    let newest = code_in(gateway.nth(&to, 3).await["body"].as_str().unwrap());
    assert_eq!(gateway.check(&answer.id(), &new).await.expect(200)["reason"], "superseded");
    assert_eq!(gateway.check(&answer.id(), &newest).await.expect(200)["status"], "approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_says_which_language_is_spoken_and_help_is_for_the_country() {
    let gateway = Gateway::demo();
    let answer = gateway.post("/v1/verifications", json!({ "to": gateway.number(), "locale": "ja" })).await;
    assert_eq!((&answer.body["locale"], &answer.body["locale_used"]), (&json!("ja"), &json!("en")));
    let general = gateway.get(&format!("/v1/verifications/{}/help", answer.id())).await.expect(200);
    assert_eq!((&general["country"], &general["country_specific"]), (&json!("JP"), &json!(false)));
    assert!(general["steps"].as_array().unwrap().len() > 3);
    let american = gateway.start("+12025550142").await;
    let help = gateway.get(&format!("/v1/verifications/{american}/help?locale=en")).await.expect(200);
    assert_eq!((&help["country"], &help["country_specific"]), (&json!("US"), &json!(true)));
    assert!(help["steps"].to_string().contains("STOP"));
}
