//! XML that Twilio, Telnyx and Plivo read, written by quick-xml.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::ssml::{Piece, pieces};
use super::{Heard, Turn, seconds};

type Xml = Writer<Vec<u8>>;

/// TwiML, which TeXML reads as well.
pub fn twiml(turn: &Turn<'_>) -> String {
    document(|xml| {
        match (turn.key_ms, turn.next) {
            (Some(ms), Some(next)) => {
                let wait = seconds(ms).to_string();
                // Without finishOnKey="" the key # would be swallowed.
                let attributes = [
                    ("input", "dtmf"),
                    ("numDigits", "1"),
                    ("timeout", &wait),
                    ("finishOnKey", ""),
                    ("action", next),
                    ("method", "POST"),
                ];
                let gather = xml.create_element("Gather").with_attributes(attributes);
                gather.write_inner_content(|xml| said(xml, turn, "Say"))?;
            }
            _ => said(xml, turn, "Say")?,
        }
        afterwards(xml, turn.next)
    })
}

/// Plivo XML.
pub fn plivo(turn: &Turn<'_>) -> String {
    document(|xml| {
        match (turn.key_ms, turn.next) {
            (Some(ms), Some(next)) => {
                let wait = seconds(ms).to_string();
                let attributes = [
                    ("action", next),
                    ("method", "POST"),
                    ("inputType", "dtmf"),
                    ("numDigits", "1"),
                    ("executionTimeout", &wait),
                    ("finishOnKey", "none"),
                    ("redirect", "true"),
                ];
                let gather = xml.create_element("GetInput").with_attributes(attributes);
                gather.write_inner_content(|xml| said(xml, turn, "Speak"))?;
            }
            _ => said(xml, turn, "Speak")?,
        }
        afterwards(xml, turn.next)
    })
}

pub fn hang_up() -> String {
    document(|xml| xml.create_element("Hangup").write_empty().map(drop))
}

/// No key, or all was said: the carrier asks what comes next.
fn afterwards(xml: &mut Xml, next: Option<&str>) -> io::Result<()> {
    match next {
        Some(next) => {
            let redirect = xml.create_element("Redirect").with_attribute(("method", "POST"));
            redirect.write_text_content(BytesText::new(next))?;
        }
        None => {
            xml.create_element("Hangup").write_empty()?;
        }
    }
    Ok(())
}

fn said(xml: &mut Xml, turn: &Turn<'_>, verb: &str) -> io::Result<()> {
    let speaker = match turn.heard {
        Heard::Played(url) => return xml.create_element("Play").write_text_content(BytesText::new(url)).map(drop),
        Heard::Spoken(speaker) => speaker,
    };
    let mut say = xml.create_element(verb).with_attribute(("language", speaker.language.as_str()));
    if let Some(voice) = &speaker.voice {
        say = say.with_attribute(("voice", voice.as_str()));
    }
    say.write_inner_content(|xml| {
        for piece in pieces(turn.say) {
            match piece {
                Piece::Words(words) => xml.write_event(Event::Text(BytesText::new(&words)))?,
                Piece::Break(ms) => {
                    xml.create_element("break").with_attribute(("time", format!("{ms}ms").as_str())).write_empty()?;
                }
            }
        }
        Ok(())
    })
    .map(drop)
}

fn document(content: impl FnOnce(&mut Xml) -> io::Result<()>) -> String {
    let mut xml = Writer::new(Vec::new());
    let written = xml
        .write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))
        .and_then(|()| xml.create_element("Response").write_inner_content(content).map(drop));
    written.expect("writing to memory does not fail");
    String::from_utf8(xml.into_inner()).expect("texts are UTF-8")
}
