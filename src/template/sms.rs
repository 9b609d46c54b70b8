//! `sms.toml`: what a text message says.

use serde::Deserialize;

use super::files::Checked;
use crate::model::{Code, Secret};

/// The file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmsFile {
    /// The text with a code; see the comments in the file.
    pub verification: String,
}

const PLACEHOLDERS: [&str; 3] = ["code", "app", "minutes"];

/// The placeholders in a text, in order; `Err` for a brace without its partner.
fn placeholders(text: &str) -> Result<Vec<&str>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find(['{', '}']) {
        let name = rest[open..].strip_prefix('{').and_then(|tail| tail.split_once('}'));
        let (name, tail) = name.ok_or("has a brace without its partner; write {code}, {app} or {minutes}")?;
        found.push(name);
        rest = tail;
    }
    Ok(found)
}

impl Checked for SmsFile {
    fn check(&self) -> Result<(), String> {
        let found = placeholders(&self.verification).map_err(|problem| format!("verification {problem}"))?;
        if let Some(unknown) = found.iter().find(|name| !PLACEHOLDERS.contains(name)) {
            return Err(format!("verification: there is no {{{unknown}}}; use {{code}}, {{app}} or {{minutes}}"));
        }
        match found.iter().filter(|name| **name == "code").count() {
            1 => Ok(()),
            _ => Err("verification must hold {code} exactly once".into()),
        }
    }
}

impl SmsFile {
    /// The text, filled in.
    pub fn fill(&self, code: &Code, app: &str, minutes: u32) -> Secret<String> {
        // The code last: an application's name may look like a placeholder.
        let (before, after) = self.verification.split_once("{code}").unwrap_or((&self.verification, ""));
        let fill = |text: &str| text.replace("{minutes}", &minutes.to_string()).replace("{app}", app);
        let (before, after) = (fill(before), fill(after));
        // Of the exact size: growing would leave a copy of the code behind in memory.
        let mut text = String::with_capacity(before.len() + code.reveal().len() + after.len());
        [before.as_str(), code.reveal(), &after].into_iter().for_each(|piece| text.push_str(piece));
        Secret::new(text)
    }
}
