//! Vonage's call control objects: a JSON list of actions.

use serde_json::{Value as Json, json};

use super::{Heard, Turn, seconds, ssml};

/// The longest wait for a key that an NCCO may ask, in seconds ("input", `timeOut`).
const LONGEST_WAIT: u32 = 10;

pub fn ncco(turn: &Turn<'_>) -> String {
    let awaits = turn.key_ms.is_some() && turn.next.is_some();
    let mut said = match turn.heard {
        Heard::Spoken(speaker) => {
            let mut talk = json!({"action": "talk", "text": ssml(turn.say), "language": speaker.language});
            if let Some(style) = speaker.voice.as_ref().and_then(|voice| voice.parse::<u32>().ok()) {
                talk["style"] = style.into();
            }
            talk
        }
        Heard::Played(url) => json!({"action": "stream", "streamUrl": [url]}),
    };
    if awaits {
        said["bargeIn"] = true.into();
    }
    let next: Option<Json> = turn.next.map(|next| match turn.key_ms {
        Some(ms) => json!({
            "action": "input",
            "type": ["dtmf"],
            "dtmf": {"maxDigits": 1, "timeOut": seconds(ms).min(LONGEST_WAIT), "submitOnHash": false},
            "eventUrl": [next],
            "eventMethod": "POST",
        }),
        None => json!({"action": "notify", "payload": {"said": true}, "eventUrl": [next], "eventMethod": "POST"}),
    });
    Json::Array(std::iter::once(said).chain(next).collect()).to_string()
}
