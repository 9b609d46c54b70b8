//! The door of the room: a text in, all that its digits tell out.

use rlibphonenumber::{
    NumberLengthType, ParseError, PhoneNumber, PhoneNumberFormat, PhoneNumberUtil, Region, ValidationError,
    get_national_significant_number_owned,
};

use super::error::{Flaw, NumberError};
use super::input::{self, Dialled};
use super::kind::{Fiction, kind_of};
use super::table::PrefixTable;
use crate::model::{Country, E164, Network, NumberKind};

/// Reads phone numbers. Made once, since making it decodes all tables, and
/// shared between threads. The first number of a country takes longer than
/// later ones: its patterns are compiled then.
pub struct Numbers {
    library: PhoneNumberUtil,
    networks: PrefixTable<'static>,
    zones: PrefixTable<'static>,
}

/// A number and what its digits tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The number. The same phone gives the same text, however it was written.
    pub e164: E164,
    /// Whose number it is; [`Country::NONE`] for a calling code of no country.
    /// Numbers of +1, +7 and other shared codes have their own country.
    pub country: Country,
    /// The kind of line.
    pub kind: NumberKind,
    /// The network that first owned the number, or unknown. Never a fact.
    pub network: Network,
    /// IANA time zones of the number's home, several where the prefix spans
    /// them; empty if none is known. The phone itself may be elsewhere.
    pub zones: Vec<String>,
}

impl Numbers {
    /// With the tables that are compiled in.
    pub fn new() -> Self {
        let ours = "src/number/data is written by scripts/number-tables.py, and a test reads it";
        Numbers {
            library: PhoneNumberUtil::new().expect("the library decodes what is compiled into it, as the tests see"),
            networks: PrefixTable::read(include_bytes!("data/networks.bin")).expect(ours),
            zones: PrefixTable::read(include_bytes!("data/zones.bin")).expect(ours),
        }
    }

    /// Reads a number in international format (`+` and country code), or in the
    /// national format of `default_region`. There its international dialling
    /// prefix counts too: `0081…` in Germany, `01181…` in the United States.
    /// Digits of other scripts and usual separators are accepted.
    ///
    /// Only numbers that their country assigns are accepted, and those kept for
    /// fiction. Whether a kind may be contacted is not decided here.
    pub fn parse(&self, input: &str, default_region: Option<Country>) -> Result<Parsed, NumberError> {
        let dialled = input::read(input)?;
        let region = match dialled.international() {
            Some(_) => None,
            None => Some(self.region(default_region).ok_or(NumberError::NoRegion)?),
        };
        let number =
            self.library.parse(dialled.as_str(), region).map_err(|error| self.refusal(&dialled, region, error))?;
        let line = self.line(&number).ok_or_else(|| self.unassigned(&number))?;
        let text = self.library.format(&number, PhoneNumberFormat::E164);
        // The library knows numbers of up to 17 digits, E.164 has 15.
        let e164 = self.e164(&text).ok_or(NumberError::Invalid { country: line.country, flaw: Flaw::TooLong })?;
        Ok(self.parsed(e164, line))
    }

    /// Reads a number that [`Numbers::parse`] once gave, as our own store keeps
    /// it. It stays as it is: one that today's tables no longer know is of the
    /// kind [`NumberKind::Other`], which is not contacted, and no error.
    pub fn read_stored(&self, e164: &str) -> Result<Parsed, NumberError> {
        let digits = e164.strip_prefix('+').ok_or(NumberError::NotANumber)?;
        let (code, _) = self.calling_code(digits).ok_or(NumberError::UnknownCountryCode)?;
        let e164 = self.e164(e164).ok_or(NumberError::NotANumber)?;
        let known = self.library.parse(e164.reveal(), None).ok();
        let line = known.and_then(|number| self.line(&number)).unwrap_or(Line {
            country: self.country_of(code),
            kind: NumberKind::Other,
            fiction: false,
        });
        Ok(self.parsed(e164, line))
    }

