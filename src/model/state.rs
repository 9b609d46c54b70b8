//! States of verifications, deliveries and attempts. All of them only move
//! forward.

use serde::{Deserialize, Serialize};

use super::Cause;

/// The state of a verification (or, without the code's states, of a message).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waiting for the right code.
    Pending,
    /// The right code was given, once.
    Approved,
    /// Ended by the application, or replaced by a newer one.
    Canceled,
    /// Its time ran out.
    Expired,
    /// Too many wrong codes.
    MaxAttemptsReached,
}

impl Status {
    /// The word used in the API, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Approved => "approved",
            Status::Canceled => "canceled",
            Status::Expired => "expired",
            Status::MaxAttemptsReached => "max_attempts_reached",
        }
    }
}

/// The state of one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Accepted and on disk; not yet with a carrier.
    Queued,
    /// A carrier has it.
    Submitted,
    /// The phone rings.
    Ringing,
    /// Somebody or something answered.
    Answered,
    /// It reached the phone; for a call: the code was spoken.
    Delivered,
    /// It did not, and will not; the cause says why.
    Failed,
    /// Not needed any more.
    Canceled,
}

impl DeliveryState {
    /// Nothing follows any more.
    pub fn is_final(self) -> bool {
        self >= DeliveryState::Delivered
    }

    /// Whether `next` lies ahead. Nothing follows a final state.
    pub fn may_become(self, next: DeliveryState) -> bool {
        !self.is_final() && next > self
    }

    /// The word used in the API, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            DeliveryState::Queued => "queued",
            DeliveryState::Submitted => "submitted",
            DeliveryState::Ringing => "ringing",
            DeliveryState::Answered => "answered",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Failed => "failed",
            DeliveryState::Canceled => "canceled",
        }
    }
}

/// The state of one submission to one carrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttemptState {
    /// The intent is on disk; the carrier may or may not have it.
    Submitting,
    /// No answer came: the carrier may have it.
    Unknown,
    /// The carrier accepted it.
    Submitted,
    /// A receipt says that it reached the phone.
    Delivered,
    /// Refused, or a receipt says that it did not arrive.
    Failed,
}

impl AttemptState {
    /// Nothing follows any more.
    pub fn is_final(self) -> bool {
        self >= AttemptState::Delivered
    }
}

/// How far an attempt got, by its carrier's report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// The phone rings.
    Ringing,
    /// Somebody or something answered.
    Answered,
    /// It reached the phone; for a call: the code was spoken.
    Delivered,
    /// It did not.
    Failed(Cause),
}
