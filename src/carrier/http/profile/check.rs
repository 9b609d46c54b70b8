//! What a folder must fulfil beyond its shape: every problem at once, each with
//! the fix.

use std::collections::BTreeSet;

use super::Profile;
use super::sections::*;

/// Placeholders that a submit may use, beside the options.
const ALWAYS: &[&str] = &["to", "to_digits", "attempt", "callback"];
const SENDER: &[&str] = &["sender", "sender_digits", "sender_pool", "dlt_entity", "dlt_template"];
const SMS: &[&str] = &["text", "validity_seconds", "validity_minutes", "validity_ms"];
const VOICE: &[&str] = &[
    "answer_url",
    "document",
    "ring_seconds",
    "call_seconds",
    "validity_minutes",
    "machine_detection",
    "speech",
    "speech_language",
    "speech_voice",
    "audio_url",
];
const CALL: &[&str] = &["call", "attempt"];
const TIMES: &[&str] = &["now_seconds"];

impl Profile {
    /// Everything that is wrong; empty is right.
    pub fn check(&self) -> Vec<String> {
        let mut checking = Checking { profile: self, problems: Vec::new() };
        checking.all();
        checking.problems
    }
}

struct Checking<'a> {
    profile: &'a Profile,
    problems: Vec<String>,
}

