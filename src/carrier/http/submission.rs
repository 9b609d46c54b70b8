//! From a submission to the placeholders of its request.

use super::profile::{self, AnswerSpec, Fillings, Profile, Request};
use super::{HttpCarrier, Purpose};
use crate::carrier::{Content, Passage, Submission};
use crate::config::CarrierOptions;
use crate::model::{MINUTE, SECOND};
use crate::voice::{Dialect, spoken};

/// The profile's SMS, with the operator's own request and answer in place of it.
pub fn sms_of(profile: &Profile, given: &CarrierOptions) -> Result<Option<profile::Sms>, String> {
    let mut sms = profile.upstream.sms.clone();
    let (request, answer) = (&given.request.0, &given.answer.0);
    if request.is_empty() && answer.is_empty() {
        return Ok(sms);
    }
    let Some(own) = &mut sms else {
        return Err(format!("request and answer stand here, and profile {} sends no SMS", profile.name));
    };
    fn read<T: serde::de::DeserializeOwned>(table: &toml::Table, what: &str) -> Result<Option<T>, String> {
        match table.is_empty() {
            true => Ok(None),
            false => table.clone().try_into().map(Some).map_err(|error| format!("{what}: {}", error.message())),
        }
    }
    if let Some(request) = read(request, "request")? {
        own.request = request;
        // The operator's request need not ask for a validity.
        own.validity = own.validity.filter(|_| own.request.holes().any(|hole| hole.starts_with("validity_")));
    }
    if let Some(answer) = read(answer, "answer")? {
        own.answer = answer;
    }
    let mut changed = profile.clone();
    changed.upstream.sms = Some(own.clone());
    match changed.check().into_iter().next() {
        Some(problem) => Err(problem),
        None => Ok(sms),
    }
}

/// A pool among the senders of a carrier whose request has no place for one. DLT ids are
/// another matter: where a request has no place, the carrier has them from registration.
pub fn lost_pool(request: &Request, given: &CarrierOptions) -> Option<String> {
    let has_pool = given.senders.values().flat_map(|senders| &senders.0).any(|sender| sender.pool);
    let is_lost = has_pool && !request.holes().any(|hole| hole == "sender_pool");
    is_lost.then(|| "a sender is a pool, and the SMS request has no {sender_pool}: name a number instead".to_owned())
}

impl HttpCarrier {
    /// The request of a submission, how its answer is read, and the values of its
    /// placeholders; `None`: this carrier cannot do it, and the log says why.
    pub(super) fn submission(&self, submission: &Submission) -> Option<(&Request, &AnswerSpec, Fillings)> {
        let upstream = &self.profile.upstream;
        let mut fillings = self.options.clone();
        let to = submission.to.reveal();
        fillings.text("to", to);
        fillings.text("to_digits", to.trim_start_matches('+'));
        fillings.text("attempt", submission.attempt.to_string());
        if let Some(sender) = &submission.sender {
            if sender.pool {
                fillings.text("sender_pool", &sender.id);
            } else {
                fillings.text("sender", &sender.id);
                fillings.text("sender_digits", sender.id.trim_start_matches('+'));
            }
            fillings.maybe("dlt_entity", sender.dlt_entity.as_deref());
            fillings.maybe("dlt_template", sender.dlt_template.as_deref());
        }
        let seconds = submission.valid_for_ms.div_ceil(SECOND);
        fillings.number("validity_minutes", submission.valid_for_ms.div_ceil(MINUTE));
        match &submission.content {
            Content::Sms(text) => {
                let sms = self.submit.as_ref()?;
                if sms.longest_text.is_some_and(|longest| text.reveal().chars().count() > longest) {
                    tracing::warn!(attempt = %submission.attempt, "A text is longer than the carrier takes.");
                    return None;
                }
                if let Some(validity) = sms.validity {
                    let seconds = seconds.clamp(validity.least, validity.most);
                    fillings.number("validity_seconds", seconds);
                    fillings.number("validity_minutes", seconds.div_ceil(60));
                    fillings.number("validity_ms", seconds * SECOND);
                }
                fillings.text("text", text.reveal());
                fillings.maybe("callback", self.links.to(Purpose::Sms, submission.attempt));
                Some((&sms.request, &sms.answer, fillings))
            }
            Content::Voice { script, opening } => {
                let voice = upstream.voice.as_ref()?;
                let attempt = submission.attempt;
                fillings.maybe("callback", self.links.to(Purpose::Voice, attempt));
                fillings.number("ring_seconds", submission.ring_ms / SECOND);
                fillings.number("call_seconds", submission.call_ms / SECOND);
                if self.detects_machines || (script.gate.is_empty() && voice.machine_detection.is_some()) {
                    fillings.maybe("machine_detection", voice.machine_detection.as_deref());
                }
                match voice.document {
                    Some(dialect) => {
                        let Some(document) = self.document(attempt, Some(opening)) else {
                            tracing::error!(%attempt, "A call needs server.public_url: carriers ask there what it says.");
                            return None;
                        };
                        let root = self.links.to(Purpose::Call, attempt)?;
                        let start = format!("{root}/start");
                        // Without a gate the code comes first, so nothing is said before the
                        // carrier has told whether a person answered.
                        let asks = script.gate.is_empty().then(|| dialect.ask(&start)).flatten();
                        let document = asks.unwrap_or(document);
                        fillings.text("answer_url", start);
                        match dialect {
                            Dialect::Ncco => fillings.json("document", document.body),
                            _ => fillings.text("document", document.body),
                        }
                    }
                    None => match self.speaker(&script.locale) {
                        Some(speaker) => {
                            fillings.text("speech", spoken(&script.code));
                            fillings.text("speech_language", &speaker.language);
                            fillings.maybe("speech_voice", speaker.voice.as_deref());
                        }
                        None => fillings.maybe("audio_url", self.audio(attempt, Passage::Code)),
                    },
                }
                Some((&voice.request, &voice.answer, fillings))
            }
        }
    }
}
