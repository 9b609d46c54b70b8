//! The folders under `carriers/`: what an upstream's API is like, as data. Owns
//! their types, reading and checking them, and the samples that hold them to
//! their word. How a request is made and an answer judged is beside this room.

mod check;
mod errors;
mod fill;
mod library;
mod place;
mod sample;
mod sections;

pub use errors::{ErrorTables, Explanation, Found};
pub use fill::{Fillings, Pattern, Shape};
pub use library::{Library, LibraryError};
pub use place::{Condition, ErrorPlace, Place, flat};
pub use sample::check_samples;
pub use sections::*;

/// A carrier profile: one folder.
#[derive(Debug, Clone)]
pub struct Profile {
    /// The folder's name.
    pub name: String,
    /// `carrier.toml`.
    pub upstream: Upstream,
    /// `errors.toml`.
    pub errors: ErrorTables,
}

impl Profile {
    /// Reads the two files. `Err`: everything that is wrong, each with the file.
    pub fn read(name: &str, carrier: &str, errors: &str) -> Result<Self, Vec<String>> {
        let wrong = |file: &str, error: toml::de::Error, text: &str| {
            let line = error.span().map_or(0, |span| 1 + text[..span.start].matches('\n').count());
            format!("{name}/{file}:{line}: {}", error.message().replace('\n', " "))
        };
        let upstream = toml::from_str::<Upstream>(carrier).map_err(|error| wrong("carrier.toml", error, carrier));
        let tables = toml::from_str::<ErrorTables>(errors).map_err(|error| wrong("errors.toml", error, errors));
        match (upstream, tables) {
            (Ok(upstream), Ok(errors)) => {
                let profile = Profile { name: name.to_owned(), upstream, errors };
                let problems = profile.check();
                if problems.is_empty() { Ok(profile) } else { Err(problems) }
            }
            (upstream, tables) => Err([upstream.err(), tables.err()].into_iter().flatten().collect()),
        }
    }
}
