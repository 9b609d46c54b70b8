//! The words of a script, for people who read.

use crate::model::Part;

/// What is spoken, as text: prompts as their words, digits as figures parted by
/// `, `. After the figures comes `. `, so that a word stands between two codes.
pub fn spoken<'a>(parts: impl IntoIterator<Item = &'a Part>) -> String {
    let mut text = String::new();
    let mut after_digit = false;
    for part in parts {
        match part {
            Part::Pause { .. } => {}
            Part::Prompt { text: words, .. } => {
                if after_digit {
                    text.push('.');
                }
                if !text.is_empty() {
                    text.push(' ');
                }
                text.push_str(words);
                after_digit = false;
            }
            Part::Digit(digit) => {
                if after_digit {
                    text.push_str(", ");
                } else if !text.is_empty() {
                    text.push(' ');
                }
                text.push(char::from(b'0' + digit % 10));
                after_digit = true;
            }
        }
    }
    if after_digit {
        text.push('.');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(text: &str) -> Part {
        Part::Prompt { name: "x".into(), text: text.into() }
    }

    #[test]
    fn digits_are_figures_and_words_part_the_codes() {
        let parts = [
            prompt("Your code is"),
            Part::Digit(4),
            Part::Pause { ms: 300 },
            Part::Digit(8),
            prompt("Again:"),
            Part::Digit(4),
            Part::Digit(8),
            prompt("Goodbye."),
        ];
        assert_eq!(spoken(&parts), "Your code is 4, 8. Again: 4, 8. Goodbye.");
        assert_eq!(spoken(&parts[..2]), "Your code is 4.");
        assert_eq!(spoken(&[]), "");
    }
}
