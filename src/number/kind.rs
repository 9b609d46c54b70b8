//! The kind of a line: from the library's type, from the calling code where no
//! country stands behind it, and from ranges that are kept for fiction.

use rlibphonenumber::PhoneNumberType;

use crate::model::NumberKind;

/// The kind of a number of the library's type. `None` if the library knows no
/// such number.
pub(super) fn kind_of(calling_code: i32, kind: PhoneNumberType) -> Option<NumberKind> {
    if kind == PhoneNumberType::Unknown {
        return None;
    }
    Some(kind_of_no_country(calling_code).unwrap_or(match kind {
        PhoneNumberType::Mobile => NumberKind::Mobile,
        PhoneNumberType::FixedLine => NumberKind::FixedLine,
        PhoneNumberType::FixedLineOrMobile => NumberKind::FixedLineOrMobile,
        PhoneNumberType::VoIP => NumberKind::Voip,
        PhoneNumberType::PersonalNumber => NumberKind::Personal,
        PhoneNumberType::TollFree => NumberKind::TollFree,
        PhoneNumberType::PremiumRate => NumberKind::PremiumRate,
        PhoneNumberType::SharedCost => NumberKind::SharedCost,
        PhoneNumberType::Pager | PhoneNumberType::UAN | PhoneNumberType::VoiceMail | PhoneNumberType::Unknown => {
            NumberKind::Other
        }
    }))
}

/// Calling codes of no country name a service, so the code alone tells the
/// kind: the library calls a satellite phone of +881 a mobile phone.
///
/// Ref: <https://www.itu.int/pub/T-SP-E.164D>
fn kind_of_no_country(calling_code: i32) -> Option<NumberKind> {
    match calling_code {
        800 => Some(NumberKind::TollFree),
        808 => Some(NumberKind::SharedCost),
        870 | 881 | 882 => Some(NumberKind::Satellite),
        979 => Some(NumberKind::PremiumRate),
        878 | 883 | 888 => Some(NumberKind::Other),
        _ => None,
    }
}

/// Numbers that regulators keep free for films, examples and tests: nobody
/// answers there, so demonstrations may use them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fiction {
    /// `555` in any area code of +1. It counts only where the area code is
    /// assigned, which the caller finds out.
    NorthAmerica,
    /// One of Ofcom's numbers for drama, of this kind.
    UnitedKingdom(NumberKind),
}

impl Fiction {
    /// The range that a national number stands in. Toll-free, premium and
    /// UK-wide drama numbers are left to the library: nobody signs in with one.
    pub(super) fn of(calling_code: i32, national: &str) -> Option<Self> {
        match calling_code {
            1 if national.len() == 10 && national.get(3..6) == Some("555") => Some(Self::NorthAmerica),
            44 if national.len() == 10 => {
                let kind = match national.get(..7)? {
                    "7700900" => NumberKind::Mobile,
                    block if DRAMA_LANDLINES.contains(&block) => NumberKind::FixedLine,
                    _ => return None,
                };
                Some(Self::UnitedKingdom(kind))
            }
            _ => None,
        }
    }

    /// What such a number passes for.
    pub(super) fn kind(self) -> NumberKind {
        match self {
            Self::NorthAmerica => NumberKind::FixedLineOrMobile,
            Self::UnitedKingdom(kind) => kind,
        }
    }
}

/// Blocks of 1,000 landline numbers for drama, without the leading zero: Leeds,
/// Sheffield, Nottingham, Leicester, Bristol, Reading, Birmingham, Edinburgh,
/// Glasgow, Liverpool, no town, Manchester, Tyneside, London, Northern Ireland,
/// Cardiff.
///
/// Ref: <https://www.ofcom.org.uk/phones-and-broadband/phone-numbers/numbers-for-drama>
const DRAMA_LANDLINES: [&str; 16] = [
    "1134960", "1144960", "1154960", "1164960", "1174960", "1184960", "1214960", "1314960", "1414960", "1514960",
    "1632960", "1614960", "1914980", "2079460", "2896496", "2920180",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calling_codes_of_no_country_tell_the_kind() {
        use PhoneNumberType as T;
        for (code, kind) in [(881, T::Mobile), (882, T::VoIP), (870, T::Mobile)] {
            assert_eq!(kind_of(code, kind), Some(NumberKind::Satellite), "{code}");
        }
        assert_eq!(kind_of(883, T::VoIP), Some(NumberKind::Other));
        assert_eq!(kind_of(44, T::VoIP), Some(NumberKind::Voip));
        assert_eq!(kind_of(44, T::Pager), Some(NumberKind::Other));
        assert_eq!(kind_of(44, T::Unknown), None);
        assert_eq!(kind_of(881, T::Unknown), None);
    }

    #[test]
    fn ranges_for_fiction_end_where_they_end() {
        let drama = |kind| Some(Fiction::UnitedKingdom(kind));
        for (code, national, expected) in [
            (1, "2025550123", Some(Fiction::NorthAmerica)),
            (1, "2025559999", Some(Fiction::NorthAmerica)),
            (1, "2025540123", None),
            (1, "202555012", None),
            (44, "7700900000", drama(NumberKind::Mobile)),
            (44, "7700900999", drama(NumberKind::Mobile)),
            (44, "7700901000", None),
            (44, "770090012", None),
            (44, "1632960999", drama(NumberKind::FixedLine)),
            (44, "1632961000", None),
            (44, "2079460999", drama(NumberKind::FixedLine)),
            (44, "2896496999", drama(NumberKind::FixedLine)),
            (44, "2896495999", None),
            (81, "7700900123", None),
        ] {
            assert_eq!(Fiction::of(code, national), expected, "+{code} {national}");
        }
    }
}
