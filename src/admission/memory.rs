//! What is remembered of a number from the log of its attempts: which channel worked
//! last, and which one its line or its network does not let through. Pure.

use crate::model::{AttemptState, Cause, Channel, DAY, HOUR, MINUTE, Ms, RecordId, RecordKind};
use crate::store::AttemptLog;

/// How far back in the log of a number is looked.
pub const REMEMBERED: usize = 20;
/// A call that followed an SMS within this time stood in for it.
const STOOD_IN_MS: Ms = 10 * MINUTE;

/// What is remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// The channel over which something arrived last, and when.
    pub worked: Option<(Channel, Ms)>,
    /// The last arrival was a call that stood in for an SMS which did not arrive.
    pub rather_calls: bool,
    /// Channels that do not get through, why, and until when that is believed.
    pub blocked: Vec<(Channel, Cause, Ms)>,
}

impl Memory {
    /// From a number's attempts, the newest first, at `now`.
    pub fn of(attempts: &[AttemptLog], now: Ms) -> Memory {
        let arrived = |attempt: &&AttemptLog| state(attempt).0 == AttemptState::Delivered;
        let worked = attempts.iter().find(arrived);
        let missed_before = |call: &AttemptLog| {
            let sms = attempts.iter().find(|attempt| attempt.submitted.channel == Channel::Sms);
            sms.is_some_and(|sms| {
                let began = call.submitted.started.checked_sub(sms.submitted.started);
                !arrived(&sms) && began.is_some_and(|ms| ms <= STOOD_IN_MS)
            })
        };
        let rather_calls = worked.is_some_and(|call| call.submitted.channel == Channel::Voice && missed_before(call));
        let blocked = Channel::ALL.into_iter().filter_map(|channel| {
            // The newest that says anything about the line counts.
            let mut own = attempts.iter().filter(|attempt| attempt.submitted.channel == channel);
            own.find_map(|attempt| match state(attempt) {
                (AttemptState::Delivered, _) => Some(None),
                (AttemptState::Failed, Some(cause)) => {
                    let at = attempt.reported.as_ref().map_or(attempt.submitted.started, |reported| reported.at);
                    believed_ms(cause).map(|ms| Some((channel, cause, at + ms)).filter(|(_, _, until)| *until > now))
                }
                _ => None,
            })?
        });
        Memory {
            worked: worked.map(|attempt| (attempt.submitted.channel, attempt.submitted.started)),
            rather_calls,
            blocked: blocked.collect(),
        }
    }

    /// Until when a channel is believed not to get through.
    pub fn blocked_until(&self, channel: Channel) -> Option<Ms> {
        self.blocked.iter().find(|(blocked, ..)| *blocked == channel).map(|(_, _, until)| *until)
    }
}

/// The two newest verifications of the last day, of whichever tenant.
pub fn newest(attempts: &[AttemptLog], now: Ms) -> Vec<RecordId> {
    let lately = attempts.iter().filter(|attempt| now.saturating_sub(attempt.submitted.started) < DAY);
    let records = lately.map(|attempt| attempt.submitted.id.delivery.record);
    let mut newest: Vec<RecordId> = Vec::new();
    for record in records.filter(|record| record.kind() == RecordKind::Verification) {
        if !newest.contains(&record) {
            newest.push(record);
        }
    }
    newest.truncate(2);
    newest
}

/// What became of an attempt, by the report if there is one.
fn state(attempt: &AttemptLog) -> (AttemptState, Option<Cause>) {
    match &attempt.reported {
        Some(reported) if reported.state.is_final() => (reported.state, reported.cause),
        _ => (attempt.submitted.state, attempt.submitted.cause),
    }
}

