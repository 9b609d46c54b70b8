//! What the sandbox is told to do, per number and carrier.

use serde::{Deserialize, Serialize};

use crate::model::{Cause, Channel, Ms};

/// How the sandbox treats a message or a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// SMS: arrives at once, with a receipt.
    Delivered,
    /// SMS: accepted, and never heard of again.
    NeverArrives,
    /// SMS: accepted, does not arrive, and a receipt says why.
    Undelivered,
    /// SMS: accepted at once, arrives after the delay.
    Late,
    /// Call: rings until somebody answers on the page, or the time is up.
    Rings,
    /// Call: a person answers after the delay, presses the key, and listens.
    Answers,
    /// Call: a machine answers after the delay.
    Machine,
    /// Call: the line is busy.
    Busy,
    /// Call: the person declines after the delay.
    Declined,
    /// Call: rings, and nobody answers.
    NoAnswer,
    /// The carrier refuses with the cause.
    Refused,
    /// The carrier has a fault that passes.
    TemporaryFault,
    /// The carrier asks us to slow down.
    RateLimited,
    /// The carrier never answers the submission.
    Silent,
    /// The carrier answers only after the delay, and delivers then.
    Slow,
    /// SMS: arrives at once, but the carrier answers only after the delay.
    SlowAnswer,
}

/// One row: for whom, and what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The whole number; `null` for every number.
    #[serde(default)]
    pub to: Option<String>,
    /// The carrier's name; `null` for every carrier.
    #[serde(default)]
    pub carrier: Option<String>,
    /// The channel.
    pub channel: Channel,
    /// What happens.
    pub outcome: Behaviour,
    /// A wait in milliseconds: until the answer, the arrival or the person acts.
    #[serde(default)]
    pub delay_ms: Option<Ms>,
    /// Why it is refused or undelivered.
    #[serde(default)]
    pub cause: Option<Cause>,
    /// The key that the person presses; none is pressed if absent.
    #[serde(default)]
    pub key: Option<char>,
}

impl Outcome {
    /// What happens without a row.
    pub fn plain(channel: Channel) -> Self {
        let outcome = match channel {
            Channel::Sms => Behaviour::Delivered,
            Channel::Voice => Behaviour::Rings,
        };
        Outcome { to: None, carrier: None, channel, outcome, delay_ms: None, cause: None, key: None }
    }

    /// The delay, or another if the row has none. At most ten minutes.
    pub fn delay_or(&self, otherwise: Ms) -> Ms {
        self.delay_ms.unwrap_or(otherwise).min(10 * crate::model::MINUTE)
    }

    pub(super) fn fits(&self, to: &str, carrier: &str, channel: Channel) -> bool {
        self.channel == channel
            && self.to.as_deref().is_none_or(|own| own == to)
            && self.carrier.as_deref().is_none_or(|own| own == carrier)
    }

    /// A row for a number counts before one for a carrier, that before one for all.
    pub(super) fn precision(&self) -> (bool, bool) {
        (self.to.is_some(), self.carrier.is_some())
    }

    pub(super) fn same_place(&self, other: &Outcome) -> bool {
        self.to == other.to && self.carrier == other.carrier && self.channel == other.channel
    }
}

/// What a channel can be told to do.
pub fn known(channel: Channel) -> &'static [Behaviour] {
    use Behaviour::*;
    match channel {
        Channel::Sms => &[
            Delivered,
            NeverArrives,
            Undelivered,
            Late,
            Refused,
            TemporaryFault,
            RateLimited,
            Silent,
            Slow,
            SlowAnswer,
        ],
        Channel::Voice => {
            &[Rings, Answers, Machine, Busy, Declined, NoAnswer, Refused, TemporaryFault, RateLimited, Silent, Slow]
        }
    }
}