impl Checking<'_> {
    fn wrong(&mut self, at: &str, problem: impl std::fmt::Display) {
        self.problems.push(format!("{}/carrier.toml: {at}: {problem}", self.profile.name));
    }

    fn all(&mut self) {
        let upstream = &self.profile.upstream;
        for (at, url) in
            [("base_url", &upstream.base_url)].into_iter().chain(upstream.regions.values().map(|url| ("regions", url)))
        {
            let fits =
                reqwest::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host());
            let whole_urls = at == "base_url" && url.is_empty();
            if !fits && !whole_urls {
                self.wrong(at, format_args!("{url:?} is no URL such as \"https://api.example.com\""));
            }
        }
        for (name, option) in &upstream.options {
            if [ALWAYS, SENDER, SMS, VOICE, CALL].concat().contains(&name.as_str()) {
                self.wrong("options", format_args!("{name} is a placeholder of its own; give the option another name"));
            }
            if option.secret && option.default.is_some() {
                self.wrong("options", format_args!("{name} is secret and has a default; leave the default out"));
            }
        }
        let sign_in: Vec<&str> = match &upstream.sign_in {
            SignIn::None {} => Vec::new(),
            SignIn::Basic { user, password } => user.holes().chain(password.holes()).collect(),
            SignIn::Header { value, .. } => value.holes().collect(),
            SignIn::VonageJwt { application_id, private_key } => {
                application_id.holes().chain(private_key.holes()).collect()
            }
        };
        self.holes("sign_in", &sign_in, &[]);
        if upstream.sms.is_none() && upstream.voice.is_none() {
            self.wrong("sms", "neither [sms] nor [voice] stands here, so it can send nothing");
        }
        if let Some(sms) = &upstream.sms {
            self.sms(sms);
        }
        if let Some(voice) = &upstream.voice {
            self.voice(voice);
        }
        self.webhooks(&upstream.webhooks);
        if let Some(probe) = &upstream.probe {
            self.request("probe.request", &probe.request, &[TIMES]);
            self.tables("probe.errors", &probe.errors);
        }
    }

    fn sms(&mut self, sms: &Sms) {
        self.request("sms.request", &sms.request, &[ALWAYS, SENDER, SMS]);
        self.tables("sms.answer.errors", &sms.answer.errors);
        let asks_validity = sms.request.holes().any(|hole| hole.starts_with("validity_"));
        if asks_validity != sms.validity.is_some() {
            self.wrong(
                "sms.validity",
                "validity and a {validity_…} placeholder belong together: add the other, or remove both",
            );
        }
        if sms.validity.is_some_and(|validity| validity.least > validity.most) {
            self.wrong("sms.validity", "least is more than most");
        }
        if !sms.request.holes().any(|hole| hole == "text") {
            self.wrong("sms.request", "{text} stands nowhere, so no message has words");
        }
        if let Some(receipt) = &sms.receipt {
            self.receipt("sms.receipt", receipt, &sms.request, sms.answer.id.is_some());
        }
    }

    fn voice(&mut self, voice: &Voice) {
        self.request("voice.request", &voice.request, &[ALWAYS, SENDER, VOICE]);
        self.tables("voice.answer.errors", &voice.answer.errors);
        let has = |name: &str| voice.request.holes().any(|hole| hole == name);
        let fetches = voice.document.is_some();
        if fetches && !has("answer_url") && !has("document") {
            self.wrong(
                "voice.request",
                "neither {answer_url} nor {document} stands in it, so the call has nothing to say",
            );
        }
        if fetches != voice.input.is_some() {
            self.wrong("voice.input", "a document and [voice.input] belong together: add the other, or remove both");
        }
        if !fetches && !has("speech") {
            self.wrong("voice.request", "document is none and {speech} stands nowhere, so the call says nothing");
        }
        if !fetches && voice.gate {
            self.wrong("voice.gate", "without documents no key can be awaited; write gate = false");
        }
        if voice.machine_detection.is_some() != has("machine_detection") {
            self.wrong("voice.machine_detection", "it and the placeholder {machine_detection} belong together");
        }
        match &voice.receipt {
            Some(receipt) => self.receipt("voice.receipt", receipt, &voice.request, voice.answer.id.is_some()),
            None => self.wrong("voice.receipt", "is missing: without it nobody learns that a call rang or ended"),
        }
        for (at, request) in
            [("voice.cancel", voice.cancel.clone()), ("voice.ask", voice.ask.as_ref().map(AskSpec::request))]
        {
            let Some(request) = request else { continue };
            self.request(at, &request, &[CALL]);
            if !request.holes().any(|hole| hole == "call" || hole == "attempt") {
                self.wrong(at, "neither {call} nor {attempt} stands in it, so it names no call");
            }
        }
        if let Some(ask) = &voice.ask {
            self.tables("voice.ask.errors", &ask.errors);
        }
    }

    fn receipt(&mut self, at: &str, receipt: &ReceiptSpec, request: &Request, has_id: bool) {
        self.tables(&format!("{at}.errors"), &receipt.errors);
        let by_its_id = has_id && receipt.id.is_some();
        if !by_its_id && !request.holes().any(|hole| hole == "callback") {
            self.wrong(
                at,
                "its attempt cannot be found: put {callback} into the request, or name answer.id and receipt.id",
            );
        }
        if !receipt.statuses.values().any(|word| matches!(word, Word::Delivered | Word::Ended)) {
            self.wrong(at, "no status means delivered or ended");
        }
        if receipt.price.as_ref().is_some_and(|price| price.currency.is_none() && price.currency_is.is_none()) {
            self.wrong(at, "a price needs currency (a place) or currency_is (three letters)");
        }
        if receipt
            .network
            .as_ref()
            .is_some_and(|place| place.mcc_mnc.is_none() && (place.mcc.is_none() || place.mnc.is_none()))
        {
            self.wrong(at, "a network needs mcc_mnc, or both mcc and mnc");
        }
    }

    fn webhooks(&mut self, webhooks: &Webhooks) {
        match (&webhooks.key, webhooks.signature) {
            (None, Scheme::Reference) => {}
            (Some(_), Scheme::Reference) => self.wrong("webhooks", "signature = \"reference\" has no key"),
            (None, _) => self.wrong("webhooks", "the signature needs its key, an option such as \"{auth_token}\""),
            (Some(key), _) => {
                let holes: Vec<&str> = key.holes().collect();
                self.holes("webhooks.key", &holes, &[]);
            }
        }
    }

    fn request(&mut self, at: &str, request: &Request, allowed: &[&[&str]]) {
        let holes: Vec<&str> = request.holes().collect();
        self.holes(at, &holes, allowed);
        if request.form.is_some() && request.json.is_some() {
            self.wrong(at, "has both form and json; a request has one body");
        }
        if !["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&request.method.as_str()) {
            self.wrong(at, format_args!("method {:?} is none of GET, POST, PUT, PATCH, DELETE", request.method));
        }
        if request.headers.keys().any(|name| reqwest::header::HeaderName::from_bytes(name.as_bytes()).is_err()) {
            self.wrong(at, "a header's name is not of letters, digits and -");
        }
    }

    fn holes(&mut self, at: &str, holes: &[&str], allowed: &[&[&str]]) {
        let options = self.profile.upstream.options.keys().map(String::as_str);
        let known: BTreeSet<&str> = allowed.iter().flat_map(|names| names.iter().copied()).chain(options).collect();
        for hole in holes.iter().filter(|hole| !known.contains(*hole)).collect::<BTreeSet<_>>() {
            let names = known.iter().copied().collect::<Vec<_>>().join(", ");
            self.wrong(at, format_args!("{{{hole}}} is unknown here; known: {names}"));
        }
    }

    fn tables(&mut self, at: &str, places: &[super::ErrorPlace]) {
        for place in places {
            if !self.profile.errors.has(&place.table) {
                let known = self.profile.errors.tables().collect::<Vec<_>>().join(", ");
                self.wrong(at, format_args!("errors.toml has no table [{}]; it has: {known}", place.table));
            }
        }
    }
}
