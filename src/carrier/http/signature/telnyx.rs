//! `telnyx-signature-ed25519` over `timestamp|body`.
//! <https://developers.telnyx.com/docs/messaging/messages/receiving-webhooks#webhook-signing>

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};

use super::{Forged, Incoming, seconds};
use crate::model::Ms;

/// The key as the portal shows it.
pub fn public_key(text: &str) -> Option<[u8; 32]> {
    STANDARD.decode(text.trim()).ok()?.try_into().ok()
}

/// When it was signed.
pub fn check(key: &str, incoming: &Incoming<'_>) -> Result<Ms, Forged> {
    let read = || {
        let signature = STANDARD.decode(incoming.header("telnyx-signature-ed25519")?).ok()?;
        let at = incoming.header("telnyx-timestamp")?;
        let signed = [at.as_bytes(), b"|", incoming.body].concat();
        UnparsedPublicKey::new(&ED25519, public_key(key)?).verify(&signed, &signature).ok()?;
        seconds(at)
    };
    read().ok_or(Forged::Signature)
}
