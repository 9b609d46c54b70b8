//! Reasons in few bytes: one stands in every attempt.

/// Phrases of the reasons that routing gives, by the byte that stands for each. Bytes are
/// for ever: a new phrase gets a new one.
const PHRASES: [&str; 7] = [
    "drawn by weight",
    ", weight ",
    ", of ",
    "not tried yet",
    "tried on the other channel only",
    "all were tried",
    "on trial after failures",
];

/// A reason with its known phrases as one byte each: it stands in every attempt.
pub fn short(reason: &str) -> String {
    if reason.bytes().any(|byte| byte.is_ascii_control()) {
        return reason.to_owned();
    }
    PHRASES
        .iter()
        .zip(1u8..)
        .fold(reason.to_owned(), |text, (phrase, byte)| text.replace(phrase, char::from(byte).encode_utf8(&mut [0; 4])))
}

pub fn long(text: &str) -> String {
    let phrase = |c: char| PHRASES.get((c as usize).wrapping_sub(1)).copied();
    text.chars().map(|c| phrase(c).map_or_else(|| c.to_string(), str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_get_shorter_and_come_back() {
        for reason in
            ["drawn by weight, weight 100, of 2", "all were tried, weight 5, of 3", "something else", "a\u{1}b"]
        {
            let short = short(reason);
            assert!(short.len() <= reason.len());
            if !reason.contains('\u{1}') {
                assert_eq!(long(&short), reason);
            }
        }
        assert_eq!(short("drawn by weight, weight 100, of 2").len(), 7);
    }
}
