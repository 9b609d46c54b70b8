//! Upstreams over HTTP, interpreted from their folders. Owns the requests, what the
//! answers and reports mean, the signatures, and the addresses that carriers call
//! us at. What a report changes is `delivery`'s; who may call in is decided here,
//! and the doors are in `webhook`.
//!
//! ```text
//! profile (carriers/NAME) ─┐
//! the operator's options ──┼─► request ──► client ──► answer: accepted, refused, unknown
//! submission ──────────────┘
//! webhook ──► signature ──► receipt: what it says about which attempt
//! ```

mod answer;
mod calls;
mod client;
mod links;
pub mod profile;
mod receipt;
mod request;
mod signature;
mod submission;

use std::sync::Arc;

use async_trait::async_trait;

use self::client::Outgoing;
use self::profile::{Fillings, Profile, Request};
use super::{Answer, Carrier, Fate, Probed, Submission};
use crate::clock::Clock;
use crate::config::{CarrierOptions, Speech};
use crate::model::{AttemptId, Cause, Channel, Progress, SECOND};
use crate::seal::Keys;

pub use answer::refused;
pub use calls::phase_of;
pub use client::Client;
pub use links::{Links, Purpose};
pub use receipt::{Input, Mail, Told};
pub use signature::{Forged, Incoming};

/// An operator's account at an upstream.
pub struct HttpCarrier {
    profile: Arc<Profile>,
    base_url: String,
    /// The operator's own options; every request starts from these.
    options: Fillings,
    signer: request::Signer,
    verifier: signature::Verifier,
    submit: Option<profile::Sms>,
    speech: Speech,
    detects_machines: bool,
    client: Client,
    links: Links,
    clock: Clock,
}

/// What all carriers of a gateway share.
#[derive(Clone)]
pub struct Shared {
    /// The HTTP client.
    pub client: Client,
    /// Where carriers reach this gateway.
    pub public_url: String,
    /// Signs the addresses.
    pub keys: Arc<Keys>,
    /// The clock.
    pub clock: Clock,
}

impl HttpCarrier {
    /// Connects the carrier `name`. `Err` says every option that is missing or wrong.
    pub fn new(name: &str, profile: Arc<Profile>, given: &CarrierOptions, shared: Shared) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut options = Fillings::default();
        let upstream = &profile.upstream;
        for option in given.options.keys().filter(|option| !upstream.options.contains_key(*option)) {
            let known = upstream.options.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            problems.push(format!("options.{option} is unknown to profile {}; known: {known}", profile.name));
        }
        for (option, spec) in &upstream.options {
            match (given.options.get(option), &spec.default) {
                (Some(value), _) if !value.reveal().is_empty() => options.text(option, value.reveal().clone()),
                (_, Some(default)) => options.text(option, default.clone()),
                _ if spec.optional => {}
                _ => problems.push(format!("options.{option} is missing: {}", spec.about)),
            }
        }
        let base_url = match (given.base_url.as_str(), given.region.as_str()) {
            ("", "") => upstream.base_url.clone(),
            ("", region) => upstream.regions.get(region).cloned().unwrap_or_else(|| {
                let known = upstream.regions.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                problems.push(format!("region {region:?} is unknown to profile {}; known: {known}", profile.name));
                String::new()
            }),
            (url, _) => url.to_owned(),
        };
        if !base_url.is_empty() && !reqwest::Url::parse(&base_url).is_ok_and(|url| url.has_host()) {
            problems.push(format!("base_url {base_url:?} is no URL such as \"https://api.example.com\""));
        }
        let submit = submission::sms_of(&profile, given).unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });
        if let Some(sms) = &submit {
            problems.extend(submission::lost_pool(&sms.request, given));
        }
        if problems.is_empty() {
            let signer = request::Signer::new(&upstream.sign_in, &options);
            let verifier = signature::Verifier::new(&upstream.webhooks, &options);
            match (signer, verifier) {
                (Ok(signer), Ok(verifier)) => {
                    return Ok(HttpCarrier {
                        links: Links::new(&shared.public_url, name, shared.keys),
                        client: shared.client,
                        clock: shared.clock,
                        speech: given.speech,
                        detects_machines: given.machine_detection,
                        profile,
                        base_url,
                        options,
                        signer,
                        verifier,
                        submit,
                    });
                }
                (signer, verifier) => problems.extend([signer.err(), verifier.err()].into_iter().flatten()),
            }
        }
        Err(problems)
    }

    /// The profile.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Scheme and host of its API.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The addresses that this carrier calls.
    pub fn links(&self) -> &Links {
        &self.links
    }

    /// Whether a webhook is genuine.
    pub fn verify(&self, incoming: &Incoming<'_>) -> Result<(), Forged> {
        self.verifier.check(incoming)
    }

    /// Whether its webhooks are signed, beside our reference in the address.
    pub fn signs_webhooks(&self) -> bool {
        self.verifier.signs()
    }

    /// The reports in the body of a webhook; `None`: it cannot be read.
    pub fn reports(&self, channel: Channel, body: &[u8], query: &str) -> Option<Vec<Told>> {
        let spec = self.profile.upstream.receipt(channel)?;
        Some(receipt::receipts(spec, &self.profile.errors, &receipt::read(spec.body, body, query)?))
    }

    /// Messages from phones in the body of a webhook; `None`: it cannot be read.
    pub fn mails(&self, body: &[u8], query: &str) -> Option<Vec<Mail>> {
        let spec = self.profile.upstream.inbound.as_ref()?;
        Some(receipt::mails(spec, &receipt::read(spec.body, body, query)?))
    }

    fn build(&self, request: &Request, fillings: &Fillings) -> Result<Outgoing, &'static str> {
        request::build(request, &self.base_url, &self.signer, fillings, self.clock.now())
    }
}

