//! XML that Twilio, Telnyx and Plivo read, written by quick-xml.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::ssml::{Piece, pieces};
use super::{Heard, Turn, seconds};

type Xml = Writer<Vec<u8>>;

/// TwiML, which TeXML reads as well.
pub fn twiml(turn: &Turn<'_>) -> String {
    written(turn, "Say", "Gather", |seconds, next| {
        // Without finishOnKey="" the key # would be swallowed.
        vec![
            ("input", "dtmf"),
            ("numDigits", "1"),
            ("timeout", seconds),
            ("finishOnKey", ""),
            ("action", next),
            ("method", "POST"),
        ]
    })
}

/// Plivo XML.
pub fn plivo(turn: &Turn<'_>) -> String {
    written(turn, "Speak", "GetInput", |seconds, next| {
        vec![
            ("action", next),
            ("method", "POST"),
            ("inputType", "dtmf"),
            ("numDigits", "1"),
            ("executionTimeout", seconds),
            ("finishOnKey", "none"),
            ("redirect", "true"),
        ]
    })
}

/// A turn: what is said, inside of what awaits a key if one is awaited; then the carrier
/// asks what comes next. `attributes` are those of the key, from seconds and address.
fn written(
    turn: &Turn<'_>,
    verb: &str,
    gather: &str,
    attributes: impl for<'a> Fn(&'a str, &'a str) -> Vec<(&'static str, &'a str)>,
) -> String {
    document(|xml| {
        match (turn.key_ms, turn.next) {
            (Some(ms), Some(next)) => {
                let element = xml.create_element(gather).with_attributes(attributes(&seconds(ms).to_string(), next));
                element.write_inner_content(|xml| said(xml, turn, verb))?;
            }
            _ => said(xml, turn, verb)?,
        }
        afterwards(xml, turn.next)
    })
}

pub fn hang_up() -> String {
    document(|xml| xml.create_element("Hangup").write_empty().map(drop))
}

pub fn ask(url: &str) -> String {
    document(|xml| redirect(xml, url))
}

fn redirect(xml: &mut Xml, url: &str) -> io::Result<()> {
    let redirect = xml.create_element("Redirect").with_attribute(("method", "POST"));
    redirect.write_text_content(BytesText::new(url)).map(drop)
}

/// No key, or all was said: the carrier asks what comes next.
fn afterwards(xml: &mut Xml, next: Option<&str>) -> io::Result<()> {
    match next {
        Some(next) => redirect(xml, next)?,
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
