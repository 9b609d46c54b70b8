//! `templates lint` and `voice render`: no running gateway is needed.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::Failure;
use crate::model::{Code, Locale};
use crate::template::Templates;
use crate::voice::{self, Prompts};

pub fn lint(dir: Option<PathBuf>, as_json: bool) -> Result<bool, Failure> {
    let templates = Templates::load(Templates::builtin(), dir.as_deref())?;
    let prompts = Prompts::load(dir.as_deref())?;
    let mut problems = templates.lint();
    for (locale, names) in templates.prompt_names() {
        let missing = prompts.missing(&locale, names.iter().map(String::as_str));
        problems.extend(missing.iter().map(|name| format!("{locale}: recording {name} is missing in prompts/")));
    }
    if as_json {
        println!("{}", json!({ "ok": problems.is_empty(), "problems": problems }));
    } else if problems.is_empty() {
        println!("templates are good");
    } else {
        problems.iter().for_each(|problem| println!("{problem}"));
    }
    Ok(problems.is_empty())
}

pub fn render(code: &str, out: &Path, locale: &str, dir: Option<PathBuf>, gate: bool) -> Result<bool, Failure> {
    let code = Code::new(code).ok_or("a code has 4 to 10 digits")?;
    let locale = Locale::new(locale).ok_or("a locale is a language tag such as en or pt-BR")?;
    let templates = Templates::load(Templates::builtin(), dir.as_deref())?;
    let prompts = Prompts::load(dir.as_deref())?;
    let script = templates.script(&locale, &code, gate);
    let audio = voice::compose(&prompts, &script.locale, script.whole())?;
    std::fs::write(out, voice::wav(&audio)).map_err(|error| format!("{}: {error}", out.display()))?;
    println!("{}: {:.1} s, spoken in {}", out.display(), audio.len() as f64 / 8_000.0, script.locale);
    Ok(true)
}
