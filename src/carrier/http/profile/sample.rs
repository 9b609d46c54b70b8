//! Samples: payloads that a carrier sends, with the result that is expected of each.
//! They hold a folder to its word, in the tests and for `carriers validate`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use super::{Fillings, Profile, Word};
use crate::carrier::http::calls::fate;
use crate::carrier::http::client::Reply;
use crate::carrier::http::signature::Verifier;
use crate::carrier::http::{Incoming, answer, receipt, refused};
use crate::carrier::{Answer, Fate};
use crate::model::{Cause, Channel, Currency, Money, Progress, SECOND};

/// One file of `samples/`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    #[serde(rename = "about")]
    _about: String,
    #[serde(default, rename = "page")]
    _page: String,
    kind: Kind,
    #[serde(default = "sms")]
    channel: Channel,
    #[serde(default = "ok")]
    status: u16,
    #[serde(default = "post")]
    method: String,
    #[serde(default)]
    query: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
    signed: Option<Signed>,
    expect: Expected,
}

fn sms() -> Channel {
    Channel::Sms
}

fn ok() -> u16 {
    200
}

fn post() -> String {
    "POST".into()
}

/// What a sample is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// The answer to a submit.
    Answer,
    /// A report.
    Receipt,
    /// A request for the next document.
    Input,
    /// A message from a phone.
    Inbound,
    /// The answer about a call.
    Ask,
    /// The answer to a probe.
    Probe,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    options: BTreeMap<String, String>,
    url: String,
    #[serde(default)]
    at: u64,
    /// A forged one, which must be refused.
    #[serde(default = "yes")]
    valid: bool,
    /// Whether the scheme signs the body, and not the address alone.
    #[serde(default = "yes")]
    covers_body: bool,
}

fn yes() -> bool {
    true
}

/// What is expected; what is not named is not looked at, but for causes.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    result: Option<String>,
    cause: Option<Cause>,
    id: Option<String>,
    retry_after_seconds: Option<u64>,
    balance: Option<String>,
    currency: Option<String>,
    key: Option<String>,
    #[serde(default)]
    machine: bool,
    from: Option<String>,
    to: Option<String>,
    text: Option<String>,
    #[serde(default)]
    ignored: bool,
    state: Option<String>,
    #[serde(default)]
    receipts: Vec<ExpectedReceipt>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedReceipt {
    id: Option<String>,
    status: String,
    cause: Option<Cause>,
    price: Option<String>,
    currency: Option<String>,
    network: Option<String>,
}

impl Sample {
    /// The cause that it is about.
    fn causes(&self) -> impl Iterator<Item = Cause> {
        self.expect.cause.into_iter().chain(self.expect.receipts.iter().filter_map(|receipt| receipt.cause))
    }

    /// What differs from what is expected; empty is right.
    pub fn check(&self, profile: &Profile) -> Vec<String> {
        let mut wrong = Differences(Vec::new());
        if let Some(signed) = &self.signed {
            self.check_signature(profile, signed, &mut wrong);
        }
        match self.kind {
            Kind::Answer => self.check_answer(profile, &mut wrong),
            Kind::Receipt => self.check_receipts(profile, &mut wrong),
            Kind::Input => self.check_input(profile, &mut wrong),
            Kind::Inbound => self.check_inbound(profile, &mut wrong),
            Kind::Ask => self.check_ask(profile, &mut wrong),
            Kind::Probe => self.check_probe(profile, &mut wrong),
        }
        wrong.0
    }

