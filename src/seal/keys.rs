//! The master keys and everything derived from them.
//!
//! ```text
//! master (32 bytes) ── HKDF-SHA-256 ── sealing key, signing key, wrapping key
//! random, wrapped by every master, kept in the store ── look-up key, partition key
//! ```
//! A sealed value is `version ‖ master's id ‖ nonce ‖ ChaCha20-Poly1305(value)`
//! with the record's id as associated data, so it opens nowhere else.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::model::{AttemptId, Code, Digest, E164, NumberHash, Partition, RecordId, Sealed, Secret};

const VERSION: u8 = 1;
const ID: usize = 4;
const NONCE: usize = 12;
const TAG: usize = 9;

/// Why something sealed does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not 32 bytes in base64.
    #[error("a master key is 32 random bytes in base64, for example from `openssl rand -base64 32`")]
    NotAMasterKey,
    /// None of the masters that we have sealed this.
    #[error("this store was sealed by a master key that is not given; set OTP_MASTER_KEY to the one it was made with")]
    WrongMaster,
    /// Damaged, or taken from somewhere else.
    #[error("a sealed value is damaged")]
    Damaged,
}

/// One master key.
#[derive(Clone)]
pub struct MasterKey {
    bytes: Secret<[u8; 32]>,
}

impl MasterKey {
    /// From 32 bytes in base64.
    pub fn from_base64(text: &str) -> Result<Self, SealError> {
        let bytes = STANDARD.decode(text.trim()).map_err(|_| SealError::NotAMasterKey)?;
        let bytes = bytes.try_into().map_err(|_| SealError::NotAMasterKey)?;
        Ok(MasterKey { bytes: Secret::new(bytes) })
    }

    /// A new one, in base64.
    pub fn generate() -> Secret<String> {
        Secret::new(STANDARD.encode(super::random::<32>()))
    }

    fn derive<const N: usize>(&self, purpose: &str) -> Secret<[u8; N]> {
        let mut out = [0; N];
        Hkdf::<Sha256>::new(None, self.bytes.reveal())
            .expand(format!("otp-gateway/1/{purpose}").as_bytes(), &mut out)
            .expect("at most 8,160 bytes are asked for (RFC 5869, 2.3)");
        Secret::new(out)
    }

    fn id(&self) -> [u8; ID] {
        *self.derive("id").reveal()
    }

    /// 72 bits that vouch for a reference: too many to guess at a door that counts.
    fn tag(&self, context: &str, bytes: &[u8]) -> [u8; TAG] {
        let key = self.derive::<32>("sign");
        let mut mac =
            <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key.reveal()).expect("HMAC takes keys of any length");
        mac.update(context.as_bytes());
        mac.update(&[0]);
        mac.update(bytes);
        let hash: [u8; 32] = mac.finalize().into_bytes().into();
        *hash.first_chunk().expect("a SHA-256 has 32 bytes")
    }

    fn seal(&self, purpose: &str, plain: &[u8], context: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE] = super::random();
        let cipher = ChaCha20Poly1305::new(self.derive::<32>(purpose).reveal().into());
        let sealed = cipher
            .encrypt(&Nonce::from(nonce), Payload { msg: plain, aad: context })
            .expect("values are far below the cipher's limit of 256 GiB");
        [&[VERSION][..], &self.id(), &nonce, &sealed].concat()
    }

    fn open(&self, purpose: &str, sealed: &[u8], context: &[u8]) -> Option<Vec<u8>> {
        let (nonce, body) = sealed.get(1 + ID..)?.split_first_chunk::<NONCE>()?;
        let cipher = ChaCha20Poly1305::new(self.derive::<32>(purpose).reveal().into());
        cipher.decrypt(&Nonce::from(*nonce), Payload { msg: body, aad: context }).ok()
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey")
    }
}

/// All keys of a running gateway.
#[derive(Debug)]
pub struct Keys {
    masters: Vec<MasterKey>,
    lookup: Secret<[u8; 32]>,
    partition: Secret<[u8; 32]>,
    partitions: u16,
}

/// The wraps in what a store keeps, each behind its length; what is cut off is left out.
fn each(wrapped: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = wrapped;
    std::iter::from_fn(move || {
        let (length, tail) = rest.split_first_chunk::<2>()?;
        let (sealed, next) = tail.split_at_checked(u16::from_be_bytes(*length).into())?;
        rest = next;
        Some(sealed)
    })
}

impl Keys {
    /// The look-up and partition keys, fresh, wrapped by every master: what a new
    /// store keeps. The first master is the one that seals.
    pub fn wrap_new(masters: &[MasterKey]) -> Vec<u8> {
        Self::wrap(masters, &super::random::<64>())
    }

    fn wrap(masters: &[MasterKey], plain: &[u8]) -> Vec<u8> {
        let wraps = masters.iter().map(|master| {
            let sealed = master.seal("wrap", plain, b"store keys");
            [&(sealed.len() as u16).to_be_bytes()[..], &sealed].concat()
        });
        wraps.collect::<Vec<_>>().concat()
    }

