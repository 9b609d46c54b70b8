//! Texts of other systems: we deliver their code and check nothing. Owns what a
//! message is; limits, store and delivery are those of a verification.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::admission::{Admission, Target, Wanted};
use crate::clock::Clock;
use crate::config::TenantOptions;
use crate::delivery::{Deliveries, Payload};
use crate::model::{AskedBy, Channel, Code, Locale, RecordId, RecordKind, SECOND, TenantId};
use crate::number::Parsed;
use crate::seal::{Keys, random};
use crate::store::{Recall, Record, Start, Started, Store, StoreError, View};
use crate::telemetry::Metrics;
use crate::verification::{Repeatable, SendError, life_seconds};

/// Longest text, in characters: ten segments of GSM-7.
pub const LONGEST_TEXT: usize = 1_530;

/// What `app.rs` connects the room with.
pub struct Messages {
    /// The store.
    pub store: Store,
    /// The keys.
    pub keys: Arc<Keys>,
    /// Who may send.
    pub admission: Arc<Admission>,
    /// Runs what was accepted.
    pub deliveries: Arc<Deliveries>,
    /// The tenants by name.
    pub tenants: Arc<BTreeMap<TenantId, TenantOptions>>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// For `created` of a new record; the store's own clock replaces it.
    pub clock: Clock,
}

/// A message to be sent.
#[derive(Debug)]
pub struct MessageRequest<'a> {
    /// The number.
    pub to: &'a Parsed,
    /// The words.
    pub text: &'a str,
    /// The code in them, for a call to speak.
    pub code: Option<&'a str>,
    /// The channel.
    pub wanted: Wanted,
    /// The language of a call.
    pub locale: Option<Locale>,
    /// The end user's address.
    pub address: Option<IpAddr>,
    /// Life of the message, in seconds.
    pub ttl_seconds: Option<u64>,
    /// The caller's idempotency key.
    pub repeatable: Option<Repeatable<'a>>,
}

impl Messages {
    /// Accepts a message: it is on disk, and on its way.
    pub async fn send(&self, tenant: &TenantId, request: MessageRequest<'_>) -> Result<View, SendError> {
        let options = &self.tenants.get(tenant).expect("a key's tenant is configured").clone();
        let to = self.admission.destination(request.to);
        let memo = request.repeatable.map(|Repeatable { key, body }| {
            self.admission.memo(tenant, "messages", request.to.e164.reveal(), key, body)
        });
        if let Some(memo) = &memo {
            match self.store.numbers.recall(to.partition, memo).await? {
                Recall::OtherBody => return Err(SendError::OtherBody),
                Recall::Kept(answer) => {
                    if let Ok(Started::Created(view)) = serde_json::from_str(&answer) {
                        return Ok(view);
                    }
                }
                Recall::Nothing => {}
            }
        }
        let ttl_seconds = life_seconds(&options.verification, request.ttl_seconds)?;
        let length = request.text.chars().count();
        if length == 0 || length > LONGEST_TEXT {
            return Err(SendError::Option("text", format!("must have 1 to {LONGEST_TEXT} characters")));
        }
        let code = spoken_code(request.text, request.code)?;
        let target = Target { number: &request.to.e164, at: &to };
        let admitted =
            self.admission.admit(tenant, target, request.wanted, request.address).await.map_err(SendError::Denied)?;
        if admitted.channel == Channel::Voice && code.is_none() {
            self.admission.give_back(admitted).await;
            return Err(SendError::Option("code", "is needed for a call: the digits that it speaks".into()));
        }
        let id = RecordId::new(RecordKind::Message, to.partition, random());
        let locale = request.locale.unwrap_or_else(|| options.verification.locale.clone());
        let record = Record {
            secret: Some(Payload { code, text: Some(request.text.to_owned()) }.seal(&self.keys, id)),
            ..Record::pending(id, tenant, to, locale, self.clock.now(), ttl_seconds * SECOND)
        };
        let lease = self.deliveries.lease();
        let limits = options.limits.number.limits();
        let op = Start { record, channel: admitted.channel, asked_by: AskedBy::System, limits, lease, memo };
        let accepted = admitted.accepted();
        let started = self.store.numbers.start(op).await;
        let sent = |started: &Started| matches!(started, Started::Created(view) if !view.replayed);
        self.admission.conclude(admitted, &started, sent).await;
        match started? {
            Started::Created(view) | Started::Joined(view) | Started::JoinedWaiting(view, _) => {
                self.deliveries.accept(&view, lease, accepted);
                Ok(view)
            }
            Started::Refused(refusal, now) => {
                self.metrics.refusal(refusal.limit);
                Err(SendError::Limit(refusal, now))
            }
            Started::OtherBody => Err(SendError::OtherBody),
        }
    }

    /// A message of this tenant as it is now.
    pub async fn get(&self, id: RecordId, tenant: &TenantId) -> Result<Option<View>, StoreError> {
        self.store.numbers.get(id, tenant).await
    }
}

/// The digits that a call would speak: those given, or the only run of four to
/// ten figures in the text.
fn spoken_code(text: &str, given: Option<&str>) -> Result<Option<Code>, SendError> {
    if let Some(given) = given {
        return match Code::new(given) {
            Some(code) => Ok(Some(code)),
            None => Err(SendError::Option("code", "must have 4 to 10 digits".into())),
        };
    }
    let mut codes = text.split(|c: char| !c.is_ascii_digit()).filter_map(Code::new);
    let first = codes.next();
    Ok(first.filter(|_| codes.next().is_none()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_speaks_the_only_code_in_the_text() {
        let found = |text, given| spoken_code(text, given).unwrap().map(|code| code.reveal().to_owned());
        assert_eq!(found("Your code is 123456.", None).as_deref(), Some("123456"));
        assert_eq!(found("Use 123456 or 654321", None), None);
        assert_eq!(found("Hello", None), None);
        assert_eq!(found("Use 123456 or 654321", Some("654321")).as_deref(), Some("654321"));
        assert!(spoken_code("Hello", Some("12")).is_err());
    }
}
