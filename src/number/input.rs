//! From text as people write numbers to digits that the library may see.
//!
//! The library would look for a number anywhere in a text and keep what it can
//! use. Here the whole text must be one number: a login form that sends
//! something else has a fault that a guess would hide.

use super::error::NumberError;

/// The most characters that are read. E.164 has 15 digits; the rest is room for
/// separators.
const MAX_CHARACTERS: usize = 64;

/// The zeros of the digits that people type: ASCII, Arabic-Indic, its eastern
/// form, Devanagari and full-width.
const ZEROS: [char; 5] = ['0', '\u{660}', '\u{6F0}', '\u{966}', '\u{FF10}'];

/// A number as dialled: ASCII digits, after a `+` if it is international. It
/// has no `Debug`, which would print the number.
pub(super) struct Dialled {
    text: String,
}

impl Dialled {
    /// The digits, and the `+` if there is one.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The digits after the `+`; `None` in national format.
    pub(super) fn international(&self) -> Option<&str> {
        self.text.strip_prefix('+')
    }
}

/// Reads a text that must hold one number and nothing else.
pub(super) fn read(input: &str) -> Result<Dialled, NumberError> {
    if input.chars().nth(MAX_CHARACTERS).is_some() {
        return Err(NumberError::TooLong { limit: MAX_CHARACTERS });
    }
    if input.chars().any(is_invisible) {
        return Err(NumberError::Invisible);
    }
    if input.trim().is_empty() {
        return Err(NumberError::Empty);
    }
    let mut text = String::with_capacity(MAX_CHARACTERS);
    for (at, c) in input.char_indices() {
        if let Some(digit) = digit(c) {
            text.push(digit);
        } else if matches!(c, '+' | '\u{FF0B}') && text.is_empty() {
            text.push('+');
        } else if !is_separator(c) {
            let after_digits = text.ends_with(|c: char| c.is_ascii_digit());
            return Err(if after_digits && is_extension(&input[at..]) {
                NumberError::Extension
            } else {
                NumberError::NotANumber
            });
        }
    }
    if matches!(text.as_str(), "" | "+") {
        return Err(NumberError::NotANumber);
    }
    Ok(Dialled { text })
}

/// The ASCII form of a digit of one of the scripts in [`ZEROS`].
fn digit(c: char) -> Option<char> {
    ZEROS.iter().find_map(|zero| {
        let value = u32::from(c).checked_sub(u32::from(*zero))?;
        char::from_digit(value, 10)
    })
}

/// Spaces, brackets, dashes, dots and slashes, in their usual forms.
fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '(' | ')'
                | '-'
                | '.'
                | '/'
                | '\u{2010}'..='\u{2015}'
                | '\u{2212}'
                | '\u{30FC}'
                | '\u{FF08}'
                | '\u{FF09}'
                | '\u{FF0D}'..='\u{FF0F}'
        )
}

/// Control characters, and format characters that show nothing: zero-width ones
/// and those that turn the text's direction (Unicode, category Cf).
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{AD}'
                | '\u{61C}'
                | '\u{180E}'
                | '\u{200B}'..='\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{FEFF}'
                | '\u{FFF9}'..='\u{FFFB}'
                | '\u{E0000}'..='\u{E007F}'
        )
}

/// Whether the rest of a number is an extension or digits to dial after a pause.
fn is_extension(rest: &str) -> bool {
    let marked = rest.starts_with(['x', 'X', '#', ',', ';', '\u{FF0C}', '\u{FF03}', '\u{FF38}', '\u{FF58}']);
    let worded = rest.get(..3).is_some_and(|word| word.eq_ignore_ascii_case("ext"));
    (marked || worded) && rest.chars().any(|c| digit(c).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(input: &str) -> Result<String, NumberError> {
        read(input).map(|dialled| dialled.text)
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for input in [
            "+819012345678",
            "  +81 90-1234-5678 ",
            "(+81) 90.1234/5678",
            "＋８１ ９０ー１２３４－５６７８",
            "+٨١٩٠١٢٣٤٥٦٧٨",
            "+۸۱\u{A0}۹۰\u{202F}۱۲۳۴۵۶۷۸",
            "+८१ ९० १२३४ ५६७८",
            "+81\u{3000}90\u{2011}1234\u{2212}5678",
        ] {
            assert_eq!(digits(input).as_deref(), Ok("+819012345678"), "{input}");
        }
        assert_eq!(read("(0)90-1234").unwrap().international(), None);
        assert_eq!(read("+90-12").unwrap().international(), Some("9012"));
    }

    #[test]
    fn what_is_more_than_a_number_is_refused() {
        let longest = "1".repeat(MAX_CHARACTERS);
        assert_eq!(digits(&longest), Ok(longest.clone()));
        let too_long = Err(NumberError::TooLong { limit: MAX_CHARACTERS });
        assert_eq!(digits(&format!("{longest} ")), too_long);
        assert_eq!(digits(&"\u{202E}".repeat(100_000)), too_long);

        for empty in ["", " ", "\u{3000}\u{A0}"] {
            assert_eq!(digits(empty), Err(NumberError::Empty));
        }
        for hidden in ["\0", "+81\n90", "\t+81", "\u{202A}+8190\u{202C}", "81\u{200B}90", "\u{FEFF}+81"] {
            assert_eq!(digits(hidden), Err(NumberError::Invisible), "{hidden:?}");
        }
        for foreign in [
            "+",
            "-",
            "++8190",
            "8190+",
            "81+90",
            "call +81 90",
            "1-800-FLOWERS",
            "*100#",
            "tel:+8190",
            "+81x",
            "x12",
            "#12",
            "+81 90 é",
            "九〇",
            "+81e5",
            "１２３ｘ",
            "+½",
            "📞 81",
        ] {
            assert_eq!(digits(foreign), Err(NumberError::NotANumber), "{foreign}");
        }
        for extended in [
            "+8190 x12",
            "+8190X 12",
            "+8190 ext. 12",
            "+8190 EXT12",
            "+8190#12",
            "+8190,,12",
            "+8190;ext=12",
            "8190ｘ１２",
        ] {
            assert_eq!(digits(extended), Err(NumberError::Extension), "{extended}");
        }
    }
}
