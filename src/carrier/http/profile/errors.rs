//! `errors.toml`: what each code of a carrier means to us.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::place::ErrorPlace;
use crate::model::Cause;

/// All tables of a carrier, by the name that `in` uses.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ErrorTables(BTreeMap<String, ErrorTable>);

/// The codes that come from one place.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ErrorTable {
    /// Where they are explained; `{code}` is the code.
    #[serde(default)]
    page: String,
    /// Where they stand, for readers.
    #[serde(default, rename = "at")]
    _at: String,
    #[serde(default)]
    codes: BTreeMap<String, ErrorCode>,
}

/// One code.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ErrorCode {
    cause: Cause,
    note: String,
    page: Option<String>,
}

/// What a code means.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Explanation {
    /// The table that explains it.
    pub table: String,
    /// The carrier's code.
    pub code: String,
    /// Our word for it.
    pub cause: Cause,
    /// A few words.
    pub note: String,
    /// The carrier's page about it.
    pub page: String,
}

/// An error code that a body held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The code.
    pub code: String,
    /// What it means; `None`: it is not listed.
    pub cause: Option<Cause>,
}

impl ErrorTables {
    /// Whether there is such a table.
    pub fn has(&self, table: &str) -> bool {
        self.0.contains_key(table)
    }

    /// What a code of a table means.
    pub fn cause(&self, table: &str, code: &str) -> Option<Cause> {
        Some(self.0.get(table)?.codes.get(code)?.cause)
    }

    /// The first listed code of those that a body holds at these places; if none is
    /// listed, the first at all.
    pub fn find(&self, places: &[ErrorPlace], body: &serde_json::Value) -> Option<Found> {
        let mut unlisted = None;
        for place in places {
            let Some(code) = place.code(body) else { continue };
            match self.cause(&place.table, &code) {
                Some(cause) => return Some(Found { code, cause: Some(cause) }),
                None => unlisted = unlisted.or(Some(Found { code, cause: None })),
            }
        }
        unlisted
    }

    /// Everything that is listed, table by table.
    pub fn all(&self) -> impl Iterator<Item = Explanation> {
        self.0.iter().flat_map(|(name, table)| {
            table.codes.iter().map(move |(code, known)| Explanation {
                table: name.clone(),
                code: code.clone(),
                cause: known.cause,
                note: known.note.clone(),
                page: known.page.as_ref().unwrap_or(&table.page).replace("{code}", code),
            })
        })
    }

    /// What a code means, in every table that lists it.
    pub fn explain(&self, code: &str) -> Vec<Explanation> {
        self.all().filter(|known| known.code.eq_ignore_ascii_case(code)).collect()
    }

    /// The names of the tables.
    pub fn tables(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
