//! Numbers and what must come out of them, as tables.

use super::*;

fn region(letters: &str) -> Option<Country> {
    Country::new(letters)
}

fn parse(numbers: &Numbers, input: &str) -> Parsed {
    numbers.parse(input, None).unwrap_or_else(|error| panic!("{input}: {error}"))
}

#[test]
fn numbers_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&Numbers::default());
}

#[test]
fn a_mobile_number_tells_country_network_and_zones() {
    let numbers = Numbers::new();
    for (input, country, network, zones) in [
        ("+919810012345", "IN", "IN/Airtel", "Asia/Calcutta"),
        ("+819012345678", "JP", "JP/KDDI", "Asia/Tokyo"),
        ("+8613812345678", "CN", "CN/China Mobile", "Asia/Shanghai"),
        ("+4915112345678", "DE", "DE/T-Mobile", "Europe/Berlin"),
        ("+33612345678", "FR", "FR/SFR", "Europe/Paris"),
        ("+5511987654321", "BR", "BR/TIM", "America/Sao_Paulo"),
        ("+971501234567", "AE", "AE/Etisalat", "Asia/Dubai"),
        ("+77012345678", "KZ", "KZ/Kcell/Activ", "Asia/Almaty Asia/Aqtobe"),
    ] {
        let parsed = parse(&numbers, input);
        assert_eq!(parsed.country.as_str(), country, "{input}");
        assert_eq!(parsed.kind, NumberKind::Mobile, "{input}");
        assert_eq!(parsed.network, Network::Guessed(network.into()), "{input}");
        assert_eq!(parsed.zones.join(" "), zones, "{input}");
    }
}

#[test]
fn the_area_code_of_plus_one_tells_the_country() {
    let numbers = Numbers::new();
    for (input, country, network, zones) in [
        ("+12025550123", "US", None, "America/New_York"),
        ("+12025551234", "US", None, "America/New_York"),
        ("+16045550123", "CA", None, "America/Vancouver"),
        ("+18762101234", "JM", Some("JM/Cable & Wireless"), "America/Jamaica"),
        ("+12423591234", "BS", Some("BS/BaTelCo"), "America/Nassau"),
    ] {
        let parsed = parse(&numbers, input);
        assert_eq!(parsed.country.as_str(), country, "{input}");
        let network = network.map_or(Network::Unknown, |name| Network::Guessed(name.into()));
        assert_eq!(parsed.network, network, "{input}");
        assert_eq!(parsed.zones, [zones], "{input}");
        assert_eq!(parsed.e164.calling_code_digits(), 1);
    }
}

#[test]
fn every_kind_is_told_apart() {
    use NumberKind as K;
    let numbers = Numbers::new();
    for (input, country, kind) in [
        ("+442079460123", "GB", K::FixedLine),
        ("+81312345678", "JP", K::FixedLine),
        ("+33123456789", "FR", K::FixedLine),
        ("+447400123456", "GB", K::Mobile),
        ("+12025550123", "US", K::FixedLineOrMobile),
        ("+445612345678", "GB", K::Voip),
        ("+447012345678", "GB", K::Personal),
        ("+15002345678", "US", K::Personal),
        ("+18005550199", "US", K::TollFree),
        ("+80012345678", "ZZ", K::TollFree),
        ("+19002345678", "US", K::PremiumRate),
        ("+449098790123", "GB", K::PremiumRate),
        ("+33899123456", "FR", K::PremiumRate),
        ("+979123456789", "ZZ", K::PremiumRate),
        ("+4918012345678", "DE", K::SharedCost),
        ("+33810123456", "FR", K::SharedCost),
        ("+80812345678", "ZZ", K::SharedCost),
        ("+881612345678", "ZZ", K::Satellite),
        ("+870773111632", "ZZ", K::Satellite),
        ("+88216123456789", "ZZ", K::Satellite),
        ("+883510012345", "ZZ", K::Other),
        ("+878101234567890", "ZZ", K::Other),
        ("+443069990123", "GB", K::Other),
        ("+447640123456", "GB", K::Other),
    ] {
        let parsed = parse(&numbers, input);
        assert_eq!((parsed.country.as_str(), parsed.kind), (country, kind), "{input}");
        let mobile = matches!(kind, K::Mobile | K::FixedLineOrMobile);
        assert!(mobile || parsed.network == Network::Unknown, "{input}");
    }
}

#[test]
fn numbers_for_fiction_are_accepted_and_have_no_network() {
    use NumberKind as K;
    let numbers = Numbers::new();
    for (input, country, kind) in [
        ("+447700900123", "GB", K::Mobile),
        ("+441632960123", "GB", K::FixedLine),
        ("+441154960123", "GB", K::FixedLine),
        ("+442896496123", "GB", K::FixedLine),
        ("+12425550123", "BS", K::FixedLineOrMobile),
        ("+18685559876", "TT", K::FixedLineOrMobile),
    ] {
        let parsed = parse(&numbers, input);
        assert_eq!((parsed.country.as_str(), parsed.kind), (country, kind), "{input}");
        assert_eq!(parsed.network, Network::Unknown, "{input}");
        assert!(!parsed.zones.is_empty(), "{input}");
    }
    let not_assigned = |country| NumberError::Invalid { country, flaw: Flaw::NotAssigned };
    for (input, country) in [("+15555550123", "US"), ("+447700901123", "GB")] {
        let country = Country::new(country).unwrap();
        assert_eq!(numbers.parse(input, None), Err(not_assigned(country)), "{input}");
    }
}

