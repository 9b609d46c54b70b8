//! `voice.toml`: what a call says, and its pauses.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::files::Checked;
use crate::model::{Code, Locale, Part, Script, digits_of};

/// The file; see its comments.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoiceFile {
    prompts: BTreeMap<String, String>,
    /// The words of the figures, for whoever renders or records them.
    digits: BTreeMap<String, String>,
    call: Call,
    gate: Gate,
    pauses: Pauses,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    gate: Vec<String>,
    before_code: Vec<String>,
    between: Vec<String>,
    after: Vec<String>,
    not_asked: Vec<String>,
    no_key: Vec<String>,
    repeats: u8,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Gate {
    wait_ms: u32,
    repeats: u8,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pauses {
    before_ms: u32,
    after_phrase_ms: u32,
    after_digit_ms: u32,
    between_repeats_ms: u32,
    after_ms: u32,
}

impl Checked for VoiceFile {
    fn check(&self) -> Result<(), String> {
        let prompts = self.prompts.iter().map(|(name, words)| ("prompts", name, words));
        let digits = self.digits.iter().map(|(name, words)| ("digits", name, words));
        for (table, name, words) in prompts.chain(digits) {
            // 〇 is the Chinese word for zero as well as a figure.
            if words.chars().any(|c| c.is_numeric() && c != '〇') {
                return Err(format!("{table}.{name}: figures are for the code; write numbers as words"));
            }
            if words.trim().is_empty() {
                return Err(format!("{table}.{name}: is empty; write what is said"));
            }
        }
        for name in self.prompts.keys() {
            if name.is_empty() || name.starts_with("digit-") {
                return Err(format!("prompts.{name}: names the recording of a figure or none; choose another name"));
            }
            if !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b)) {
                return Err(format!("prompts.{name}: a name is of lower-case letters, digits, _ and -"));
            }
        }
        for digit in 0..10 {
            if !self.digits.contains_key(&digit.to_string()) {
                return Err(format!("digits has no word for {digit}"));
            }
        }
        if let Some(other) = self.digits.keys().find(|name| name.len() != 1 || !name.as_bytes()[0].is_ascii_digit()) {
            return Err(format!("digits.{other}: is no figure; remove it"));
        }
        // A call may end right after the code; everything else must be said.
        for (list, names, may_be_empty) in self.lists() {
            if names.is_empty() && !may_be_empty {
                return Err(format!("call.{list} names no prompt"));
            }
            if let Some(unknown) = names.iter().find(|name| !self.prompts.contains_key(*name)) {
                return Err(format!("call.{list} names {unknown:?}, which is not under [prompts]"));
            }
        }
        let pauses = &self.pauses;
        let longest = [
            pauses.before_ms,
            pauses.after_phrase_ms,
            pauses.after_digit_ms,
            pauses.between_repeats_ms,
            pauses.after_ms,
        ];
        if longest.iter().any(|ms| *ms > 10_000) {
            return Err("pauses are at most 10000 ms".into());
        }
        match (self.call.repeats, self.gate.repeats, self.gate.wait_ms) {
            (1..=9, 1..=5, 1_000..=60_000) => Ok(()),
            _ => Err("call.repeats is 1 to 9, gate.repeats 1 to 5, gate.wait_ms 1000 to 60000".into()),
        }
    }
}

impl VoiceFile {
    fn lists(&self) -> [(&'static str, &[String], bool); 6] {
        let call = &self.call;
        [
            ("gate", &call.gate, false),
            ("before_code", &call.before_code, false),
            ("between", &call.between, false),
            ("after", &call.after, true),
            ("not_asked", &call.not_asked, false),
            ("no_key", &call.no_key, false),
        ]
    }

    /// The prompts that calls use.
    pub fn prompt_names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.lists().into_iter().flat_map(|(_, names, _)| names.iter().cloned()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Prompts, each with its pause.
    fn say(&self, names: &[String]) -> Vec<Part> {
        let say = |name: &String| {
            let text = self.prompts.get(name).cloned().unwrap_or_default();
            [Part::Prompt { name: name.clone(), text }, Part::Pause { ms: self.pauses.after_phrase_ms }]
        };
        names.iter().flat_map(say).collect()
    }

    /// Words that stand alone: a pause, the prompts, a pause.
    fn phrase(&self, names: &[String]) -> Vec<Part> {
        let mut parts = vec![Part::Pause { ms: self.pauses.before_ms }];
        parts.extend(self.say(names));
        parts
    }

    /// The whole call.
    pub fn script(&self, locale: Locale, code: &Code, gate: bool) -> Script {
        let (call, pauses) = (&self.call, &self.pauses);
        let mut spoken = vec![Part::Pause { ms: pauses.before_ms }];
        for repeat in 0..call.repeats {
            spoken.extend(self.say(if repeat == 0 { &call.before_code } else { &call.between }));
            for digit in digits_of(code) {
                spoken.extend([Part::Digit(digit), Part::Pause { ms: pauses.after_digit_ms }]);
            }
            spoken.push(Part::Pause { ms: pauses.between_repeats_ms });
        }
        spoken.extend(self.say(&call.after));
        spoken.push(Part::Pause { ms: pauses.after_ms });
        Script {
            locale,
            gate: if gate { self.phrase(&call.gate) } else { Vec::new() },
            code: spoken,
            not_asked: self.phrase(&call.not_asked),
            no_key: self.phrase(&call.no_key),
            gate_wait_ms: self.gate.wait_ms,
            gate_repeats: self.gate.repeats,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Templates;
    use super::*;

    #[test]
    fn words_that_cannot_be_spoken_are_refused() {
        let good = include_str!("../../templates/en/voice.toml");
        for (from, to, key) in [
            ("\"Goodbye.\"", "\"Bye 4 now.\"", "prompts.goodbye"),
            ("\"Goodbye.\"", "\" \"", "prompts.goodbye"),
            ("4 = \"four\"", "4 = \"4\"", "digits.4"),
            ("4 = \"four\"", "", "digits has no word for 4"),
            ("4 = \"four\"", "4 = \"four\"\n10 = \"ten\"", "digits.10"),
            ("goodbye = ", "digit-4 = ", "prompts.digit-4"),
            ("between = [\"again\"]", "between = []", "call.between"),
        ] {
            assert!(good.contains(from), "{from}");
            let file: VoiceFile = toml::from_str(&good.replace(from, to)).unwrap();
            let problem = file.check().unwrap_err();
            assert!(problem.contains(key), "{to}: {problem}");
        }
    }

    #[test]
    fn only_the_code_part_holds_digits_and_as_often_as_it_says() {
        let code = Code::new("482917").unwrap();
        let script = Templates::builtin().script(&Locale::english(), &code, true);
        let digits = |parts: &[Part]| parts.iter().filter(|part| matches!(part, Part::Digit(_))).count();
        assert_eq!(digits(&script.code), 18);
        assert_eq!(digits(&script.gate) + digits(&script.not_asked) + digits(&script.no_key), 0);
        assert!(!script.gate.is_empty());
        assert!(Templates::builtin().script(&Locale::english(), &code, false).gate.is_empty());
        assert!(!format!("{script:?}").contains('4'), "a script's digits do not print");
    }
}
