//! A message that is a test of its carrier is covered: unless its code is typed in time, the
//! same code goes out through another carrier. Here every second message explores.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::upstream::{Reply, Upstream};
use super::{NOWHERE, attempts, carriers_before, tried};
use crate::gateway::{Gateway, Setup, code_in, until};

/// The clock runs so many times as fast: a cover of 46 s takes 2.3 s.
const FASTER: u32 = 20;
/// Nobody waits longer for a code that is to be covered.
const COVERED: Duration = Duration::from_secs(60 / FASTER as u64 + 4);

struct Story {
    gateway: Gateway,
    usual: Upstream,
    explored: Upstream,
    http: reqwest::Client,
}

impl Story {
    fn texts(upstream: &Upstream, to: &str) -> Vec<Value> {
        upstream.seen_at("/sms").into_iter().map(|seen| seen.body).filter(|body| body["to"] == to).collect()
    }

    async fn begin(sandbox: &str) -> Story {
        Story::under(sandbox, |setup| setup).await
    }

    async fn under(sandbox: &str, change: impl FnOnce(Setup) -> Setup) -> Story {
        let (usual, explored) = (Upstream::start().await, Upstream::start().await);
        let both = [("usual", "acme", &usual, ""), ("explored", "acme", &explored, "")];
        let (setup, _) = carriers_before(&both, "", sandbox);
        let setup = setup
            .option("OTP_ROUTING__EXPLORE_PER_MILLE", "500")
            .option("OTP_DELIVERY__SUBMIT_TIMEOUT_SECONDS", "40")
            .faketime(&format!("+0 x{FASTER}"));
        Story { gateway: change(setup).start(), usual, explored, http: reqwest::Client::new() }
    }

    /// A verification whose text was given to the explored carrier; its id and number.
    async fn explored(&self) -> (String, String) {
        // Half of them are; 64 in a row are not once in the life of a star.
        for _ in 0..64 {
            let to = self.gateway.number();
            let id = self.gateway.start(&to).await;
            let taken = self.gateway.delivery(&id, 1, "submitted").await;
            // Not one that the other carrier was too busy for.
            let explores =
                taken["attempts"][0]["reason"].as_str().unwrap().starts_with("the share that keeps all known");
            if explores && attempts(&taken)[0].0 == "explored" {
                return (id, to);
            }
        }
        panic!("nothing was explored");
    }

    async fn covered(&self, to: &str, times: usize) -> Value {
        until(COVERED, "a cover", || async {
            let texts = Self::texts(&self.usual, to);
            (texts.len() >= times).then(|| texts.last().unwrap().clone())
        })
        .await
    }

    async fn tell(&self, text: &Value, report: Value) {
        let callback = text["callback"].as_str().unwrap();
        let told = self.http.post(callback).json(&json!({ "reports": [report] })).send().await.unwrap();
        assert_eq!(told.status(), 200);
    }

    async fn state(&self, id: &str) -> Value {
        self.gateway.verification(id).await["deliveries"][0].clone()
    }