#[test]
fn national_format_needs_a_region() {
    let numbers = Numbers::new();
    for (input, letters, e164) in [
        ("090-1234-5678", "JP", "+819012345678"),
        ("020 7946 0123", "GB", "+442079460123"),
        ("07700 900123", "GB", "+447700900123"),
        ("(202) 555-0123", "US", "+12025550123"),
        ("1 202 555 0123", "US", "+12025550123"),
        ("06 12 34 56 78", "FR", "+33612345678"),
        ("06 12345678", "IT", "+390612345678"),
        ("००९१ ९८१०० १२३४५", "DE", "+919810012345"),
        ("0081 90 1234 5678", "GB", "+819012345678"),
        ("011 81 90 1234 5678", "US", "+819012345678"),
        ("8190 1234 5678", "JP", "+819012345678"),
        ("+44 (0)20 7946 0123", "JP", "+442079460123"),
    ] {
        let parsed = numbers.parse(input, region(letters));
        assert_eq!(parsed.map(|p| p.e164.reveal().to_owned()), Ok(e164.into()), "{input}");
    }
    for default in [None, Some(Country::NONE), region("AQ"), region("XX")] {
        for input in ["090-1234-5678", "0081 90 1234 5678", "819012345678", "1"] {
            assert_eq!(numbers.parse(input, default), Err(NumberError::NoRegion), "{input}");
        }
    }
}

#[test]
fn every_refusal_is_told_apart() {
    let numbers = Numbers::new();
    let invalid = |letters, flaw| {
        let country = Country::new(letters).unwrap();
        NumberError::Invalid { country, flaw }
    };
    for (input, letters, error) in [
        ("", "JP", NumberError::Empty),
        ("+81 90 1234 5678\0", "JP", NumberError::Invisible),
        ("me@example.com", "JP", NumberError::NotANumber),
        ("+", "JP", NumberError::NotANumber),
        ("+1 202 555 0123 x4", "JP", NumberError::Extension),
        ("+999 123456", "JP", NumberError::UnknownCountryCode),
        ("+0 90 1234 5678", "JP", NumberError::UnknownCountryCode),
        ("+9", "JP", NumberError::UnknownCountryCode),
        ("00 999 1234567", "GB", NumberError::UnknownCountryCode),
        ("1", "JP", invalid("JP", Flaw::TooShort)),
        ("911", "US", invalid("US", Flaw::TooShort)),
        ("555 0123", "US", invalid("US", Flaw::TooShort)),
        ("+1", "JP", invalid("US", Flaw::TooShort)),
        ("+819", "JP", invalid("JP", Flaw::TooShort)),
        ("+44 20 7946", "JP", invalid("GB", Flaw::TooShort)),
        ("+44 20 7946 01234", "JP", invalid("GB", Flaw::TooLong)),
        ("+81901234567890123456789", "GB", invalid("JP", Flaw::TooLong)),
        ("+1 202 555 0123 4", "GB", invalid("US", Flaw::TooLong)),
        ("+1 000 555 0123", "GB", invalid("US", Flaw::NotAssigned)),
        ("+44 1000 000000", "JP", invalid("GB", Flaw::NotAssigned)),
        ("+800 1234", "JP", invalid("ZZ", Flaw::TooShort)),
    ] {
        assert_eq!(numbers.parse(input, region(letters)), Err(error), "{input}");
    }
    let long = "+1 202 555 0123".repeat(10_000);
    assert_eq!(numbers.parse(&long, None), Err(NumberError::TooLong { limit: 64 }));
}

/// Every national number of a length that its prefix allows, thinned out: what
/// comes out of `parse` goes in again unchanged.
#[test]
fn a_number_that_is_read_again_stays_the_same() {
    let numbers = Numbers::new();
    let mut accepted = 0;
    let is_code = |code: &i32| numbers.library.get_region_for_country_code(*code).is_some();
    for code in (1..1000).filter(is_code) {
        for seed in 0..120_u64 {
            let digits = (seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ code.unsigned_abs() as u64;
            let length = 6 + (seed % 7) as usize;
            let input = format!("+{code}{}", &format!("{digits:020}")[8..8 + length]);
            let Ok(parsed) = numbers.parse(&input, None) else { continue };
            accepted += 1;
            let text = parsed.e164.reveal();
            assert!(text.starts_with(&format!("+{code}")), "{input}");
            assert_eq!(parsed.e164.calling_code_digits(), code.to_string().len());
            assert_eq!(numbers.parse(text, None).as_ref(), Ok(&parsed), "{input}");
            assert_eq!(numbers.read_stored(text).as_ref(), Ok(&parsed), "{input}");
        }
    }
    assert!(accepted > 1_000, "{accepted}");
}

#[test]
fn a_stored_number_survives_tables_that_forgot_it() {
    let numbers = Numbers::new();
    let kept = numbers.read_stored("+815555550123456").unwrap();
    assert_eq!(kept.e164.reveal(), "+815555550123456");
    assert_eq!((kept.country.as_str(), kept.kind), ("JP", NumberKind::Other));
    assert_eq!(kept.network, Network::Unknown);
    for (bad, error) in [
        ("", NumberError::NotANumber),
        ("819012345678", NumberError::NotANumber),
        ("+81 9012345678", NumberError::NotANumber),
        ("+8190123456789012", NumberError::NotANumber),
        ("+", NumberError::UnknownCountryCode),
        ("+é", NumberError::UnknownCountryCode),
        ("+999123456", NumberError::UnknownCountryCode),
        ("++8190", NumberError::UnknownCountryCode),
    ] {
        assert_eq!(numbers.read_stored(bad), Err(error), "{bad}");
    }
}

#[test]
fn nothing_prints_a_whole_number() {
    let printed = format!("{:?}", parse(&Numbers::new(), "+819012345678"));
    assert!(printed.contains("+81********78") && !printed.contains("12345"), "{printed}");
}
