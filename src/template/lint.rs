//! What can be wrong with words that can still be read.

use super::Templates;
use crate::model::{Code, Locale};

/// Characters of one SMS segment: 7-bit alphabet, and UCS-2 (3GPP TS 23.038, 23.040).
const GSM7_SEGMENT: usize = 160;
const UCS2_SEGMENT: usize = 70;

/// The basic 7-bit alphabet beyond ASCII letters, digits and common marks.
const GSM7: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà";
/// Characters that take two places.
const GSM7_EXTENDED: &str = "^{}\\[~]|€";

/// How many places a text takes of how many, in one segment.
fn size(text: &str) -> (usize, usize) {
    let places = |c: char| match c {
        c if c.is_ascii_alphanumeric() || GSM7.contains(c) => Some(1),
        c if GSM7_EXTENDED.contains(c) => Some(2),
        _ => None,
    };
    match text.chars().map(places).sum::<Option<usize>>() {
        Some(places) => (places, GSM7_SEGMENT),
        None => (text.encode_utf16().count(), UCS2_SEGMENT),
    }
}

pub fn lint(templates: &Templates) -> Vec<String> {
    let mut problems = Vec::new();
    let (longest, app) = (Code::new("1234567890").expect("ten digits"), "x".repeat(30));
    for (locale, language) in &templates.languages {
        if language.sms.is_some() {
            problems.extend(sms(templates, locale, &longest, &app));
        }
        if let Some(help) = &language.help {
            let causes = help.causes_without_step();
            problems.extend(causes.iter().map(|cause| format!("{locale}/help.toml: no step is about {cause}")));
        }
    }
    problems
}

fn sms(templates: &Templates, locale: &Locale, code: &Code, app: &str) -> Vec<String> {
    let text = templates.text(locale, code, app, 60).body;
    let (places, segment) = size(text.reveal());
    let mut problems = Vec::new();
    if places > segment {
        problems.push(format!(
            "{locale}/sms.toml: takes {places} of {segment} places with the longest name and code, so it is sent in parts"
        ));
    }
    let mut runs = text.reveal().split(|c: char| !c.is_numeric()).filter(|run| run.chars().count() >= 4);
    if runs.next() != Some(code.reveal()) || runs.next().is_some() {
        problems.push(format!("{locale}/sms.toml: the code must be the only run of four figures, and stand apart"));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiled_in_words_are_good() {
        assert_eq!(Templates::builtin().lint(), Vec::<String>::new());
    }

    #[test]
    fn the_code_stands_alone() {
        for words in ["{code}{minutes}", "{code} call 08001234", "{code} ۱۲۳۴"] {
            let dir = tempfile::tempdir().unwrap();
            std::fs::create_dir(dir.path().join("de")).unwrap();
            std::fs::write(dir.path().join("de/sms.toml"), format!("verification = \"{words} {{app}}\"")).unwrap();
            let problems = Templates::load(Templates::builtin(), Some(dir.path())).unwrap().lint();
            assert!(problems.iter().any(|problem| problem.contains("stand apart")), "{words}: {problems:?}");
        }
    }

    #[test]
    fn sizes_are_counted_as_networks_count_them() {
        assert_eq!(size("abc é"), (5, 160));
        assert_eq!(size("€[x]"), (7, 160));
        assert_eq!(size("コード"), (3, 70));
        assert_eq!(size("ç"), (1, 70));
    }
}
