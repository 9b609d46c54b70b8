//! Public ids. A record's id carries its partition; the ids of its deliveries
//! and attempts are derived from it, so a receipt or a job finds its record
//! without a look-up:
//!
//! ```text
//! ver_<26>          a verification          msg_<26>   a message
//! dlv_<26>-<n>      its n-th delivery       att_<26>-<n>-<m>   the m-th attempt of that
//! ```
//! `<26>` is Crockford base32 (lower case) of 2 bytes of partition and 14 random
//! bytes; after an `m` the record is a message (`dlv_m<26>-1`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A fixed slice of all phone numbers; every state of a number lives in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Partition(pub u16);

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecordKind {
    /// Proves that a person holds a number; has a code to check.
    Verification,
    /// Somebody else's text; nothing to check.
    Message,
}

/// The id of a verification or a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordId {
    kind: RecordKind,
    bytes: [u8; 16],
}

/// The id of one delivery: its record and its number there, from 1.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryId {
    /// The record it belongs to.
    pub record: RecordId,
    /// Its place among the record's deliveries, from 1.
    pub n: u16,
}

/// The id of one attempt: its delivery and its number there, from 1.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttemptId {
    /// The delivery it belongs to.
    pub delivery: DeliveryId,
    /// Its place among the delivery's attempts, from 1.
    pub m: u16,
}

/// The text is not an id of that kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id that this gateway made")]
pub struct IdError;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl RecordId {
    /// An id in `partition` from 14 random bytes.
    pub fn new(kind: RecordKind, partition: Partition, random: [u8; 14]) -> Self {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&partition.0.to_be_bytes());
        bytes[2..].copy_from_slice(&random);
        RecordId { kind, bytes }
    }

    /// Verification or message.
    pub fn kind(self) -> RecordKind {
        self.kind
    }

    /// The partition that holds the record.
    pub fn partition(self) -> Partition {
        Partition(u16::from_be_bytes([self.bytes[0], self.bytes[1]]))
    }

    /// What is random in it: with kind and partition it is the whole id.
    pub fn random(self) -> [u8; 14] {
        self.bytes[2..].try_into().expect("14 of 16 bytes")
    }

    /// The id of the record's `n`-th delivery, from 1.
    pub fn delivery(self, n: u16) -> DeliveryId {
        DeliveryId { record: self, n }
    }

    fn base32(self) -> String {
        let value = u128::from_be_bytes(self.bytes);
        // 26 * 5 = 130 bits: the first character holds only 3.
        (0..26).rev().map(|i| ALPHABET[(value >> (5 * i)) as usize & 31] as char).collect()
    }

    fn from_base32(kind: RecordKind, text: &str) -> Result<Self, IdError> {
        if text.len() != 26 {
            return Err(IdError);
        }
        let mut value: u128 = 0;
        for (i, c) in text.bytes().enumerate() {
            let digit = ALPHABET.iter().position(|a| *a == c).ok_or(IdError)? as u128;
            if i == 0 && digit > 7 {
                return Err(IdError);
            }
            value = value << 5 | digit;
        }
        Ok(RecordId { kind, bytes: value.to_be_bytes() })
    }

    fn short(self) -> String {
        match self.kind {
            RecordKind::Verification => self.base32(),
            RecordKind::Message => format!("m{}", self.base32()),
        }
    }

    fn from_short(text: &str) -> Result<Self, IdError> {
        match text.strip_prefix('m') {
            Some(rest) if rest.len() == 26 => Self::from_base32(RecordKind::Message, rest),
            _ => Self::from_base32(RecordKind::Verification, text),
        }
    }
}

impl DeliveryId {
    /// The id of the delivery's `m`-th attempt, from 1.
    pub fn attempt(self, m: u16) -> AttemptId {
        AttemptId { delivery: self, m }
    }
}

impl AttemptId {
    /// Bytes of [`AttemptId::to_bytes`].
    pub const BYTES: usize = 21;

