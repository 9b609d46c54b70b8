//! From a script to sound, or to a carrier's document. Owns the recordings (8 kHz mono mu-law, ITU-T G.711)
//! and putting them together; no synthesiser runs here and no code ever reaches
//! one. What is said is `template`'s; what is said next is `delivery`'s.

mod caption;
mod compose;
mod document;
mod prompts;
mod wav;

pub use caption::spoken;
pub use compose::{ComposeError, compose, duration_ms};
pub use document::{Dialect, Document, Heard, Speaker, Turn};
pub use prompts::{Prompts, PromptsError};
pub use wav::{wav, wav_linear};

/// Samples (and, in mu-law, bytes) in a millisecond.
const BYTES_PER_MS: usize = 8;
