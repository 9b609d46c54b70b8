//! One turn of a call as a carrier's own document: what is spoken or played, whether
//! a key is awaited, and where the carrier asks what comes next. The same script as
//! the audio; every figure is a word of its own with a pause, as there.

mod ncco;
mod ssml;
mod xml;

use serde::Deserialize;

use crate::model::Part;

use ssml::ssml;

/// A carrier's way to write documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// Twilio's XML. <https://www.twilio.com/docs/voice/twiml>
    Twiml,
    /// Telnyx' dialect of it. <https://developers.telnyx.com/docs/voice/programmable-voice/texml-verbs>
    Texml,
    /// Vonage's JSON. <https://developer.vonage.com/en/voice/voice-api/ncco-reference>
    Ncco,
    /// Plivo's XML. <https://www.plivo.com/docs/voice/xml/>
    PlivoXml,
}

/// A voice of the carrier's own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Speaker {
    /// The language as the carrier names it.
    pub language: String,
    /// The voice as the carrier names it.
    pub voice: Option<String>,
}

/// How a turn is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard<'a> {
    /// The carrier's voice speaks the words.
    Spoken(&'a Speaker),
    /// Our audio at this URL is played.
    Played(&'a str),
}

/// One turn of a call.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'a> {
    /// What is said.
    pub say: &'a [Part],
    /// How.
    pub heard: Heard<'a>,
    /// How long a key is awaited after it, in milliseconds.
    pub key_ms: Option<u32>,
    /// Where the carrier tells the key, or that all was said; `None`: it hangs up.
    pub next: Option<&'a str>,
}

/// A document and its content type.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    /// Content type.
    pub content_type: &'static str,
    /// Body. It may hold a code: it never prints.
    pub body: String,
}

impl Dialect {
    /// The document of a turn.
    pub fn write(self, turn: &Turn<'_>) -> Document {
        match self {
            Dialect::Twiml | Dialect::Texml => Document { content_type: "application/xml", body: xml::twiml(turn) },
            Dialect::PlivoXml => Document { content_type: "application/xml", body: xml::plivo(turn) },
            Dialect::Ncco => Document { content_type: "application/json", body: ncco::ncco(turn) },
        }
    }

    /// A document that only asks at `url` for what is said. `None`: this dialect has none,
    /// or its carrier does not know by then who answered.
    pub fn ask(self, url: &str) -> Option<Document> {
        match self {
            Dialect::Twiml => Some(Document { content_type: "application/xml", body: xml::ask(url) }),
            Dialect::Texml | Dialect::PlivoXml | Dialect::Ncco => None,
        }
    }

    /// The document that ends a call at once.
    pub fn hang_up(self) -> Document {
        match self {
            Dialect::Twiml | Dialect::Texml | Dialect::PlivoXml => {
                Document { content_type: "application/xml", body: xml::hang_up() }
            }
            // The end of an NCCO is the end of the call.
            Dialect::Ncco => Document { content_type: "application/json", body: "[]".into() },
        }
    }
}

/// Whole seconds for carriers that know no shorter times, at least one.
fn seconds(ms: u32) -> u32 {
    ms.div_ceil(1_000).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> Vec<Part> {
        let prompt = |text: &str| Part::Prompt { name: "x".into(), text: text.into() };
        vec![
            prompt("Q&A says: your code is"),
            Part::Pause { ms: 250 },
            Part::Digit(4),
            Part::Pause { ms: 700 },
            Part::Digit(0),
        ]
    }

    fn written(dialect: Dialect, heard: Heard<'_>, key_ms: Option<u32>, next: Option<&str>) -> String {
        dialect.write(&Turn { say: &parts(), heard, key_ms, next }).body
    }

    #[test]
    fn a_gate_awaits_one_key_of_any_kind_and_says_where_it_goes() {
        let speaker = Speaker { language: "en-US".into(), voice: Some("Polly.Joanna".into()) };
        let body = written(Dialect::Twiml, Heard::Spoken(&speaker), Some(7_500), Some("https://x/n?a=1&b=2"));
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Gather input=\"dtmf\" numDigits=\"1\" \
            timeout=\"8\" finishOnKey=\"\" action=\"https://x/n?a=1&amp;b=2\" method=\"POST\">\
            <Say language=\"en-US\" voice=\"Polly.Joanna\">Q&amp;A says: your code is <break time=\"250ms\"/>4 \
            <break time=\"700ms\"/>0 </Say></Gather>\
            <Redirect method=\"POST\">https://x/n?a=1&amp;b=2</Redirect></Response>";
        assert_eq!(body, expected);
        let body = written(Dialect::PlivoXml, Heard::Spoken(&speaker), Some(7_500), Some("https://x/n"));
        assert!(body.contains("finishOnKey=\"none\"") && body.contains("executionTimeout=\"8\""), "{body}");
        let ncco: serde_json::Value =
            serde_json::from_str(&written(Dialect::Ncco, Heard::Spoken(&speaker), Some(7_500), Some("https://x/n")))
                .unwrap();
        assert_eq!(ncco[1]["dtmf"], serde_json::json!({"maxDigits": 1, "timeOut": 8, "submitOnHash": false}));
        assert_eq!(ncco[1]["eventUrl"][0], "https://x/n");
        assert_eq!(
            ncco[0]["text"],
            "<speak>Q&amp;A says: your code is <break time='250ms'/>4 <break time='700ms'/>0 </speak>"
        );
    }

    #[test]
    fn audio_is_played_and_holds_no_words() {
        for dialect in [Dialect::Twiml, Dialect::Texml, Dialect::Ncco, Dialect::PlivoXml] {
            let body = written(dialect, Heard::Played("https://x/a.wav"), None, None);
            assert!(body.contains("https://x/a.wav") && !body.contains("code"), "{body}");
            assert!(!dialect.hang_up().body.contains("code"));
        }
    }
}