    /// The shortest form, for what is signed: kind, record, delivery, attempt.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let record = self.delivery.record;
        let mut bytes = [0; Self::BYTES];
        bytes[0] = u8::from(record.kind == RecordKind::Message);
        bytes[1..17].copy_from_slice(&record.bytes);
        bytes[17..19].copy_from_slice(&self.delivery.n.to_be_bytes());
        bytes[19..].copy_from_slice(&self.m.to_be_bytes());
        bytes
    }

    /// Reads it back; `None` if it is no attempt's.
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Option<Self> {
        let kind = match bytes[0] {
            0 => RecordKind::Verification,
            1 => RecordKind::Message,
            _ => return None,
        };
        let record = RecordId { kind, bytes: *bytes[1..].first_chunk()? };
        let ordinal = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        Some(record.delivery(ordinal(17)).attempt(ordinal(19)))
    }
}

fn ordinal(text: &str) -> Result<u16, IdError> {
    match text.parse() {
        Ok(n) if n > 0 && !text.starts_with(['0', '+']) => Ok(n),
        _ => Err(IdError),
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = match self.kind {
            RecordKind::Verification => "ver",
            RecordKind::Message => "msg",
        };
        write!(f, "{prefix}_{}", self.base32())
    }
}

impl FromStr for RecordId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if let Some(rest) = text.strip_prefix("ver_") {
            Self::from_base32(RecordKind::Verification, rest)
        } else if let Some(rest) = text.strip_prefix("msg_") {
            Self::from_base32(RecordKind::Message, rest)
        } else {
            Err(IdError)
        }
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dlv_{}-{}", self.record.short(), self.n)
    }
}

impl FromStr for DeliveryId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (record, n) = text.strip_prefix("dlv_").and_then(|t| t.split_once('-')).ok_or(IdError)?;
        Ok(RecordId::from_short(record)?.delivery(ordinal(n)?))
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "att_{}-{}-{}", self.delivery.record.short(), self.delivery.n, self.m)
    }
}

impl FromStr for AttemptId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let mut parts = text.strip_prefix("att_").ok_or(IdError)?.splitn(3, '-');
        let mut next = || parts.next().ok_or(IdError);
        let record = RecordId::from_short(next()?)?;
        Ok(record.delivery(ordinal(next()?)?).attempt(ordinal(next()?)?))
    }
}

macro_rules! as_text {
    ($($name:ident)*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
as_text! { RecordId DeliveryId AttemptId }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_and_carry_their_partition() {
        for kind in [RecordKind::Verification, RecordKind::Message] {
            let id = RecordId::new(kind, Partition(127), [0xa5; 14]);
            assert_eq!(id.to_string().parse(), Ok(id));
            assert_eq!(id.partition(), Partition(127));
            assert_eq!(RecordId::new(kind, id.partition(), id.random()), id);
            let attempt = id.delivery(3).attempt(12);
            assert_eq!(attempt.to_string().parse(), Ok(attempt));
            assert_eq!(attempt.delivery.to_string().parse(), Ok(attempt.delivery));
        }
    }

    #[test]
    fn foreign_text_is_not_an_id() {
        let good = RecordId::new(RecordKind::Verification, Partition(1), [7; 14]).to_string();
        for bad in
            ["", "ver_", "ver_x", &good.to_uppercase(), &format!("{good}0"), "ver_é", "msg_zzzzzzzzzzzzzzzzzzzzzzzzzz"]
        {
            assert_eq!(bad.parse::<RecordId>(), Err(IdError), "{bad}");
        }
        assert!("dlv_-1".parse::<DeliveryId>().is_err());
        assert!(format!("dlv_{}-0", &good[4..]).parse::<DeliveryId>().is_err());
        assert!(format!("att_{}-1", &good[4..]).parse::<AttemptId>().is_err());
    }
}
