//! Scenarios: what a file may say, and the checked plan that it becomes. Errors are
//! one line that names the file's line and what to do.

mod happenings;
mod plan;
pub mod units;
pub mod written;

use std::path::Path;

pub use self::happenings::{Effect, Happening, word};
pub use self::plan::{PLAIN, Plan, Way};

/// The largest file that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// A scenario that cannot be run: one line, lower case, with the way out.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Problem(pub String);

/// Reads and checks a scenario file.
///
/// # Errors
/// If it cannot be read, is larger than 1 MiB, or says something that cannot be run.
pub fn load(path: &Path) -> Result<Plan, Problem> {
    let text = read(path)?;
    let name = path.file_stem().map_or_else(|| "scenario".into(), |stem| stem.to_string_lossy().into_owned());
    parse(&name, &text).map_err(|Problem(problem)| Problem(format!("{}: {problem}", path.display())))
}

/// Reads a small text file.
///
/// # Errors
/// If it cannot be read or is larger than 1 MiB.
pub fn read(path: &Path) -> Result<String, Problem> {
    use std::io::Read;
    let fail = |error: std::io::Error| Problem(format!("{}: {error}; give a TOML file", path.display()));
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(fail)?;
    file.take(LARGEST + 1).read_to_string(&mut text).map_err(fail)?;
    if text.len() as u64 > LARGEST {
        return Err(Problem(format!("{}: larger than 1 MiB; a scenario is a few lines", path.display())));
    }
    Ok(text)
}

/// Checks a scenario that was read.
///
/// # Errors
/// If it says something that cannot be run.
pub fn parse(name: &str, text: &str) -> Result<Plan, Problem> {
    let written: written::Scenario = toml::from_str(text).map_err(|error| in_toml(text, &error))?;
    plan::check(name, written, &Source(text))
}

/// Reads other settings for our own policy: `value` and `[rules]`.
///
/// # Errors
/// If the text is not that.
pub fn settings(text: &str) -> Result<written::Settings, Problem> {
    toml::from_str(text).map_err(|error| in_toml(text, &error))
}

/// An error of the TOML reader on one line.
fn in_toml(text: &str, error: &toml::de::Error) -> Problem {
    let message: Vec<&str> = error.message().split_whitespace().collect();
    let message = message.join(" ");
    match error.span() {
        Some(span) => Problem(format!("line {}: {message}", Source(text).line(span.start))),
        None => Problem(message),
    }
}

/// The text, to find lines in.
struct Source<'a>(&'a str);

impl Source<'_> {
    /// The line of a byte, from 1.
    fn line(&self, at: usize) -> usize {
        1 + self.0.as_bytes()[..at.min(self.0.len())].iter().filter(|byte| **byte == b'\n').count()
    }

    /// What is wrong with a part of the file.
    fn wrong<T>(&self, part: &toml::Spanned<T>, problem: impl std::fmt::Display) -> Problem {
        Problem(format!("line {}: {problem}", self.line(part.span().start)))
    }
}
