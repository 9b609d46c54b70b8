//! A call that Twilio makes, walked document by document, signed by its own library.

use super::client;
use super::signer::{Body, Signer};
use super::twilio::{ACCOUNT, Pair, TOKEN, field, start, start_with};
use crate::gateway::codes_spoken;

/// Where one call stands.
struct Call<'a> {
    signer: &'a mut Signer,
    id: String,
    to: String,
    document: String,
}

impl<'a> Call<'a> {
    /// Rings and is answered: what the request's own document says.
    async fn begin(pair: &Pair, signer: &'a mut Signer, n: usize) -> Call<'a> {
        let to = pair.gateway.number();
        let id = pair.gateway.call(&to).await;
        let requests = pair.mock.requests(n).await;
        assert_eq!(requests[n - 1]["problems"], serde_json::json!([]));
        let document = field(&requests[n - 1], "Twiml").expect("the first document goes along").to_owned();
        pair.gateway.delivery(&id, 1, "answered").await;
        Call { signer, id, to, document }
    }

    /// What is spoken: the document without its tags and the address of the next one.
    fn words(&self) -> String {
        let spoken = self.document.split("<Redirect").next().unwrap_or_default();
        let pieces = spoken.split('<').filter_map(|piece| piece.split_once('>')).map(|(_, words)| words);
        pieces.collect::<Vec<_>>().join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// What stands in the document between two texts, as XML has it.
    #[track_caller]
    fn between(&self, before: &str, after: &str) -> String {
        let (_, rest) = self.document.split_once(before).unwrap_or_else(|| panic!("no {before} in {}", self.document));
        rest.split_once(after).expect("it ends").0.replace("&amp;", "&")
    }

    /// Twilio posts to the next address and gets the next document.
    async fn post(&mut self, url: &str, digits: Option<&str>) {
        self.post_as(url, digits, "human").await;
    }

    /// The same, with what answered.
    async fn post_as(&mut self, url: &str, digits: Option<&str>, answered_by: &str) {
        let mut fields = vec![
            ("AccountSid", ACCOUNT),
            ("ApiVersion", "2010-04-01"),
            ("CallSid", "CA00000000000000000000000000000007"),
            ("CallStatus", "in-progress"),
            ("Direction", "outbound-api"),
            ("From", "+14155550100"),
            ("To", &self.to),
            ("AnsweredBy", answered_by),
        ];
        match digits {
            Some(digits) => fields.extend([("Digits", digits), ("FinishedOnKey", ""), ("msg", "Gather End")]),
            None => fields.push(("msg", "Redirect")),
        }
        let body = Body::form(&fields);
        let mut request = client().post(url).header("content-type", body.content_type()).body(body.bytes());
        for (name, value) in self.signer.sign("twilio", TOKEN, url, &body, 0) {
            request = request.header(name, value);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (200, &"application/xml".parse().unwrap())
        );
        assert_eq!(answer.headers()["cache-control"], "no-store");
        self.document = answer.text().await.unwrap();
    }

    /// Presses a key at the gate.
    async fn press(&mut self, key: &str) {
        let action = self.between("action=\"", "\"");
        self.post(&action, Some(key)).await;
    }

    /// Presses nothing: Twilio goes on after the Gather.
    async fn wait(&mut self) {
        let next = self.between("<Redirect method=\"POST\">", "</Redirect>");
        self.post(&next, None).await;
    }

    #[track_caller]
    fn is_at_the_gate(&self) {
        let gather = self.between("<Gather ", ">");
        for attribute in ["input=\"dtmf\"", "numDigits=\"1\"", "finishOnKey=\"\"", "timeout=\"8\"", "method=\"POST\""] {
            assert!(gather.contains(attribute), "{attribute} in {gather}");
        }
        assert!(self.words().contains("press one"), "{}", self.document);
        self.tells_nothing();
    }

    /// No figure stands in what is spoken.
    #[track_caller]
    fn tells_nothing(&self) {
        let spoken = self.words();
        assert!(!spoken.is_empty() || self.document.contains("<Hangup/>"), "{}", self.document);
        assert!(!spoken.contains(|c: char| c.is_ascii_digit()), "{spoken}");
    }

    #[track_caller]
    fn hangs_up(&self) {
        assert!(self.document.contains("<Hangup/>") && !self.document.contains("<Redirect"), "{}", self.document);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn key_one_brings_the_code_and_nine_never() {
    let pair = start("").await;
    // They answer, and the end of the call is not told.
    pair.flow("CALL_FLOW=initiated,ringing,answered").await;
    let mut signer = Signer::start();

    let mut call = Call::begin(&pair, &mut signer, 1).await;
    call.is_at_the_gate();
    // Who knows the address and has no signature learns nothing.
    let action = call.between("action=\"", "\"");
    let unsigned = pair.gateway.send(client().post(&action).form(&[("Digits", "1")])).await;
    assert_eq!((unsigned.status, unsigned.problem()), (403, "forged_webhook"));
    call.press("1").await;
    let codes = codes_spoken(&call.words());
    assert!(codes.len() == 3 && codes[0].len() == 6 && codes.iter().all(|code| *code == codes[0]), "{codes:?}");
    pair.gateway.secret(&codes[0]);
    assert!(!call.document.contains("<Gather"), "keys do not interrupt the code");
    call.wait().await;
    call.hangs_up();
    let id = call.id.clone();
    pair.gateway.delivery(&id, 1, "delivered").await;
    assert_eq!(pair.gateway.check(&id, &codes[0]).await.expect(200)["status"], "approved", "it was the right code");

    // Nine: "I did not ask for this".
    let mut call = Call::begin(&pair, &mut signer, 2).await;
    let gate = call.document.clone();
    call.press("9").await;
    call.tells_nothing();
    call.hangs_up();
    let id = call.id.clone();
    assert_eq!(pair.gateway.delivery(&id, 1, "failed").await["cause"], "declined_by_person");
    // Whoever kept the address of the gate cannot go back and hear it.
    call.document = gate;
    call.press("1").await;
    call.tells_nothing();
    call.hangs_up();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_key_one_the_gate_comes_again_and_then_goodbye() {
    let pair = start("").await;
    pair.flow("CALL_FLOW=initiated,ringing,answered").await;
    let mut signer = Signer::start();
    for (n, first) in [(1, Some("#")), (2, None), (3, Some("*")), (4, Some("0"))] {
        let mut call = Call::begin(&pair, &mut signer, n).await;
        match first {
            Some(key) => call.press(key).await,
            None => call.wait().await,
        }
        call.is_at_the_gate();
        call.wait().await;
        call.tells_nothing();
        call.hangs_up();
        let id = call.id.clone();
        assert_eq!(pair.gateway.delivery(&id, 1, "failed").await["cause"], "not_acknowledged", "{first:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_gate_nothing_is_said_before_a_person_is_known_to_listen() {
    let pair = start_with("", "[voice]\ngate = false\n").await;
    pair.flow("CALL_FLOW=initiated,ringing,answered").await;
    let mut signer = Signer::start();
    for (n, answered_by) in [(1, "machine_start"), (2, "human")] {
        let mut call = Call::begin(&pair, &mut signer, n).await;
        assert_eq!(call.words(), "", "{}", call.document);
        let next = call.between("<Redirect method=\"POST\">", "</Redirect>");
        call.post_as(&next, None, answered_by).await;
        if answered_by == "human" {
            let codes = codes_spoken(&call.words());
            assert!(!codes.is_empty() && codes[0].len() == 6, "{}", call.document);
            pair.gateway.secret(&codes[0]);
        } else {
            call.tells_nothing();
            call.hangs_up();
            let failed = pair.gateway.delivery(&call.id.clone(), 1, "failed").await;
            assert_eq!(failed["cause"], "answered_by_machine");
        }
    }
}
