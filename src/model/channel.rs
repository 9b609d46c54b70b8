//! The two ways a code reaches a phone.

use serde::{Deserialize, Serialize};

/// How a code travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A text message.
    Sms,
    /// A call that speaks the code.
    Voice,
}

impl Channel {
    /// Both channels, in the order in which they are offered.
    pub const ALL: [Channel; 2] = [Channel::Sms, Channel::Voice];

    /// The word used in the API, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Channel::Sms => "sms",
            Channel::Voice => "voice",
        }
    }
}

impl std::fmt::Display for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Channel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "sms" => Ok(Channel::Sms),
            "voice" => Ok(Channel::Voice),
            _ => Err(format!("unknown channel {text:?}, use sms or voice")),
        }
    }
}

/// Who asked for a delivery: a click by a person, or an application on its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AskedBy {
    /// A person asked.
    #[default]
    Person,
    /// The application asked by itself.
    System,
}
