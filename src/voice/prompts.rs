//! The recordings by language and name: English is compiled in, an operator's
//! folder adds to it and replaces.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::wav::samples;
use crate::model::Locale;

macro_rules! english {
    ($($name:literal)*) => {
        [$(($name, include_bytes!(concat!("../../templates/en/prompts/", $name, ".ul")) as &'static [u8])),*]
    };
}

/// A recording that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PromptsError {
    /// A file or folder cannot be read.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// Audio of another kind, or none.
    #[error(
        "{0}: a recording is raw `.ul` or `.wav`, not empty, 8 kHz mono mu-law; convert it with `sox IN -r 8000 -c 1 -e mu-law OUT.wav`"
    )]
    Kind(PathBuf),
}

/// Recordings by language and name.
#[derive(Debug, Clone)]
pub struct Prompts {
    by_locale: BTreeMap<Locale, BTreeMap<String, Box<[u8]>>>,
}

impl Prompts {
    /// The compiled-in ones.
    pub fn builtin() -> Self {
        let english = english![
            "again" "code_is" "goodbye" "greeting" "no_key" "not_asked" "press_key"
            "digit-0" "digit-1" "digit-2" "digit-3" "digit-4" "digit-5" "digit-6" "digit-7" "digit-8" "digit-9"
        ];
        let english = english.into_iter().map(|(name, sound)| (name.to_owned(), sound.into())).collect();
        Prompts { by_locale: BTreeMap::from([(Locale::english(), english)]) }
    }

    /// The compiled-in ones, with `<dir>/<locale>/prompts/<name>.ul` or `.wav`
    /// over them.
    pub fn load(dir: Option<&Path>) -> Result<Self, PromptsError> {
        let mut prompts = Self::builtin();
        let Some(dir) = dir else { return Ok(prompts) };
        for folder in entries(dir)? {
            let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let recordings = folder.join("prompts");
            let Some(locale) = Locale::new(&name).filter(|_| recordings.is_dir()) else { continue };
            for file in entries(&recordings)? {
                let Some(sound) = read(&file)? else { continue };
                let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
                prompts.by_locale.entry(locale.clone()).or_default().insert(name, sound);
            }
        }
        Ok(prompts)
    }

    /// A recording's mu-law samples.
    pub fn get(&self, locale: &Locale, name: &str) -> Option<&[u8]> {
        self.by_locale.get(locale)?.get(name).map(AsRef::as_ref)
    }

    /// Those of `names`, and of the ten digits, that have no recording.
    pub fn missing<'a>(&self, locale: &Locale, names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let digits = (0..10).map(|digit| format!("digit-{digit}"));
        let names = names.into_iter().map(str::to_owned).chain(digits);
        names.filter(|name| self.get(locale, name).is_none()).collect()
    }
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>, PromptsError> {
    let wrong = |error| PromptsError::File(dir.to_owned(), error);
    let mut entries: Vec<_> = std::fs::read_dir(dir)
        .map_err(wrong)?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<_, _>>()
        .map_err(wrong)?;
    entries.sort();
    Ok(entries)
}

/// The samples of a `.ul` or `.wav` file; `None` for notes and hidden files. Other
/// audio is refused: passed over, it would leave the built-in voice in its place.
fn read(file: &Path) -> Result<Option<Box<[u8]>>, PromptsError> {
    let kind = file.extension().and_then(|extension| extension.to_str());
    match kind {
        Some("ul" | "wav") => {}
        Some("mp3" | "ogg" | "opus" | "flac" | "m4a" | "aiff" | "raw" | "ulaw" | "al" | "alaw" | "WAV" | "UL") => {
            return Err(PromptsError::Kind(file.to_owned()));
        }
        _ => return Ok(None),
    }
    let bytes = std::fs::read(file).map_err(|error| PromptsError::File(file.to_owned(), error))?;
    // A WAV file that is only called .ul would be heard as a click and noise.
    let sound = match kind {
        Some("wav") => samples(&bytes),
        _ => Some(&bytes[..]).filter(|bytes| !bytes.starts_with(b"RIFF")),
    };
    let sound = sound.filter(|sound| !sound.is_empty());
    sound.map(|sound| Some(sound.into())).ok_or_else(|| PromptsError::Kind(file.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operators_recording_replaces_and_adds() {
        let dir = tempfile::tempdir().unwrap();
        let english = dir.path().join("en/prompts");
        let japanese = dir.path().join("ja/prompts");
        std::fs::create_dir_all(&english).unwrap();
        std::fs::create_dir_all(&japanese).unwrap();
        std::fs::write(english.join("again.wav"), super::super::wav(&[1, 2, 3])).unwrap();
        std::fs::write(japanese.join("again.ul"), [4, 5]).unwrap();
        std::fs::write(dir.path().join("notes.txt"), "mine").unwrap();
        let prompts = Prompts::load(Some(dir.path())).unwrap();
        assert_eq!(prompts.get(&Locale::english(), "again"), Some(&[1, 2, 3][..]));
        assert!(prompts.missing(&Locale::english(), ["again", "code_is"]).is_empty());
        let japanese = Locale::new("ja").unwrap();
        assert_eq!(prompts.get(&japanese, "again"), Some(&[4, 5][..]));
        assert_eq!(prompts.missing(&japanese, ["again", "code_is"]).len(), 11);

        for (name, bytes) in
            [("again.wav", &b"RIFF"[..]), ("again.ul", b"RIFF"), ("again.ul", b""), ("again.mp3", b"x")]
        {
            let dir = tempfile::tempdir().unwrap();
            let english = dir.path().join("en/prompts");
            std::fs::create_dir_all(&english).unwrap();
            std::fs::write(english.join(name), bytes).unwrap();
            let error = Prompts::load(Some(dir.path())).unwrap_err().to_string();
            assert!(error.contains("sox") && error.contains(name), "{error}");
        }
    }
}
