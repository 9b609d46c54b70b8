//! Records as the outside sees them.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::admission::{Channels, Closed};
use crate::clock::rfc3339;
use crate::model::{
    Advice, AskedBy, AttemptState, Cause, Channel, DeliveryState, Locale, Ms, NumberLimits, SECOND, Status,
};
use crate::store::View;
use crate::verification::Verifications;

/// A verification.
#[derive(Serialize, ToSchema)]
pub struct Verification {
    /// `ver_…`.
    #[schema(value_type = String, example = "ver_00f3cz3h2x4m9k7r5t8w1y6b0q")]
    id: String,
    status: Status,
    /// The number's country code and last two digits.
    #[schema(example = "+81********78")]
    to_masked: String,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339.
    expires_at: String,
    /// The language that was asked for.
    #[schema(value_type = String)]
    locale: Locale,
    /// The language really used, where the one asked for does not exist yet.
    #[schema(value_type = String)]
    locale_used: Locale,
    /// Wrong codes that are still allowed.
    attempts_left: u32,
    channels: Channels,
    deliveries: Vec<Delivery>,
    /// The start joined this open verification: it has the same `subject`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    joined: bool,
    /// The next delivery waits for a limit; nothing was sent now.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u64>,
    /// The caller's own notes.
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Value>,
}

/// A message.
#[derive(Serialize, ToSchema)]
pub struct Message {
    /// `msg_…`.
    #[schema(value_type = String, example = "msg_00f3cz3h2x4m9k7r5t8w1y6b0q")]
    id: String,
    /// The number's country code and last two digits.
    to_masked: String,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339; it is not submitted later.
    expires_at: String,
    deliveries: Vec<Delivery>,
}

/// One sending over one channel.
#[derive(Serialize, ToSchema)]
pub struct Delivery {
    /// `dlv_…`.
    id: String,
    channel: Channel,
    asked_by: AskedBy,
    state: DeliveryState,
    /// Why it failed.
    cause: Option<Cause>,
    /// What to do about the cause.
    advice: Option<Advice>,
    /// RFC 3339.
    created_at: String,
    /// When its state last changed, RFC 3339.
    changed_at: String,
    attempts: Vec<Attempt>,
}

/// One submission to one carrier.
#[derive(Serialize, ToSchema)]
pub struct Attempt {
    /// `att_…`.
    id: String,
    carrier: String,
    state: AttemptState,
    /// Why it failed.
    cause: Option<Cause>,
    /// Why this carrier was chosen.
    reason: String,
    /// RFC 3339.
    started_at: String,
    /// When its state last changed, RFC 3339.
    changed_at: String,
}

fn deliveries(view: &View) -> Vec<Delivery> {
    let record = &view.record;
    let delivery = |(i, delivery): (usize, &crate::store::Delivery)| {
        let id = record.id.delivery(i as u16 + 1);
        let attempt = |(j, attempt): (usize, &crate::store::Attempt)| Attempt {
            id: id.attempt(j as u16 + 1).to_string(),
            carrier: attempt.carrier.clone(),
            state: attempt.state,
            cause: attempt.cause,
            reason: attempt.reason.clone(),
            started_at: rfc3339(attempt.started),
            changed_at: rfc3339(attempt.changed),
        };
        Delivery {
            id: id.to_string(),
            channel: delivery.channel,
            asked_by: delivery.asked_by,
            state: delivery.state,
            cause: delivery.cause,
            advice: delivery.cause.map(|cause| cause.meaning().advice),
            created_at: rfc3339(delivery.created),
            changed_at: rfc3339(delivery.changed),
            attempts: delivery.attempts.iter().enumerate().map(attempt).collect(),
        }
    };
    record.deliveries.iter().enumerate().map(delivery).collect()
}

impl Verification {
    /// A verification as it stands in the view; `out` are the channels that the person
    /// wants nothing over.
    pub fn of(view: &View, room: &Verifications, limits: &NumberLimits, closed: &Closed) -> Self {
        let record = &view.record;
        Verification {
            id: record.id.to_string(),
            status: record.status_at(view.now),
            to_masked: record.to.masked.clone(),
            created_at: rfc3339(record.created),
            expires_at: rfc3339(record.expires),
            locale: record.locale.clone(),
            locale_used: room.templates.used(&record.locale),
            attempts_left: record.max_wrong.saturating_sub(record.wrong),
            channels: room.admission.channels(view, limits, closed),
            deliveries: deliveries(view),
            joined: false,
            retry_after_seconds: None,
            metadata: record.metadata.as_deref().and_then(|text| serde_json::from_str(text).ok()),
        }
    }

    /// The same, as the answer to a start that joined it; `until` is when its
    /// next delivery may go out, if a limit held it back.
    pub fn joined(mut self, until: Option<Ms>, now: Ms) -> Self {
        self.joined = true;
        self.retry_after_seconds = until.map(|until| until.saturating_sub(now).div_ceil(SECOND).max(1));
        self
    }
}

impl Message {
    /// A message as it stands in the view.
    pub fn of(view: &View) -> Self {
        let record = &view.record;
        Message {
            id: record.id.to_string(),
            to_masked: record.to.masked.clone(),
            created_at: rfc3339(record.created),
            expires_at: rfc3339(record.expires),
            deliveries: deliveries(view),
        }
    }
}
