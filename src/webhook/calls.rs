//! What a call says next, and its audio. Whoever holds the address hears the call: it
//! is signed, and worth nothing when the code is.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use super::{Came, Webhooks};
use crate::carrier::http::{Input, Purpose, phase_of};
use crate::carrier::{CallEvent, Passage, Phase, Unstored};
use crate::http::{InPath, Kind, Problem, ranged};
use crate::voice::{compose, wav_linear};

pub async fn document(
    State(webhooks): State<Webhooks>,
    InPath((name, reference, phase)): InPath<(String, String, String)>,
    came: Came,
) -> Result<Response, Problem> {
    let carrier = webhooks.carrier(&name)?;
    let attempt = carrier.links().open(Purpose::Call, &reference).ok_or_else(|| webhooks.forged(&name))?;
    let phase = phase_of(&phase).ok_or_else(|| Problem::new(Kind::NotFound, "a call has no such phase"))?;
    webhooks.genuine(&name, carrier, &came)?;
    let input = carrier.input(&came.body, came.query()).ok_or_else(|| webhooks.unreadable(&name))?;
    webhooks.metrics.webhook(&name, "document");
    let Input { key, machine, id } = input;
    let event = match (phase, machine, key) {
        (_, true, _) => CallEvent::AnsweredByMachine,
        (Phase::Ringing, ..) => CallEvent::AnsweredByPerson,
        (Phase::Gate(_), _, Some(key)) => CallEvent::Key(key),
        (Phase::Gate(_), _, None) => CallEvent::NoKey,
        (Phase::Code | Phase::Over, ..) => CallEvent::Ended,
    };
    let step = webhooks.events.call(attempt, phase, event, id).await.map_err(|Unstored| webhooks.again())?;
    let document = carrier.document(attempt, step.as_ref());
    let document = document.ok_or_else(|| Problem::new(Kind::NotFound, "this carrier fetches no documents"))?;
    let headers = [(header::CONTENT_TYPE, document.content_type), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, document.body).into_response())
}

pub async fn audio(
    State(webhooks): State<Webhooks>,
    InPath((name, reference, file)): InPath<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let carrier = webhooks.carrier(&name)?;
    // Carriers sign no request for audio: the reference alone is the proof.
    let attempt = carrier.links().open(Purpose::Audio, &reference).ok_or_else(|| webhooks.forged(&name))?;
    let gone = || Problem::new(Kind::NotFound, "there is no such audio, or its code is over");
    let word = file.strip_suffix(".wav");
    let passage = Passage::ALL.into_iter().find(|passage| Some(passage.as_str()) == word);
    let passage = passage.ok_or_else(gone)?;
    let words = webhooks.events.words(attempt, passage).await.map_err(|Unstored| webhooks.again())?;
    let (locale, parts) = words.ok_or_else(gone)?;
    webhooks.metrics.webhook(&name, "audio");
    let audio = compose(&webhooks.prompts, &locale, &parts).map_err(|error| Problem::no_recording(&error))?;
    Ok(ranged(wav_linear(&audio), &headers))
}