    fn headers(&self) -> HeaderMap {
        let header = |(name, value): (&String, &String)| {
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?))
        };
        self.headers.iter().filter_map(header).collect()
    }

    fn reply(&self) -> Reply {
        Reply { status: self.status, headers: self.headers(), json: serde_json::from_str(&self.body).ok() }
    }

    fn check_signature(&self, profile: &Profile, signed: &Signed, wrong: &mut Differences) {
        let mut options = Fillings::default();
        signed.options.iter().for_each(|(name, value)| options.text(name, value));
        let verifier = match Verifier::new(&profile.upstream.webhooks, &options) {
            Ok(verifier) => verifier,
            Err(problem) => return wrong.tell(format!("signed.options: {problem}")),
        };
        let headers = self.headers();
        let incoming = Incoming {
            method: &self.method,
            url: &signed.url,
            headers: &headers,
            body: self.body.as_bytes(),
            now: signed.at * SECOND,
        };
        let genuine = verifier.check(&incoming).is_ok();
        if genuine != signed.valid {
            wrong.tell(format!("the signature is {}", if genuine { "accepted" } else { "refused" }));
        }
        // The same signature vouches for nothing else.
        let changed = [self.body.as_bytes(), b"&x=1"].concat();
        if signed.valid && signed.covers_body && verifier.check(&Incoming { body: &changed, ..incoming }).is_ok() {
            wrong.tell("a changed body is accepted too".into());
        }
    }

    fn check_answer(&self, profile: &Profile, wrong: &mut Differences) {
        let spec = profile.upstream.answer(self.channel);
        let Some(spec) = spec else { return wrong.tell(format!("the profile has no {}", self.channel)) };
        let (result, cause, id, wait_ms) = match answer::judge(spec, &profile.errors, &Ok(self.reply()), 0) {
            Answer::Accepted(id) => ("accepted", None, id, None),
            Answer::Refused(refused) => ("refused", Some(refused.cause), None, refused.wait_ms),
            Answer::Unknown => ("unknown", Some(Cause::TemporaryCarrierFault), None, None),
        };
        wrong.compare("result", Some(result.to_owned()), self.expect.result.clone());
        // The cause of an unknown fate is always the same.
        if result != "unknown" || self.expect.cause.is_some() {
            wrong.compare("cause", cause, self.expect.cause);
        }
        wrong.compare("id", id, self.expect.id.clone());
        wrong.compare("retry_after_seconds", wait_ms.map(|ms| ms / SECOND), self.expect.retry_after_seconds);
    }

    fn check_receipts(&self, profile: &Profile, wrong: &mut Differences) {
        let spec = profile.upstream.receipt(self.channel);
        let Some(spec) = spec else { return wrong.tell(format!("the profile has no receipts for {}", self.channel)) };
        let Some(body) = receipt::read(spec.body, self.body.as_bytes(), &self.query) else {
            return wrong.tell("the body cannot be read".into());
        };
        let told: Vec<_> = receipt::receipts(spec, &profile.errors, &body).into_iter().collect();
        let expected = &self.expect.receipts;
        wrong.compare("how many receipts", Some(told.len()), Some(expected.len()));
        for (told, expected) in told.iter().zip(expected) {
            let status = match told.word {
                Word::Wait => "wait",
                Word::Ringing => "ringing",
                Word::Answered => "answered",
                Word::Delivered => "delivered",
                Word::Ended => "ended",
                Word::Failed(_) => "failed",
            };
            wrong.compare("status", Some(status.to_owned()), Some(expected.status.clone()));
            wrong.compare("cause", told.cause(), expected.cause);
            if expected.id.is_some() {
                wrong.compare("id", told.id.clone(), expected.id.clone());
            }
            if let Some(price) = &expected.price {
                let currency = expected.currency.as_deref().unwrap_or_default();
                wrong.compare(
                    "price",
                    told.price,
                    Currency::new(currency).and_then(|currency| Money::new(price, currency)),
                );
            }
            if expected.network.is_some() {
                wrong.compare("network", told.network.as_ref().map(ToString::to_string), expected.network.clone());
            }
        }
    }

    fn check_input(&self, profile: &Profile, wrong: &mut Differences) {
        let spec = profile.upstream.voice.as_ref().and_then(|voice| voice.input.as_ref());
        let Some(spec) = spec else { return wrong.tell("the profile has no [voice.input]".into()) };
        let Some(body) = receipt::read(spec.body, self.body.as_bytes(), &self.query) else {
            return wrong.tell("the body cannot be read".into());
        };
        let input = receipt::input(spec, &body);
        wrong.compare("key", input.key.map(String::from), self.expect.key.clone());
        wrong.compare("machine", Some(input.machine), Some(self.expect.machine));
    }

    fn check_inbound(&self, profile: &Profile, wrong: &mut Differences) {
        let Some(spec) = &profile.upstream.inbound else { return wrong.tell("the profile has no [inbound]".into()) };
        let Some(body) = receipt::read(spec.body, self.body.as_bytes(), &self.query) else {
            return wrong.tell("the body cannot be read".into());
        };
        let mails = receipt::mails(spec, &body);
        let first = mails.first();
        wrong.compare("ignored", Some(first.is_none()), Some(self.expect.ignored));
        wrong.compare("from", first.map(|mail| mail.from.clone()), self.expect.from.clone());
        wrong.compare("to", first.map(|mail| mail.to.clone()), self.expect.to.clone());
        wrong.compare("text", first.map(|mail| mail.text.clone()), self.expect.text.clone());
    }

    fn check_ask(&self, profile: &Profile, wrong: &mut Differences) {
        let voice = profile.upstream.voice.as_ref();
        let Some((ask, receipt)) = voice.and_then(|voice| Some((voice.ask.as_ref()?, voice.receipt.as_ref()?))) else {
            return wrong.tell("the profile has no [voice.ask]".into());
        };
        let (state, cause) = match fate(ask, receipt, profile, &self.reply()) {
            Fate::NeverSeen => ("never_seen", None),
            Fate::Live => ("live", None),
            Fate::Over | Fate::Ended(Progress::Delivered) => ("ended", None),
            Fate::Ended(Progress::Failed(cause)) => ("failed", Some(cause)),
            Fate::Ended(_) | Fate::CannotSay => ("cannot_say", None),
        };
        wrong.compare("state", Some(state.to_owned()), self.expect.state.clone());
        wrong.compare("cause", cause, self.expect.cause);
    }

    fn check_probe(&self, profile: &Profile, wrong: &mut Differences) {
        let Some(probe) = &profile.upstream.probe else { return wrong.tell("the profile has no [probe]".into()) };
        let reply = self.reply();
        let accepted = (200..300).contains(&reply.status);
        let result = if accepted { "accepted" } else { "refused" };
        wrong.compare("result", Some(result.to_owned()), self.expect.result.clone());
        let cause = (!accepted).then(|| refused(&probe.errors, &profile.errors, &reply, 0).cause);
        wrong.compare("cause", cause, self.expect.cause);
        if let Some(balance) = &self.expect.balance {
            let told = probe.balance.as_ref().zip(reply.json.as_ref());
            let told = told.and_then(|(place, body)| receipt::price(place, body));
            let currency = self.expect.currency.as_deref().unwrap_or_default();
            wrong.compare("balance", told, Currency::new(currency).and_then(|currency| Money::new(balance, currency)));
        }
    }
}

