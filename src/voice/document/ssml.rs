//! Words, figures and pauses as SSML (W3C Speech Synthesis Markup Language 1.1), the
//! one thing that all carriers' voices understand.

use crate::model::Part;

/// A piece of speech.
pub enum Piece {
    /// Words and figures.
    Words(String),
    /// Silence in milliseconds.
    Break(u32),
}

/// The longest break of the carriers' voices (Amazon Polly, "break"): 10 seconds.
const LONGEST_BREAK_MS: u32 = 10_000;

/// The pieces, with every word kept apart from what follows it.
pub fn pieces<'a>(parts: impl IntoIterator<Item = &'a Part>) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for part in parts {
        let words = match part {
            Part::Pause { ms } => {
                pieces.push(Piece::Break((*ms).min(LONGEST_BREAK_MS)));
                continue;
            }
            Part::Prompt { text, .. } => format!("{text} "),
            Part::Digit(digit) => format!("{digit} "),
        };
        match pieces.last_mut() {
            Some(Piece::Words(before)) => before.push_str(&words),
            _ => pieces.push(Piece::Words(words)),
        }
    }
    pieces
}

/// A whole `<speak>` document, with single quotes so that it fits into JSON.
pub fn ssml<'a>(parts: impl IntoIterator<Item = &'a Part>) -> String {
    let piece = |piece: Piece| match piece {
        Piece::Words(words) => quick_xml::escape::escape(words).into_owned(),
        Piece::Break(ms) => format!("<break time='{ms}ms'/>"),
    };
    format!("<speak>{}</speak>", pieces(parts).into_iter().map(piece).collect::<String>())
}
