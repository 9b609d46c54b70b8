//! Puts recordings and silence together: a copy of some hundred kilobytes, no
//! synthesis, so it takes microseconds.

use super::{BYTES_PER_MS, Prompts};
use crate::model::{Locale, Part};

/// Silence in mu-law; 0x00 would be the loudest negative sample.
const SILENCE: u8 = 0xff;

/// A recording is missing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("recording {name}.ul is missing for {locale}; render it with scripts/render-prompts or record it")]
pub struct ComposeError {
    /// Its name; `digit-N` whichever figure it is, for an error must not tell a code.
    pub name: String,
    /// Its language.
    pub locale: Locale,
}

fn piece<'p>(prompts: &'p Prompts, locale: &Locale, part: &Part) -> Result<Piece<'p>, ComposeError> {
    let name = match part {
        Part::Pause { ms } => return Ok(Piece::Silence(*ms as usize * BYTES_PER_MS)),
        Part::Prompt { name, .. } => name.clone(),
        Part::Digit(digit) => format!("digit-{digit}"),
    };
    let shown = |name| if matches!(part, Part::Digit(_)) { "digit-N".into() } else { name };
    match prompts.get(locale, &name) {
        Some(sound) => Ok(Piece::Sound(sound)),
        None => Err(ComposeError { name: shown(name), locale: locale.clone() }),
    }
}

enum Piece<'p> {
    Sound(&'p [u8]),
    Silence(usize),
}

/// The audio of a script: mu-law samples, 8,000 a second.
pub fn compose<'a>(
    prompts: &Prompts,
    locale: &Locale,
    parts: impl IntoIterator<Item = &'a Part>,
) -> Result<Vec<u8>, ComposeError> {
    let pieces: Vec<Piece<'_>> =
        parts.into_iter().map(|part| piece(prompts, locale, part)).collect::<Result<_, _>>()?;
    let length = |piece: &Piece<'_>| match piece {
        Piece::Sound(sound) => sound.len(),
        Piece::Silence(bytes) => *bytes,
    };
    let mut audio = Vec::with_capacity(pieces.iter().map(length).sum());
    for piece in pieces {
        match piece {
            Piece::Sound(sound) => audio.extend_from_slice(sound),
            Piece::Silence(bytes) => audio.resize(audio.len() + bytes, SILENCE),
        }
    }
    Ok(audio)
}

/// How long a script takes to say, in milliseconds. A missing recording takes none.
pub fn duration_ms<'a>(prompts: &Prompts, locale: &Locale, parts: impl IntoIterator<Item = &'a Part>) -> u64 {
    let bytes = |part| match piece(prompts, locale, part) {
        Ok(Piece::Sound(sound)) => sound.len(),
        Ok(Piece::Silence(bytes)) => bytes,
        Err(_) => 0,
    };
    (parts.into_iter().map(bytes).sum::<usize>() / BYTES_PER_MS) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_audio_is_as_long_as_its_parts() {
        let (prompts, english) = (Prompts::builtin(), Locale::english());
        let parts = [
            Part::Pause { ms: 500 },
            Part::Prompt { name: "code_is".into(), text: String::new() },
            Part::Digit(7),
            Part::Pause { ms: 300 },
        ];
        let audio = compose(&prompts, &english, &parts).unwrap();
        let recorded = |name| prompts.get(&english, name).unwrap().len();
        assert_eq!(audio.len(), 800 * 8 + recorded("code_is") + recorded("digit-7"));
        assert!(audio[..4_000].iter().all(|sample| *sample == SILENCE));
        assert_eq!(duration_ms(&prompts, &english, &parts), audio.len() as u64 / 8);
    }

    #[test]
    fn a_missing_recording_is_named() {
        let part = Part::Prompt { name: "nothing".into(), text: String::new() };
        let error = compose(&Prompts::builtin(), &Locale::english(), [&part]).unwrap_err();
        assert!(error.to_string().contains("nothing.ul is missing for en"));
        let error = compose(&Prompts::builtin(), &Locale::new("ja").unwrap(), [&Part::Digit(7)]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains('7'), "{error}");
    }
}
