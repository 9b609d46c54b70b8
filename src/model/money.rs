//! What a message cost. Amounts are whole millionths of a currency's unit, so that sums
//! of many small prices stay exact.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Millionths in one unit of a currency.
const UNIT: i64 = 1_000_000;
/// Decimals that are kept.
const DECIMALS: usize = 6;
/// Characters of an amount that are read at most: what is longer is no price.
const LONGEST: usize = 32;

/// A currency: three letters of ISO 4217, upper case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

/// An amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    /// Millionths of the currency's unit.
    pub micros: i64,
    /// The currency.
    pub currency: Currency,
}

/// Money as it stands in JSON: the amount as text, since a decimal fraction is no
/// floating-point number.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Money)]
struct MoneyText {
    /// The amount, with at most six decimals.
    #[schema(example = "0.0075")]
    amount: String,
    /// Three letters of ISO 4217.
    #[schema(value_type = String, example = "USD")]
    currency: Currency,
}

impl Currency {
    /// From three letters of any case.
    pub fn new(text: &str) -> Option<Self> {
        let letters: [u8; 3] = text.as_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_alphabetic).then(|| Currency(letters.map(|letter| letter.to_ascii_uppercase())))
    }

    /// Its three letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("three ASCII letters, checked when made")
    }
}

impl Money {
    /// From a decimal amount such as `0.0075`; `None` if it is none, or too large. A sign
    /// is dropped: some carriers report what they charge as a negative number. More than
    /// six decimals are rounded.
    pub fn new(amount: &str, currency: Currency) -> Option<Self> {
        let amount = amount.trim();
        if amount.len() > LONGEST {
            return None;
        }
        let amount = amount.strip_prefix(['-', '+']).unwrap_or(amount);
        let (whole, decimals) = amount.split_once('.').unwrap_or((amount, ""));
        let all = whole.bytes().chain(decimals.bytes());
        if all.clone().count() == 0 || !all.clone().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let digit = |byte: u8| i64::from(byte - b'0');
        let kept = decimals.bytes().chain(std::iter::repeat(b'0')).take(DECIMALS);
        let micros = whole
            .bytes()
            .chain(kept)
            .try_fold(0i64, |sum, byte| sum.checked_mul(10).and_then(|sum| sum.checked_add(digit(byte))))?;
        let up = decimals.as_bytes().get(DECIMALS).is_some_and(|next| *next >= b'5');
        Some(Money { micros: micros.checked_add(up.into())?, currency })
    }

    /// The amount alone, without zeros that say nothing: `0.0075`.
    pub fn amount(&self) -> String {
        let (all, unit) = (self.micros.unsigned_abs(), UNIT.unsigned_abs());
        let sign = if self.micros < 0 { "-" } else { "" };
        let text = format!("{sign}{}.{:0width$}", all / unit, all % unit, width = DECIMALS);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount(), self.currency)
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        Currency::new(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("{text:?} is not a currency such as \"USD\"")))
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        MoneyText { amount: self.amount(), currency: self.currency }.serialize(s)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let MoneyText { amount, currency } = MoneyText::deserialize(d)?;
        Money::new(&amount, currency)
            .ok_or_else(|| serde::de::Error::custom(format!("{amount:?} is not an amount such as \"0.0075\"")))
    }
}

impl utoipa::PartialSchema for Money {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        MoneyText::schema()
    }
}

impl utoipa::ToSchema for Money {}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(amount: &str) -> Option<i64> {
        Money::new(amount, Currency::new("usd")?).map(|money| money.micros)
    }

    #[test]
    fn amounts_are_read_exactly_and_without_their_sign() {
        for (text, micros) in [
            ("0.0075", 7_500),
            ("-0.0075", 7_500),
            ("+1", 1_000_000),
            ("12.", 12_000_000),
            (".5", 500_000),
            (" 0 ", 0),
            ("0.1234564", 123_456),
            ("0.1234565", 123_457),
            ("0.9999999", 1_000_000),
            ("9223372036854.775807", i64::MAX),
        ] {
            assert_eq!(usd(text), Some(micros), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_told() {
        for bad in
            ["", ".", "-", "--1", "1e3", "1,5", "0x1", "1.2.3", "٣", "9223372036854.7758075", "null", &"1".repeat(33)]
        {
            assert_eq!(usd(bad), None, "{bad}");
        }
        for bad in ["", "US", "USDT", "U1D", "€"] {
            assert_eq!(Currency::new(bad), None, "{bad}");
        }
    }

    #[test]
    fn money_prints_and_comes_back() {
        for (text, printed) in [("0.0075", "0.0075 USD"), ("1.50", "1.5 USD"), ("100", "100 USD"), ("0", "0 USD")] {
            let money = Money::new(text, Currency::new("USD").unwrap()).unwrap();
            assert_eq!(money.to_string(), printed);
            let json = serde_json::to_string(&money).unwrap();
            assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money);
        }
        let json = r#"{"amount":"-0.0075","currency":"USD"}"#;
        let money: Money = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&money).unwrap(), r#"{"amount":"0.0075","currency":"USD"}"#);
        for bad in [r#"{"amount":"x","currency":"USD"}"#, r#"{"amount":"1","currency":"dollar"}"#] {
            assert!(serde_json::from_str::<Money>(bad).is_err(), "{bad}");
        }
    }
}