struct Differences(Vec<String>);

impl Differences {
    fn tell(&mut self, problem: String) {
        self.0.push(problem);
    }

    fn compare<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, is: Option<T>, expected: Option<T>) {
        if is != expected {
            let show = |value: Option<T>| value.map_or("nothing".to_owned(), |value| format!("{value:?}"));
            self.tell(format!("{what} is {}, expected {}", show(is), show(expected)));
        }
    }
}

/// Checks every sample of a folder, and that each cause of errors.toml has one. Gives
/// what is wrong, and how many samples there are.
pub fn check_samples(profile: &Profile, folder: &Path) -> (Vec<String>, usize) {
    let mut problems = Vec::new();
    let mut shown = BTreeSet::new();
    let mut files: Vec<_> = std::fs::read_dir(folder.join("samples"))
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    files.retain(|path: &std::path::PathBuf| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    for path in &files {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut tell = |problem: String| problems.push(format!("{}/samples/{name}: {problem}", profile.name));
        let sample = std::fs::read_to_string(path).map_err(|error| error.to_string());
        match sample.and_then(|text| toml::from_str::<Sample>(&text).map_err(|error| error.message().to_owned())) {
            Ok(sample) => {
                shown.extend(sample.causes());
                sample.check(profile).into_iter().for_each(tell);
            }
            Err(problem) => tell(problem),
        }
    }
    let named: BTreeSet<Cause> = profile.errors.all().map(|known| known.cause).collect();
    for cause in named.difference(&shown) {
        problems.push(format!("{}/samples: no sample shows {cause}, which errors.toml names", profile.name));
    }
    (problems, files.len())
}