    /// What the tables know about a number, or `None` if it is not assigned.
    fn line(&self, number: &PhoneNumber) -> Option<Line> {
        let code = number.country_code;
        let fiction = Fiction::of(code, &get_national_significant_number_owned(number));
        let region = self.library.get_region_for_number(number);
        let known = kind_of(code, self.library.get_number_type(number));
        let kind = known.or_else(|| match (fiction?, region) {
            // An area code of an assigned region, with an exchange it does not use.
            (Fiction::NorthAmerica, None) => None,
            (fiction, _) => Some(fiction.kind()),
        })?;
        Some(Line { country: region.map_or_else(|| self.country_of(code), country), kind, fiction: fiction.is_some() })
    }

    fn parsed(&self, e164: E164, line: Line) -> Parsed {
        let digits = e164.reveal().trim_start_matches('+');
        // As in libphonenumber, prefixes of landlines name no carrier.
        let mobile = matches!(line.kind, NumberKind::Mobile | NumberKind::FixedLineOrMobile);
        let name = self.networks.longest(digits).filter(|_| mobile && !line.fiction);
        Parsed {
            network: name.map_or(Network::Unknown, |name| Network::Guessed(format!("{}/{name}", line.country))),
            zones: self
                .zones
                .longest(digits)
                .map_or_else(Vec::new, |zones| zones.split(' ').map(str::to_owned).collect()),
            country: line.country,
            kind: line.kind,
            e164,
        }
    }

    /// Why the library could not even take the digits apart.
    fn refusal(&self, dialled: &Dialled, region: Option<Region>, error: ParseError) -> NumberError {
        let flaw = match error {
            ParseError::InvalidCountryCode => return NumberError::UnknownCountryCode,
            ParseError::TooLongNsn => Flaw::TooLong,
            // Only digits get here, so what "is not a number" has too few.
            ParseError::NotANumber(_) | ParseError::TooShortAfterIdd | ParseError::TooShortNsn => Flaw::TooShort,
        };
        let country = match (dialled.international(), region) {
            (None, Some(region)) => country(region),
            (digits, _) => match self.calling_code(digits.unwrap_or_default()) {
                Some((code, _)) => self.country_of(code),
                None => return NumberError::UnknownCountryCode,
            },
        };
        NumberError::Invalid { country, flaw }
    }

    /// Why digits that the library took apart are no number of their country.
    fn unassigned(&self, number: &PhoneNumber) -> NumberError {
        let flaw = match self.library.is_possible_number_with_reason(number) {
            Err(ValidationError::InvalidCountryCode) => return NumberError::UnknownCountryCode,
            Err(ValidationError::TooShort) | Ok(NumberLengthType::IsPossibleLocalOnly) => Flaw::TooShort,
            Err(ValidationError::TooLong) => Flaw::TooLong,
            Err(ValidationError::InvalidLength) | Ok(NumberLengthType::IsPossible) => Flaw::NotAssigned,
        };
        let region = self.library.get_region_for_number(number);
        let country = region.map_or_else(|| self.country_of(number.country_code), country);
        NumberError::Invalid { country, flaw }
    }

    fn e164(&self, text: &str) -> Option<E164> {
        let (_, length) = self.calling_code(text.strip_prefix('+')?)?;
        E164::new(text, length)
    }

    /// The calling code that the digits begin with, and its length.
    fn calling_code(&self, digits: &str) -> Option<(i32, usize)> {
        (1..=3).find_map(|length| {
            let code = digits.get(..length)?;
            let code = code.bytes().all(|b| b.is_ascii_digit()).then(|| code.parse().ok())??;
            self.library.get_region_for_country_code(code).map(|_| (code, length))
        })
    }

    /// The country that a calling code mainly stands for.
    fn country_of(&self, calling_code: i32) -> Country {
        let region = self.library.get_region_for_country_code(calling_code);
        region.map_or(Country::NONE, country)
    }

    /// The library's region of a country that has numbers.
    fn region(&self, country: Option<Country>) -> Option<Region> {
        let region = Region::from_code(country?.as_str()).ok()?;
        self.library.get_country_code_for_region(region).map(|_| region)
    }
}

impl Default for Numbers {
    fn default() -> Self {
        Numbers::new()
    }
}

/// What is known about a number besides its digits.
struct Line {
    country: Country,
    kind: NumberKind,
    fiction: bool,
}

/// Two letters, or none for calling codes of no country.
fn country(region: Region) -> Country {
    Country::new(&region.as_region_str()).unwrap_or(Country::NONE)
}

#[cfg(test)]
mod tests;