    /// The attempts once there are so many, and none is open any more.
    async fn attempts(&self, id: &str, count: usize) -> Vec<(String, String, Option<String>)> {
        until(COVERED, "the attempts", || async {
            let all = attempts(&self.state(id).await);
            (all.len() == count && all.iter().all(|(_, state, _)| state != "submitting")).then_some(all)
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_code_goes_out_through_another_carrier() {
    let story = Story::begin(NOWHERE).await;
    let (id, to) = story.explored().await;
    let text = story.covered(&to, 1).await;
    let first = Story::texts(&story.explored, &to).remove(0);
    let code = code_in(text["text"].as_str().unwrap());
    assert_eq!(code, code_in(first["text"].as_str().unwrap()));
    story.gateway.secret(&code);
    let both = [tried("explored", "submitted", None), tried("usual", "submitted", None)];
    assert_eq!(story.attempts(&id, 2).await, both);
    // It counts as one delivery, and is over with the first that arrives.
    let texts = [&story.usual, &story.explored].map(|upstream| upstream.seen_at("/sms"));
    let numbers: HashSet<String> = texts.iter().flatten().map(|text| text.field("to")).collect();
    let submitted = "otp_deliveries_total{channel=\"sms\",state=\"submitted\",cause=\"\"}";
    assert_eq!(story.gateway.counted(submitted).await, numbers.len() as u64);
    let verification = story.gateway.verification(&id).await;
    assert_eq!((verification["deliveries"].as_array().unwrap().len(), &verification["status"]), (1, &json!("pending")));
    story.tell(&text, json!({ "id": "m-1", "status": "delivered" })).await;
    let delivered = story.gateway.delivery(&id, 1, "delivered").await;
    assert_eq!(attempts(&delivered)[1], tried("usual", "delivered", None));
    assert_eq!(story.gateway.check(&id, &code).await.expect(200)["status"], "approved");
    let reason = delivered["attempts"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("the share that keeps all known: "), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrived_in_time_needs_no_cover() {
    let story = Story::begin(NOWHERE).await;
    let (typed, typed_to) = story.explored().await;
    let text = Story::texts(&story.explored, &typed_to).remove(0);
    let code = code_in(text["text"].as_str().unwrap());
    assert_eq!(story.gateway.check(&typed, &code).await.expect(200)["status"], "approved");
    let (received, received_to) = story.explored().await;
    let text = Story::texts(&story.explored, &received_to).remove(0);
    story.tell(&text, json!({ "id": "m-1", "status": "delivered" })).await;
    story.gateway.delivery(&received, 1, "delivered").await;
    let (canceled, canceled_to) = story.explored().await;
    story.gateway.delete(&format!("/v1/verifications/{canceled}")).await.expect(200);
    // Who asks for a call gets that, and the text stays as it is.
    let (called, called_to) = story.explored().await;
    story.gateway.resend(&called, "voice").await.expect(202);
    // The last one that nobody cares for is covered, and by then all would have been.
    let (_, lost) = story.explored().await;
    story.covered(&lost, 1).await;
    for to in [typed_to, received_to, canceled_to, called_to] {
        assert_eq!(Story::texts(&story.usual, &to), [] as [Value; 0]);
        assert_eq!(Story::texts(&story.explored, &to).len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cover_that_is_refused_leaves_the_text_to_who_has_it() {
    let story = Story::begin(NOWHERE).await;
    let taken = tried("explored", "submitted", None);

    // Not now, and there is no third: it is asked again.
    let busy = std::sync::atomic::AtomicUsize::new(0);
    let (id, to) = story.explored().await;
    story.usual.does(move |_| match busy.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
        0 => Reply::json(429, json!({})).with("retry-after", "2"),
        _ => Reply::taken("m-2"),
    });
    story.covered(&to, 2).await;
    let limited = tried("usual", "failed", Some("rate_limited"));
    assert_eq!(story.attempts(&id, 3).await, [taken.clone(), limited, tried("usual", "submitted", None)]);

    // Never, for a reason that is the number's: the first may still arrive.
    let (id, to) = story.explored().await;
    story.usual.does(|_| Reply::json(200, json!({ "code": "nobody" })));
    story.covered(&to, 1).await;
    assert_eq!(story.attempts(&id, 2).await, [taken.clone(), tried("usual", "failed", Some("invalid_number"))]);
    assert_eq!(story.state(&id).await["state"], "submitted");
    let first = Story::texts(&story.explored, &to).remove(0);
    story.tell(&first, json!({ "id": "m-1", "status": "delivered" })).await;
    story.gateway.delivery(&id, 1, "delivered").await;

    // A text that failed goes to the next at once, as ever, and only once.
    story.usual.does(|_| Reply::taken("m-3"));
    let (id, to) = story.explored().await;
    let first = Story::texts(&story.explored, &to).remove(0);
    story.tell(&first, json!({ "id": "m-1", "status": "failed", "code": "spam" })).await;
    story.covered(&to, 1).await;
    let lost = tried("explored", "failed", Some("carrier_filtered"));
    assert_eq!(story.attempts(&id, 2).await, [lost, tried("usual", "submitted", None)]);
    let (_, other) = story.explored().await;
    story.covered(&other, 1).await;
    assert_eq!(Story::texts(&story.usual, &to).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cover_that_one_refuses_goes_out_through_a_third() {
    let story = Story::begin("").await;
    let (id, to) = story.explored().await;
    story.usual.does(|_| Reply::json(503, json!({})));
    story.covered(&to, 1).await;
    let taken = story.gateway.delivery(&id, 1, "delivered").await;
    let carriers: Vec<_> = attempts(&taken).into_iter().map(|(carrier, ..)| carrier).collect();
    assert_eq!(carriers[..2], ["explored", "usual"]);
    assert!(carriers.len() == 3 && carriers[2].starts_with("sandbox-"), "{carriers:?}");
    assert_eq!(story.gateway.arrived(&to).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wide_limit_holds_for_covers_too() {
    let limited = |setup: Setup| setup.option("OTP_LIMITS__WIDE__TENANT", "12/h").without("--relaxed-limits");
    let story = Story::under(NOWHERE, limited).await;
    let mut started = 0;
    loop {
        let answer = story.gateway.post("/v1/verifications", json!({ "to": story.gateway.number() })).await;
        match answer.status {
            201 => started += 1,
            _ => break assert_eq!(answer.body["limit"], "tenant", "{}", answer.body),
        }
        // A cover is reserved while its text is sent.
        story.gateway.delivery(&answer.id(), 1, "submitted").await;
    }
    let texts = || story.usual.seen_at("/sms").len() + story.explored.seen_at("/sms").len();
    assert!(started < 12 && texts() >= started, "of {started} none explored");
    until(COVERED, "the covers", || async { (texts() >= 11).then_some(()) }).await;
    tokio::time::sleep(COVERED).await;
    assert!(texts() <= 12, "{} texts of {started}", texts());
}