/// How long a cause is believed of a number; `None`: it says nothing about the next try.
/// A line seldom changes its kind; a filter or a list of those who want no messages may
/// be about one text or one hour (TRAI's windows for promotion end every night).
fn believed_ms(cause: Cause) -> Option<Ms> {
    match cause {
        Cause::LandlineOrIncapable => Some(30 * DAY),
        Cause::RecipientOptedOut => Some(7 * DAY),
        Cause::CarrierFiltered => Some(6 * HOUR),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AttemptId, Country, Digest, Network, NumberHash, Partition, RecordId, RecordKind, TenantId};
    use crate::store::{Logged, Reported};

    const NOW: Ms = 100 * DAY;

    fn attempt(channel: Channel, ago: Ms, ended: Result<(), Option<Cause>>) -> AttemptLog {
        let id: AttemptId = RecordId::new(RecordKind::Verification, Partition(1), [0; 14]).delivery(1).attempt(1);
        let (number, started) = (NumberHash(Digest([0; 16])), NOW - ago);
        let (state, cause) = match ended {
            Ok(()) => (AttemptState::Delivered, None),
            Err(None) => (AttemptState::Submitted, None),
            Err(Some(cause)) => (AttemptState::Failed, Some(cause)),
        };
        let submitted = Logged {
            id,
            partition: Partition(1),
            number,
            tenant: TenantId("shop".into()),
            channel,
            country: Country::new("IN").unwrap(),
            network: Network::Unknown,
            carrier: "acme".into(),
            sender: None,
            reason: String::new(),
            state: AttemptState::Submitted,
            cause: None,
            code: None,
            reference: None,
            price: None,
            accepted: started,
            started,
            submitted: None,
        };
        let reported = Reported {
            id,
            number,
            state,
            cause,
            code: None,
            reference: None,
            network: None,
            price: None,
            at: started + 1_000,
        };
        AttemptLog { submitted, reported: Some(reported) }
    }

    #[test]
    fn what_arrived_last_is_known() {
        assert_eq!(Memory::of(&[], NOW), Memory::default());
        let (sms, call) = (attempt(Channel::Sms, HOUR, Ok(())), attempt(Channel::Voice, 2 * HOUR, Ok(())));
        let memory = Memory::of(&[sms, call.clone()], NOW);
        assert_eq!((memory.worked, memory.rather_calls), (Some((Channel::Sms, NOW - HOUR)), false));
        assert_eq!(Memory::of(&[call], NOW).worked, Some((Channel::Voice, NOW - 2 * HOUR)));
    }

    #[test]
    fn a_call_that_stood_in_for_an_sms_comes_first_next_time() {
        let call = |ago| attempt(Channel::Voice, ago, Ok(()));
        let silent = |ago| attempt(Channel::Sms, ago, Err(None));
        assert!(Memory::of(&[call(HOUR), silent(HOUR + MINUTE)], NOW).rather_calls);
        assert!(!Memory::of(&[call(HOUR), silent(3 * HOUR)], NOW).rather_calls, "asked for by itself");
        assert!(!Memory::of(&[call(HOUR), attempt(Channel::Sms, HOUR + MINUTE, Ok(()))], NOW).rather_calls);
        let later = [attempt(Channel::Sms, MINUTE, Ok(())), call(HOUR), silent(HOUR + MINUTE)];
        assert!(!Memory::of(&later, NOW).rather_calls, "an SMS arrived since");
    }

    #[test]
    fn a_block_is_believed_for_its_time_and_until_something_arrives() {
        let failed = |ago, cause| attempt(Channel::Sms, ago, Err(Some(cause)));
        let until = |attempts: &[AttemptLog]| Memory::of(attempts, NOW).blocked_until(Channel::Sms);
        let landline = failed(DAY, Cause::LandlineOrIncapable);
        assert_eq!(until(std::slice::from_ref(&landline)), Some(NOW + 29 * DAY + 1_000));
        assert_eq!(until(&[failed(31 * DAY, Cause::LandlineOrIncapable)]), None);
        assert_eq!(until(&[failed(HOUR, Cause::UnreachableHandset), landline.clone()]), Some(NOW + 29 * DAY + 1_000));
        assert_eq!(until(&[attempt(Channel::Sms, HOUR, Ok(())), landline.clone()]), None);
        assert_eq!(until(&[attempt(Channel::Sms, HOUR, Err(None)), landline.clone()]), Some(NOW + 29 * DAY + 1_000));
        assert_eq!(Memory::of(&[landline], NOW).blocked_until(Channel::Voice), None);
    }
}
