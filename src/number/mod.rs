//! Phone numbers as people write them. Owns reading them into E.164, and what
//! the digits tell: country, kind of line, the network as a guess, time zones;
//! the tables in `data/` are its own. It does not own what a number may be used
//! for (`admission`), facts that replace a guess (`store`), or the words
//! themselves (`model`). Nothing here reads a clock, a file or a socket.
//!
//! ```text
//! text ─► input ─► libphonenumber ─► kind ─┬─► table: network
//!          │ refused: NumberError          └─► table: zones ─► Parsed
//! ```

mod error;
mod input;
mod kind;
mod numbers;
mod table;

pub use error::{Flaw, NumberError};
pub use numbers::{Numbers, Parsed};
