//! API keys: 256 bits of randomness, so a plain SHA-256 is enough at rest.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use crate::model::Secret;

/// The hash of an API key, written `sha256:<64 hex digits>`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ApiKeyHash([u8; 32]);

impl ApiKeyHash {
    /// The hash of a key.
    pub fn of(key: &str) -> Self {
        ApiKeyHash(Sha256::digest(key.as_bytes()).into())
    }

    /// Compares in constant time.
    pub fn matches(&self, other: &ApiKeyHash) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl std::fmt::Display for ApiKeyHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::str::FromStr for ApiKeyHash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || "an API key's hash is \"sha256:\" and 64 hex digits, as `otp-gateway keys new` prints it".to_owned();
        let hex = text.strip_prefix("sha256:").filter(|hex| hex.len() == 64 && hex.is_ascii()).ok_or_else(wrong)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(ApiKeyHash(bytes))
    }
}

/// A new key: `otpk_` and 43 characters.
pub fn new_api_key() -> Secret<String> {
    Secret::new(format!("otpk_{}", URL_SAFE_NO_PAD.encode(super::random::<32>())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_reads_back_and_knows_its_key() {
        let key = new_api_key();
        let hash = ApiKeyHash::of(key.reveal());
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert!(hash.matches(&ApiKeyHash::of(key.reveal())));
        assert!(!hash.matches(&ApiKeyHash::of("demo-key")));
        assert!("sha256:zz".parse::<ApiKeyHash>().is_err());
    }
}
