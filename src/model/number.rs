//! Phone numbers and what is known about them. `E164` never prints whole: reading
//! it takes an explicit call that is easy to search for.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Digest;

/// A phone number in E.164 form: `+` and 2 to 15 digits (ITU-T E.164, 6.2.1).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct E164 {
    text: String,
    calling_code_digits: usize,
}

impl E164 {
    /// From `+` and digits, with the length of the country calling code.
    /// `None` if it is not that.
    pub fn new(text: &str, calling_code_digits: usize) -> Option<Self> {
        let digits = text.strip_prefix('+')?;
        let fits = (2..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        (fits && (1..=3).contains(&calling_code_digits) && calling_code_digits < digits.len())
            .then(|| E164 { text: text.to_owned(), calling_code_digits })
    }

    /// The whole number. For carriers, hashing, sealing and the sandbox phone only.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// The country calling code and the last two digits: `+81********78`.
    pub fn masked(&self) -> String {
        let shown = 1 + self.calling_code_digits;
        let tail = self.text.len() - 2.min(self.text.len() - shown);
        format!("{}{}{}", &self.text[..shown], "*".repeat(tail - shown), &self.text[tail..])
    }

    /// The block of 1,000 neighbouring numbers that it belongs to.
    pub fn prefix_block(&self) -> &str {
        &self.text[..self.text.len().saturating_sub(3).max(1)]
    }

    /// Length of the country calling code.
    pub fn calling_code_digits(&self) -> usize {
        self.calling_code_digits
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// A number's keyed hash: how a number is found without being stored in clear.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NumberHash(pub Digest);

/// An ISO 3166-1 alpha-2 country, upper case. `001` stands for numbers that
/// belong to no country.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Country([u8; 2]);

impl Country {
    /// Numbers of no country (satellite, international freephone).
    pub const NONE: Country = Country(*b"ZZ");

    /// From two letters of any case.
    pub fn new(text: &str) -> Option<Self> {
        let [a, b] = text.as_bytes() else { return None };
        (a.is_ascii_alphabetic() && b.is_ascii_alphabetic())
            .then(|| Country([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
    }

    /// Its two letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("two ASCII letters, checked when made")
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Country {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Country {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        Country::new(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("{text:?} is not a two-letter country such as \"JP\"")))
    }
}

/// What kind of line a number is, as far as its digits tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NumberKind {
    /// A mobile phone.
    Mobile,
    /// A landline: cannot receive SMS, is called.
    FixedLine,
    /// One of the two; the digits do not tell (all of +1).
    FixedLineOrMobile,
    /// Internet telephony.
    Voip,
    /// A personal number that forwards to another.
    Personal,
    /// Freephone.
    TollFree,
    /// The caller pays extra: refused.
    PremiumRate,
    /// The caller pays a part: refused.
    SharedCost,
    /// Satellite and other numbers of no country: refused.
    Satellite,
    /// Anything else that is valid (pagers, voicemail access, company numbers).
    Other,
}

impl NumberKind {
    /// A kind that pumping fraud lives on, or that no login uses: never contacted.
    pub fn is_refused(self) -> bool {
        matches!(self, NumberKind::PremiumRate | NumberKind::SharedCost | NumberKind::Satellite | NumberKind::Other)
    }

    /// Whether a text may arrive there.
    pub fn takes_sms(self) -> bool {
        !matches!(self, NumberKind::FixedLine | NumberKind::TollFree)
    }
}

/// The phone's own mobile operator, as well as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// Told by a receipt or a look-up: MCC-MNC such as `404-45`.
    Known(String),
    /// Guessed from the prefix: `IN/Airtel`. Portability makes it a guess.
    Guessed(String),
    /// Nothing is known; statistics fall back to the prefix block.
    Unknown,
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Network::Known(name) | Network::Guessed(name) => f.write_str(name),
            Network::Unknown => f.write_str("unknown"),
        }
    }
}

/// A language for words and calls, as BCP 47: `en`, `pt-BR`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Locale(String);

impl Locale {
    /// From a BCP 47 tag of at most 35 characters; `None` if it is not one.
    pub fn new(text: &str) -> Option<Self> {
        let subtag = |s: &str| (1..=8).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_alphanumeric());
        let language = text.split(['-', '_']).next().unwrap_or_default();
        let fits = text.len() <= 35
            && text.split(['-', '_']).all(subtag)
            && (2..=3).contains(&language.len())
            && language.bytes().all(|b| b.is_ascii_alphabetic());
        fits.then(|| Locale(text.replace('_', "-")))
    }

    /// English, which every text exists in.
    pub fn english() -> Self {
        Locale("en".into())
    }

    /// The tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a tenant, as the configuration gives it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TenantId(pub String);

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_prints_only_its_mask() {
        let number = E164::new("+819012345678", 2).unwrap();
        assert_eq!(format!("{number:?}"), "+81********78");
        assert_eq!(number.prefix_block(), "+819012345");
        assert_eq!(E164::new("+1234", 1).unwrap().masked(), "+1*34");
        assert_eq!(E164::new("+12", 1).unwrap().masked(), "+12");
    }

    #[test]
    fn what_is_not_e164_is_refused() {
        for bad in ["", "+", "819012345678", "+81 90", "+1234567890123456", "+１２３"] {
            assert!(E164::new(bad, 1).is_none(), "{bad}");
        }
    }

    #[test]
    fn locales_are_tags() {
        assert_eq!(Locale::new("pt_BR").unwrap().as_str(), "pt-BR");
        for bad in ["", "e", "en-", "../en", "en\0", "english", "12"] {
            assert!(Locale::new(bad).is_none(), "{bad}");
        }
    }
}
