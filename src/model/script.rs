//! What a call says, as data: `template` writes it, `voice` renders it as audio
//! or as a carrier's document, `delivery` walks it while the call runs.
//!
//! ```text
//! gate: greeting, "press one", pause ──key 1──► code: phrase, digits, "again", digits, goodbye
//!                                    ──key 9──► not_asked: "we will not read it", end
//!                                    ──nothing─► the gate again (gate_repeats), then no_key, end
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Code, Locale};

/// One piece of a call.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// A recorded prompt by name, and the words it says.
    Prompt {
        /// File stem under `templates/<locale>/prompts/`.
        name: String,
        /// Its words, for captions and for carriers that speak text themselves.
        text: String,
    },
    /// One figure of a code, 0 to 9.
    Digit(u8),
    /// Silence.
    Pause {
        /// Its length in milliseconds.
        ms: u32,
    },
}

/// A whole call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Script {
    /// The language really spoken, which may not be the one asked for.
    pub locale: Locale,
    /// Greeting and "press a key". Empty: the code is spoken at once.
    pub gate: Vec<Part>,
    /// The code, with its repetitions and the goodbye.
    pub code: Vec<Part>,
    /// What a person hears who presses 9. Never a digit.
    pub not_asked: Vec<Part>,
    /// What is said when no key came. Never a digit.
    pub no_key: Vec<Part>,
    /// How long to wait for a key after the gate was spoken, in milliseconds.
    pub gate_wait_ms: u32,
    /// How often the gate is spoken before the call gives up.
    pub gate_repeats: u8,
}

impl Script {
    /// Gate and code in one run: what the sandbox phone lists as the whole call.
    pub fn whole(&self) -> impl Iterator<Item = &Part> {
        self.gate.iter().chain(&self.code)
    }
}

/// The digits of a code as parts.
pub fn digits_of(code: &Code) -> impl Iterator<Item = u8> + '_ {
    code.reveal().bytes().map(|b| b - b'0')
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Prompt { name, .. } => write!(f, "Prompt({name})"),
            // A script in a log must not tell the code.
            Part::Digit(_) => f.write_str("Digit"),
            Part::Pause { ms } => write!(f, "Pause({ms} ms)"),
        }
    }
}
