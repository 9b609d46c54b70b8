//! Why a text is not a number that a code can be sent to. No message holds any
//! part of the text: it may be a real person's number.

use std::fmt;

use thiserror::Error;

use crate::model::Country;

/// Why a text was refused. Each variant says what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NumberError {
    /// Nothing, or only spaces.
    #[error("read number: it is empty; send one such as +442079460123")]
    Empty,
    /// More characters than any number is written with.
    #[error("read number: it is longer than {limit} characters; send one number and nothing else")]
    TooLong {
        /// The most characters that are read.
        limit: usize,
    },
    /// Control, zero-width or text-direction characters, which pasted numbers
    /// sometimes carry.
    #[error("read number: it holds invisible characters; type it instead of pasting it")]
    Invisible,
    /// Something other than digits, a leading `+` and the usual separators.
    #[error("read number: it holds more than digits, a leading + and separators; send only those")]
    NotANumber,
    /// An extension, such as `x12`: neither an SMS nor a call gets past it.
    #[error("read number: it has an extension, which no code can reach; send a number without one")]
    Extension,
    /// National format, and no default country (or one that has no numbers).
    #[error(
        "read number: it has no country code and no default country applies; \
         start it with + and the country code"
    )]
    NoRegion,
    /// International format, and no country has its calling code.
    #[error("read number: its country code does not exist; check the digits after the +")]
    UnknownCountryCode,
    /// A number that its country has not.
    #[error("read number: {}", Explained(*country, *flaw))]
    Invalid {
        /// The country that it was taken to belong to; [`Country::NONE`] for a
        /// calling code of no country.
        country: Country,
        /// What is wrong with it.
        flaw: Flaw,
    },
}

/// What is wrong with a number's digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Too few digits for the country; often the area code is missing.
    TooShort,
    /// Too many digits for the country.
    TooLong,
    /// The length may be right, but the country assigns no such number.
    NotAssigned,
}

struct Explained(Country, Flaw);

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (fact, advice) = match self.1 {
            Flaw::TooShort => ("it has too few digits", "check that none is missing"),
            Flaw::TooLong => ("it has too many digits", "check that none was added"),
            Flaw::NotAssigned => ("its digits are not assigned", "check digits and country"),
        };
        match self.0 {
            Country::NONE => write!(f, "{fact} for its country code; {advice}"),
            country => write!(f, "{fact} in {country}; {advice}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_lower_case_with_advice_and_no_full_stop() {
        let country = Country::new("GB").unwrap();
        let mut errors = vec![
            NumberError::Empty,
            NumberError::TooLong { limit: 64 },
            NumberError::Invisible,
            NumberError::NotANumber,
            NumberError::Extension,
            NumberError::NoRegion,
            NumberError::UnknownCountryCode,
        ];
        for flaw in [Flaw::TooShort, Flaw::TooLong, Flaw::NotAssigned] {
            errors.push(NumberError::Invalid { country, flaw });
            errors.push(NumberError::Invalid { country: Country::NONE, flaw });
        }
        for error in errors {
            let text = error.to_string();
            assert!(text.starts_with("read number: it"), "{text}");
            assert!(text.contains("; ") && !text.ends_with('.'), "{text}");
            assert!(!text.contains("ZZ") && !text.contains("  "), "{text}");
        }
    }
}
