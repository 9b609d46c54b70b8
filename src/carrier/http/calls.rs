//! Calls: the documents that a carrier fetches, what it tells while it does, and what
//! it says about a call that it is asked about.

use super::client::{Fault, Reply};
use super::profile::{self, Profile, Request, Word};
use super::{HttpCarrier, Input, Purpose, receipt};
use crate::carrier::{Fate, Passage, Phase, Step};
use crate::config::Speech;
use crate::model::{AttemptId, Locale, Progress};
use crate::voice::{Document, Heard, Speaker, Turn};

impl HttpCarrier {
    /// What a request for the next document tells; `None`: it cannot be read.
    pub fn input(&self, body: &[u8], query: &str) -> Option<Input> {
        let spec = self.profile.upstream.voice.as_ref()?.input.as_ref()?;
        // An empty body tells nothing, which is something: no key was pressed.
        match body.is_empty() {
            true => Some(Input { key: None, machine: false, id: None }),
            false => Some(receipt::input(spec, &receipt::read(spec.body, body, query)?)),
        }
    }

    /// The carrier's document for the next step of a call; `None`: hang up.
    pub fn document(&self, attempt: AttemptId, step: Option<&Step>) -> Option<Document> {
        let voice = self.profile.upstream.voice.as_ref()?;
        let dialect = voice.document?;
        let Some(step) = step else { return Some(dialect.hang_up()) };
        let audio = self.audio(attempt, step.passage)?;
        let heard = match self.speaker(&step.locale) {
            Some(speaker) => Heard::Spoken(speaker),
            None => Heard::Played(&audio),
        };
        let root = self.links.to(Purpose::Call, attempt)?;
        let next = phase_word(step.phase).map(|word| format!("{root}/{word}"));
        Some(dialect.write(&Turn { say: &step.say, heard, key_ms: step.await_key_ms, next: next.as_deref() }))
    }

    /// Whether its calls ask us for documents, or have everything in their request.
    pub fn fetches_documents(&self) -> bool {
        self.profile.upstream.voice.as_ref().is_some_and(|voice| voice.document.is_some())
    }

    pub(super) fn audio(&self, attempt: AttemptId, passage: Passage) -> Option<String> {
        Some(format!("{}/{}.wav", self.links.to(Purpose::Audio, attempt)?, passage.as_str()))
    }

    /// The carrier's own voice for a language, unless the operator wants our audio.
    pub(super) fn speaker(&self, locale: &Locale) -> Option<&Speaker> {
        let speaks = &self.profile.upstream.voice.as_ref()?.speaks;
        let language = locale.as_str().split('-').next().unwrap_or_default();
        let own = speaks.get(locale.as_str()).or_else(|| speaks.get(language));
        own.filter(|_| self.speech == Speech::Carrier)
    }

    /// A request about a call that the carrier has.
    pub(super) async fn about_call(
        &self,
        request: &Request,
        attempt: AttemptId,
        reference: Option<&str>,
    ) -> Option<Result<Reply, Fault>> {
        let mut fillings = self.options.clone();
        fillings.text("attempt", attempt.to_string());
        fillings.maybe("call", reference);
        let outgoing = self.build(request, &fillings).ok()?;
        Some(self.client.send(outgoing).await)
    }
}

/// What an answer about a call tells of it.
pub fn fate(ask: &profile::AskSpec, receipt: &profile::ReceiptSpec, profile: &Profile, reply: &Reply) -> Fate {
    if ask.never_seen.contains(&reply.status) {
        return Fate::NeverSeen;
    }
    let Some(body) = reply.json.as_ref().filter(|_| reply.status < 300) else { return Fate::CannotSay };
    let word = ask.status.text(body).and_then(|status| receipt.statuses.get(&status));
    let listed = profile.errors.find(&ask.errors, body).and_then(|found| found.cause);
    match (word, listed) {
        (Some(Word::Wait | Word::Ringing | Word::Answered), _) => Fate::Live,
        (Some(Word::Delivered), _) => Fate::Ended(Progress::Delivered),
        (Some(Word::Ended), None) => Fate::Over,
        // A status may say no more than that it is over; a code says how.
        (Some(Word::Ended), Some(cause)) => Fate::Ended(Progress::Failed(cause)),
        (Some(Word::Failed(cause)), listed) => Fate::Ended(Progress::Failed(listed.unwrap_or(*cause))),
        (None, _) => Fate::CannotSay,
    }
}

/// How a phase stands in an address; `None`: nothing comes after it.
fn phase_word(phase: Phase) -> Option<String> {
    match phase {
        Phase::Ringing => Some("start".into()),
        Phase::Gate(n) => Some(format!("gate-{n}")),
        Phase::Code => Some("code".into()),
        Phase::Over => None,
    }
}

/// Reads [`phase_word`] back.
pub fn phase_of(word: &str) -> Option<Phase> {
    match word {
        "start" => Some(Phase::Ringing),
        "code" => Some(Phase::Code),
        _ => match word.strip_prefix("gate-")?.parse() {
            Ok(n @ 1..) => Some(Phase::Gate(n)),
            _ => None,
        },
    }
}