    /// Opens what [`Keys::wrap_new`] made, with whichever master fits.
    pub fn unwrap(masters: Vec<MasterKey>, wrapped: &[u8], partitions: u16) -> Result<Self, SealError> {
        for sealed in each(wrapped) {
            let plain = masters.iter().find_map(|master| master.open("wrap", sealed, b"store keys"));
            if let Some(plain) = plain {
                let (lookup, partition) = plain.split_at_checked(32).ok_or(SealError::Damaged)?;
                let key = |bytes: &[u8]| bytes.try_into().map(Secret::new).map_err(|_| SealError::Damaged);
                return Ok(Keys {
                    lookup: key(lookup)?,
                    partition: key(partition)?,
                    masters,
                    partitions: partitions.max(1),
                });
            }
        }
        Err(SealError::WrongMaster)
    }

    /// The look-up and partition keys wrapped by every master that is given now, if
    /// one of them does not stand in `wrapped` yet: a rotation. `None`: nothing to do.
    /// A wrap by a master that is not given stays until then: another gateway may still
    /// have that one alone.
    pub fn rewrap(&self, wrapped: &[u8]) -> Option<Vec<u8>> {
        let stands = |master: &MasterKey| {
            let head = [&[VERSION][..], &master.id()].concat();
            each(wrapped).any(|sealed| sealed.starts_with(&head))
        };
        let plain = || Secret::new([&self.lookup.reveal()[..], &self.partition.reveal()[..]].concat());
        (!self.masters.iter().all(stands)).then(|| Self::wrap(&self.masters, plain().reveal()))
    }

