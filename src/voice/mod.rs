//! From a script to sound. Owns the recordings (8 kHz mono mu-law, ITU-T G.711)
//! and putting them together; no synthesiser runs here and no code ever reaches
//! one. What is said is `template`'s; what is said next is `delivery`'s.

mod caption;
mod compose;
mod prompts;
mod wav;

pub use caption::spoken;
pub use compose::{ComposeError, compose, duration_ms};
pub use prompts::{Prompts, PromptsError};
pub use wav::wav;

/// Samples (and, in mu-law, bytes) in a millisecond.
const BYTES_PER_MS: usize = 8;
