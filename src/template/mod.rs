//! Words by language: what an SMS says, what a call says, what helps when a code
//! did not arrive. Owns reading `templates/<locale>/` (English is compiled in,
//! an operator's folder adds and replaces) and filling in the code. It makes no
//! sound; `voice` does.

mod files;
mod help;
mod lint;
mod sms;
mod voice;

use std::collections::BTreeMap;
use std::iter::successors;
use std::path::{Path, PathBuf};

use crate::model::{Cause, Code, Country, Locale, Script, Secret};

pub use help::{About, Help, Step};

use self::help::HelpFile;
use self::sms::SmsFile;
use self::voice::VoiceFile;

/// A template that cannot be used: the file, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", file.display())]
pub struct TemplateError {
    /// The file or folder.
    pub file: PathBuf,
    /// What is wrong, and the fix.
    pub problem: String,
}

/// A text message.
#[derive(Debug)]
pub struct Text {
    /// The language really used.
    pub locale: Locale,
    /// The words, with the code in them.
    pub body: Secret<String>,
}

/// The words of one language; each file may be missing.
#[derive(Debug, Clone, Default)]
struct Language {
    sms: Option<SmsFile>,
    voice: Option<VoiceFile>,
    help: Option<HelpFile>,
}

/// All words.
#[derive(Debug, Clone)]
pub struct Templates {
    languages: BTreeMap<Locale, Language>,
}

impl Templates {
    /// The compiled-in ones.
    pub fn builtin() -> Self {
        Templates { languages: BTreeMap::from([(Locale::english(), files::english())]) }
    }

    /// `base` with `<dir>/<locale>/sms.toml`, `voice.toml` and `help.toml` over it.
    pub fn load(base: Templates, dir: Option<&Path>) -> Result<Self, TemplateError> {
        match dir {
            None => Ok(base),
            Some(dir) => files::over(base, dir),
        }
    }

    /// The nearest language that has a file: `pt-BR`, then `pt`, then `en`.
    fn nearest<'a, T>(&'a self, locale: &Locale, file: impl Fn(&'a Language) -> Option<&'a T>) -> (Locale, &'a T) {
        let wanted = successors(Some(locale.as_str()), |tag| tag.rsplit_once('-').map(|(parent, _)| parent));
        // Tags are the same in any case (RFC 5646, 2.1.1).
        let named = |tag: &str| self.languages.iter().find(|(locale, _)| locale.as_str().eq_ignore_ascii_case(tag));
        wanted
            .chain(["en"])
            .find_map(|tag| named(tag).and_then(|(locale, language)| Some((locale.clone(), file(language)?))))
            .expect("every file exists in English: it is compiled in")
    }

    /// The language that a text in `locale` is really written in.
    pub fn used(&self, locale: &Locale) -> Locale {
        self.nearest(locale, |language| language.sms.as_ref()).0
    }

    /// The SMS with a code that lives for so many minutes.
    pub fn text(&self, locale: &Locale, code: &Code, app: &str, minutes: u32) -> Text {
        let (locale, file) = self.nearest(locale, |language| language.sms.as_ref());
        Text { locale, body: file.fill(code, app, minutes) }
    }

    /// The call with a code; with `gate` it asks for a key first.
    pub fn script(&self, locale: &Locale, code: &Code, gate: bool) -> Script {
        let (locale, file) = self.nearest(locale, |language| language.voice.as_ref());
        file.script(locale, code, gate)
    }

    /// What helps a person in a country whose code did not arrive for a cause.
    pub fn help(&self, country: Option<Country>, locale: &Locale, cause: Option<Cause>) -> Help {
        let (locale, file) = self.nearest(locale, |language| language.help.as_ref());
        file.help(locale, country, cause)
    }

    /// What is wrong with the words, a sentence each.
    pub fn lint(&self) -> Vec<String> {
        lint::lint(self)
    }

    /// The recordings that each language's calls need.
    pub fn prompt_names(&self) -> Vec<(Locale, Vec<String>)> {
        let names =
            |(locale, language): (&Locale, &Language)| Some((locale.clone(), language.voice.as_ref()?.prompt_names()));
        self.languages.iter().filter_map(names).collect()
    }
}