    fn hash(&self, key: &Secret<[u8; 32]>, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac =
            <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key.reveal()).expect("HMAC takes keys of any length");
        mac.update(purpose.as_bytes());
        for part in parts {
            // Lengths keep ("ab", "c") and ("a", "bc") apart.
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// A keyed hash of `parts` for one purpose: 128 bits.
    pub fn digest(&self, purpose: &str, parts: &[&[u8]]) -> Digest {
        let hash = self.hash(&self.lookup, purpose, parts);
        Digest(*hash.first_chunk().expect("a SHA-256 has 32 bytes"))
    }

    /// How a number is found.
    pub fn number(&self, number: &E164) -> NumberHash {
        NumberHash(self.digest("number", &[number.reveal().as_bytes()]))
    }

    /// Where a number lives.
    pub fn partition(&self, number: &E164) -> Partition {
        let hash = self.hash(&self.partition, "partition", &[number.reveal().as_bytes()]);
        let head = u64::from_be_bytes(*hash.first_chunk().expect("a SHA-256 has 32 bytes"));
        Partition((head % u64::from(self.partitions)) as u16)
    }

    /// What `check` compares: the code's hash, bound to its record.
    pub fn code(&self, id: RecordId, code: &Code) -> Digest {
        self.digest("code", &[id.to_string().as_bytes(), code.reveal().as_bytes()])
    }

    /// Seals a value for one context (a record's id, "number").
    pub fn seal(&self, context: &str, plain: &str) -> Sealed {
        Sealed(self.masters[0].seal("seal", plain.as_bytes(), context.as_bytes()))
    }

    /// Opens a sealed value.
    pub fn open(&self, context: &str, sealed: &Sealed) -> Result<Secret<String>, SealError> {
        let id = sealed.0.get(1..1 + ID).ok_or(SealError::Damaged)?;
        let master = self.masters.iter().find(|master| master.id() == id).ok_or(SealError::WrongMaster)?;
        let plain = master.open("seal", &sealed.0, context.as_bytes()).ok_or(SealError::Damaged)?;
        String::from_utf8(plain).map(Secret::new).map_err(|_| SealError::Damaged)
    }

    /// Opens a sealed number.
    pub fn open_number(&self, sealed: &Sealed) -> Result<E164, SealError> {
        let plain = self.open("number", sealed)?;
        let (digits, number) = plain.reveal().split_once(' ').ok_or(SealError::Damaged)?;
        E164::new(number, digits.parse().map_err(|_| SealError::Damaged)?).ok_or(SealError::Damaged)
    }

    /// A reference to an attempt for the outside: 40 characters that only we can make, and
    /// that are worth something in one context only.
    pub fn reference(&self, context: &str, attempt: AttemptId) -> String {
        let bytes = attempt.to_bytes();
        URL_SAFE_NO_PAD.encode([&bytes[..], &self.masters[0].tag(context, &bytes)].concat())
    }

    /// The attempt of a reference that any of our masters signed in this context.
    pub fn open_reference(&self, context: &str, reference: &str) -> Option<AttemptId> {
        let bytes = URL_SAFE_NO_PAD.decode(reference).ok()?;
        let (attempt, tag) = bytes.split_first_chunk::<{ AttemptId::BYTES }>()?;
        let ours = |master: &MasterKey| bool::from(master.tag(context, attempt).ct_eq(tag));
        self.masters.iter().any(ours).then(|| AttemptId::from_bytes(*attempt))?
    }

    /// Seals a number.
    pub fn seal_number(&self, number: &E164) -> Sealed {
        self.seal("number", &format!("{} {}", number.calling_code_digits(), number.reveal()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RecordKind;

    fn master() -> MasterKey {
        MasterKey::from_base64(MasterKey::generate().reveal()).unwrap()
    }

    fn keys() -> Keys {
        let masters = vec![master()];
        let wrapped = Keys::wrap_new(&masters);
        Keys::unwrap(masters, &wrapped, 128).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_only_in_its_context() {
        let keys = keys();
        let sealed = keys.seal("ver_1", "482917");
        assert_eq!(keys.open("ver_1", &sealed).unwrap().reveal(), "482917");
        assert_eq!(keys.open("ver_2", &sealed).unwrap_err(), SealError::Damaged);
        assert_eq!(self::keys().open("ver_1", &sealed).unwrap_err(), SealError::WrongMaster);
        for cut in 0..sealed.0.len() {
            assert!(keys.open("ver_1", &Sealed(sealed.0[..cut].to_vec())).is_err());
        }
        assert_ne!(sealed, keys.seal("ver_1", "482917"));
    }

    #[test]
    fn any_live_master_opens_the_store_and_a_foreign_one_does_not() {
        let (old, new) = (master(), master());
        let wrapped = Keys::wrap_new(&[new.clone(), old.clone()]);
        let number = E164::new("+819012345678", 2).unwrap();
        let by_old = Keys::unwrap(vec![old], &wrapped, 128).unwrap();
        let by_new = Keys::unwrap(vec![new], &wrapped, 128).unwrap();
        assert_eq!(by_old.number(&number), by_new.number(&number));
        assert_eq!(by_old.partition(&number), by_new.partition(&number));
        assert_eq!(Keys::unwrap(vec![master()], &wrapped, 128).unwrap_err(), SealError::WrongMaster);
        assert!(by_old.rewrap(&wrapped).is_none());
    }

    #[test]
    fn a_rotation_forgets_nothing() {
        let (old, new) = (master(), master());
        let number = E164::new("+819012345678", 2).unwrap();
        let wrapped = Keys::wrap_new(std::slice::from_ref(&old));
        let before = Keys::unwrap(vec![old.clone()], &wrapped, 128).unwrap();
        let sealed = before.seal_number(&number);
        // Add the new one, make it the one that seals, retire the old one.
        let both = Keys::unwrap(vec![new.clone(), old], &wrapped, 128).unwrap();
        assert_eq!(both.open_number(&sealed).unwrap(), number);
        let resealed = both.seal_number(&number);
        let wrapped = both.rewrap(&wrapped).expect("the new master is not in it yet");
        let after = Keys::unwrap(vec![new], &wrapped, 128).unwrap();
        assert_eq!(after.number(&number), before.number(&number));
        assert_eq!(after.open_number(&resealed).unwrap(), number);
        assert_eq!(after.open_number(&sealed).unwrap_err(), SealError::WrongMaster);
        assert_eq!(MasterKey::from_base64("c2hvcnQ=").unwrap_err(), SealError::NotAMasterKey);
    }

    #[test]
    fn numbers_spread_over_the_partitions_and_open_again() {
        let keys = keys();
        let mut seen = [0; 128];
        for n in 0..12_800 {
            let number = E164::new(&format!("+8190{n:08}"), 2).unwrap();
            seen[usize::from(keys.partition(&number).0)] += 1;
        }
        assert!(seen.iter().all(|count| (50..160).contains(count)));
        let number = E164::new("+15550100", 1).unwrap();
        assert_eq!(keys.open_number(&keys.seal_number(&number)).unwrap(), number);
    }

    #[test]
    fn a_reference_is_ours_and_of_one_context() {
        let keys = keys();
        for kind in [RecordKind::Verification, RecordKind::Message] {
            let attempt = RecordId::new(kind, Partition(700), [0xa7; 14]).delivery(3).attempt(260);
            let reference = keys.reference("sms/main", attempt);
            assert_eq!(reference.len(), 40);
            assert_eq!(keys.open_reference("sms/main", &reference), Some(attempt));
            assert_eq!(keys.open_reference("call/main", &reference), None);
            assert_eq!(self::keys().open_reference("sms/main", &reference), None);
            for i in 0..reference.len() {
                let mut forged = reference.clone().into_bytes();
                forged[i] = if forged[i] == b'A' { b'B' } else { b'A' };
                assert_eq!(keys.open_reference("sms/main", std::str::from_utf8(&forged).unwrap()), None, "{i}");
                assert_eq!(keys.open_reference("sms/main", &reference[..i]), None);
            }
        }
    }

    #[test]
    fn a_code_is_bound_to_its_record() {
        let (keys, code) = (keys(), Code::new("482917").unwrap());
        let id = |n| RecordId::new(RecordKind::Verification, Partition(1), [n; 14]);
        assert_ne!(keys.code(id(1), &code), keys.code(id(2), &code));
        assert_eq!(keys.code(id(1), &code), keys.code(id(1), &code));
    }
}