#[async_trait]
impl Carrier for HttpCarrier {
    async fn submit(&self, submission: Submission) -> Answer {
        let Some((request, spec, fillings)) = self.submission(&submission) else {
            return Answer::Refused(Cause::PermanentOther.into());
        };
        let attempt = submission.attempt;
        let outgoing = match self.build(request, &fillings) {
            Ok(outgoing) => outgoing,
            Err(problem) => {
                tracing::error!(%attempt, profile = self.profile.name, problem, "A request cannot be made.");
                return Answer::Refused(Cause::PermanentOther.into());
            }
        };
        let reply = self.client.send(outgoing).await;
        if let Err(fault) = &reply {
            tracing::warn!(%attempt, profile = self.profile.name, %fault, "Carrier did not answer.");
        }
        answer::judge(spec, &self.profile.errors, &reply, self.clock.now())
    }

    async fn cancel(&self, attempt: AttemptId, reference: Option<&str>) {
        let Some(request) = self.profile.upstream.voice.as_ref().and_then(|voice| voice.cancel.as_ref()) else {
            return;
        };
        match self.about_call(request, attempt, reference).await {
            Some(Ok(reply)) if reply.status < 400 => {}
            // It may have ended by itself, which is what was wanted.
            Some(Ok(reply)) => tracing::info!(%attempt, status = reply.status, "Carrier did not end a call."),
            Some(Err(fault)) => tracing::warn!(%attempt, %fault, "A call could not be ended; it ends by itself."),
            None => tracing::info!(%attempt, "A call cannot be ended: its carrier's id is not known."),
        }
    }

    async fn ask(&self, attempt: AttemptId, reference: Option<&str>) -> Fate {
        let Some(voice) = &self.profile.upstream.voice else { return Fate::CannotSay };
        let (Some(ask), Some(receipt)) = (&voice.ask, &voice.receipt) else { return Fate::CannotSay };
        let Some(Ok(reply)) = self.about_call(&ask.request(), attempt, reference).await else {
            return Fate::CannotSay;
        };
        match calls::fate(ask, receipt, &self.profile, &reply) {
            // A call without documents has said all that it had to say.
            Fate::Over if !self.fetches_documents() => Fate::Ended(Progress::Delivered),
            fate => fate,
        }
    }

    async fn probe(&self) -> Probed {
        let Some(probe) = &self.profile.upstream.probe else { return Probed::CannotSay };
        let mut fillings = self.options.clone();
        fillings.number("now_seconds", self.clock.now() / SECOND);
        let outgoing = match self.build(&probe.request, &fillings) {
            Ok(outgoing) => outgoing,
            Err(problem) => return Probed::Away(problem.into()),
        };
        match self.client.send(outgoing).await {
            Err(fault) => Probed::Away(fault.to_string()),
            Ok(reply) if (200..300).contains(&reply.status) => {
                let balance = probe.balance.as_ref().zip(reply.json.as_ref());
                Probed::Fine(balance.and_then(|(place, body)| receipt::price(place, body)))
            }
            Ok(reply) if reply.status >= 500 => Probed::Away(format!("it answers with HTTP status {}", reply.status)),
            Ok(reply) => Probed::Refused(refused(&probe.errors, &self.profile.errors, &reply, self.clock.now())),
        }
    }

    fn waits_for_a_key(&self) -> bool {
        self.profile.upstream.voice.as_ref().is_none_or(|voice| voice.gate)
    }

    fn tells_by_its_id(&self, channel: Channel) -> bool {
        let request = match channel {
            Channel::Sms => self.submit.as_ref().map(|sms| &sms.request),
            Channel::Voice => self.profile.upstream.voice.as_ref().map(|voice| &voice.request),
        };
        request.is_some_and(|request| !request.holes().any(|hole| hole == "callback"))
    }

    fn addresses(&self) -> Vec<(&'static str, String)> {
        let inbound = self.profile.upstream.inbound.as_ref().and_then(|_| self.links.inbound());
        let by_id = |channel: Channel| self.links.by_its_id(channel.into()).filter(|_| self.tells_by_its_id(channel));
        let all = [
            ("messages from phones", inbound),
            ("receipts of SMS", by_id(Channel::Sms)),
            ("events of calls", by_id(Channel::Voice)),
        ];
        all.into_iter().filter_map(|(what, address)| Some((what, address?))).collect()
    }
}
