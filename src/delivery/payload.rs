//! What a record's secret holds, sealed.

use serde::{Deserialize, Serialize};

use crate::model::{Code, RecordId, RecordKind, Sealed};
use crate::seal::{Keys, SealError};

/// The secret of a record: a code, and for a message the text around it.
#[derive(Debug, Clone)]
pub struct Payload {
    /// The code. A message may have none; then it cannot be spoken.
    pub code: Option<Code>,
    /// A message's own words.
    pub text: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Plain<'a> {
    #[serde(borrow)]
    text: std::borrow::Cow<'a, str>,
    code: Option<std::borrow::Cow<'a, str>>,
}

impl Payload {
    /// Seals it for its record.
    pub fn seal(&self, keys: &Keys, id: RecordId) -> Sealed {
        let code = self.code.as_ref().map(|code| code.reveal());
        let plain = match (&self.text, code) {
            (None, code) => code.unwrap_or_default().to_owned(),
            (Some(text), code) => {
                let plain = Plain { text: text.as_str().into(), code: code.map(Into::into) };
                serde_json::to_string(&plain).expect("two texts are JSON")
            }
        };
        keys.seal(&id.to_string(), &plain)
    }

    /// Opens it again.
    pub fn open(keys: &Keys, id: RecordId, sealed: &Sealed) -> Result<Self, SealError> {
        let plain = keys.open(&id.to_string(), sealed)?;
        match id.kind() {
            RecordKind::Verification => {
                let code = Code::new(plain.reveal()).ok_or(SealError::Damaged)?;
                Ok(Payload { code: Some(code), text: None })
            }
            RecordKind::Message => {
                let plain: Plain<'_> = serde_json::from_str(plain.reveal()).map_err(|_| SealError::Damaged)?;
                let code = plain.code.map(|code| Code::new(&code).ok_or(SealError::Damaged)).transpose()?;
                Ok(Payload { code, text: Some(plain.text.into_owned()) })
            }
        }
    }
}
