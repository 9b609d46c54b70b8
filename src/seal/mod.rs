//! Keys and what is done with them: sealing values, keyed hashes, codes, tokens
//! and API keys. Owns every use of cryptography and randomness. It keeps no
//! state and talks to no store: the keys to unwrap come in as bytes.

mod apikey;
mod codes;
mod keys;

pub use apikey::{ApiKeyHash, new_api_key};
pub use codes::{combinations, draw_code};
pub use keys::{Keys, MasterKey, SealError};

use crate::model::Digest;

/// `N` bytes from the operating system's randomness.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives randomness");
    bytes
}

/// A fresh random token, for leases and operation ids.
pub fn token() -> Digest {
    Digest(random())
}
