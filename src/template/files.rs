//! Reads the files of a language.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::{Language, TemplateError, Templates};
use crate::model::Locale;

/// Something that a file must fulfil beyond its shape.
pub trait Checked: DeserializeOwned {
    /// The first thing that is wrong, and the fix.
    fn check(&self) -> Result<(), String>;
}

/// The compiled-in English.
pub fn english() -> Language {
    fn part<T: Checked>(text: &str) -> Option<T> {
        Some(read(text).expect("the compiled-in templates are tested"))
    }
    Language {
        sms: part(include_str!("../../templates/en/sms.toml")),
        voice: part(include_str!("../../templates/en/voice.toml")),
        help: part(include_str!("../../templates/en/help.toml")),
    }
}

fn read<T: Checked>(text: &str) -> Result<T, String> {
    let file: T = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
    file.check().map(|()| file)
}

fn file<T: Checked>(path: &Path) -> Result<Option<T>, TemplateError> {
    let wrong = |problem| TemplateError { file: path.to_owned(), problem };
    match std::fs::read_to_string(path) {
        Ok(text) => read(&text).map(Some).map_err(wrong),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(wrong(format!("cannot be read: {error}"))),
    }
}

/// Puts an operator's folder over the templates.
pub fn over(mut base: Templates, dir: &Path) -> Result<Templates, TemplateError> {
    let wrong =
        |error: std::io::Error| TemplateError { file: dir.to_owned(), problem: format!("cannot be read: {error}") };
    for entry in std::fs::read_dir(dir).map_err(wrong)? {
        let folder = entry.map_err(wrong)?.path();
        if !folder.is_dir() {
            continue;
        }
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let Some(locale) = Locale::new(&name) else {
            let problem = "the folder's name is no language tag; call it en, pt-BR or the like".into();
            return Err(TemplateError { file: folder, problem });
        };
        let language = base.languages.entry(locale).or_default();
        language.sms = file(&folder.join("sms.toml"))?.or(language.sms.take());
        language.voice = file(&folder.join("voice.toml"))?.or(language.voice.take());
        language.help = file(&folder.join("help.toml"))?.or(language.help.take());
    }
    Ok(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(name: &str, text: &str) -> Result<Templates, TemplateError> {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(name.split('/').next().unwrap());
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(dir.path().join(name), text).unwrap();
        Templates::load(Templates::builtin(), Some(dir.path()))
    }

    #[test]
    fn an_operators_words_replace_and_the_nearest_language_is_used() {
        let templates = load("pt/sms.toml", "verification = \"{code}: {app}\"").unwrap();
        let code = crate::model::Code::new("482917").unwrap();
        let text = templates.text(&Locale::new("pt-BR").unwrap(), &code, "Loja", 10);
        assert_eq!((text.body.reveal().as_str(), text.locale.as_str()), ("482917: Loja", "pt"));
        assert_eq!(templates.used(&Locale::new("PT-Latn-BR").unwrap()).as_str(), "pt");
        assert_eq!(templates.used(&Locale::new("ja").unwrap()).as_str(), "en");
        assert_eq!(templates.script(&Locale::new("pt").unwrap(), &code, true).locale.as_str(), "en");
    }

    #[test]
    fn what_is_wrong_names_the_file_and_the_fix() {
        for (name, text, words) in [
            ("en/sms.toml", "verification = \"no code\"", "{code}"),
            ("en/sms.toml", "verification = \"{code} {nme}\"", "{nme}"),
            ("en/sms.toml", "verifikation = \"{code}\"", "unknown field"),
            ("english/sms.toml", "verification = \"{code}\"", "language tag"),
            ("en/voice.toml", "", "missing field"),
            ("en/help.toml", "title = 1", "title"),
        ] {
            let error = load(name, text).unwrap_err().to_string();
            assert!(error.contains(words) && error.contains(name.split('/').next().unwrap()), "{error}");
        }
    }
}
