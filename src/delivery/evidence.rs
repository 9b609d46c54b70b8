//! What deliveries tell the radar, and what they ask it: which cell a message belongs to,
//! and what its receipt, its click or its typed code proves.

use super::Deliveries;
use crate::blocks::{CellKey, Event, Lot, Message, Outcome, Outlook};
use crate::model::{
    AttemptId, AttemptState, Cause, Channel, DeliveryState, E164, Fault, Network, Progress, RecordKind,
};
use crate::store::{Delivery, Record};

/// Digits of a number of an unknown network, after the country calling code, that name
/// its block: an area code in North America.
const BLOCK_DIGITS: usize = 3;
impl Deliveries {
    /// Where evidence about a message of this record is gathered. Foreign texts have cells
    /// of their own: nobody sees whether their codes are typed.
    pub(super) fn cell(
        &self,
        record: &Record,
        to: &E164,
        channel: Channel,
        carrier: &str,
        sender: Option<&str>,
    ) -> CellKey {
        let cell = CellKey {
            carrier: carrier.to_owned(),
            sender: sender.unwrap_or_default().to_owned(),
            network: network_of(record, to),
            channel,
        };
        match record.id.kind() {
            RecordKind::Verification => cell,
            RecordKind::Message => cell.of_texts(),
        }
    }

    /// How the radar names an attempt: a keyed hash, of which nobody finds the number.
    fn message(&self, attempt: AttemptId) -> Message {
        let digest = self.parts.keys.digest("evidence", &[attempt.to_string().as_bytes()]);
        Message::from_be_bytes(*digest.0.first_chunk().expect("a digest has 16 bytes"))
    }

    pub(super) fn outlook(&self, cell: &CellKey) -> Outlook {
        self.parts.watch.radar().outlook(cell, self.parts.clock.now())
    }

    /// A carrier took a message.
    pub(super) fn was_sent(&self, attempt: AttemptId, cell: CellKey, lot: Lot) {
        self.parts.watch.tell(Event::Sent { m: self.message(attempt), cell, lot });
    }

    /// A carrier refused a message because a network would not let it through.
    pub(super) fn was_filtered(&self, attempt: AttemptId, cell: CellKey, lot: Lot, cause: Cause) {
        if outcome(Progress::Failed(cause)) == Some(Outcome::Filtered) {
            self.was_sent(attempt, cell, lot);
            self.was_reported(attempt, Progress::Failed(cause));
        }
    }

    /// A carrier reported about a message.
    pub(super) fn was_reported(&self, attempt: AttemptId, progress: Progress) {
        if let Some(outcome) = outcome(progress) {
            self.parts.watch.tell(Event::Receipt { m: self.message(attempt), outcome });
        }
    }

    /// The person asked for another message: the newest one did not come.
    pub fn was_asked_again(&self, before: &Record) {
        if let Some((_, newest)) = sent(before).last() {
            self.parts.watch.tell(Event::Clicked { m: self.message(*newest) });
        }
    }

    /// The right code was typed. It proves something about a message only if it was the
    /// only one; else that what came after the first one may have helped.
    pub fn was_approved(&self, record: &Record) {
        let watch = &self.parts.watch;
        let all = sent(record);
        match all.as_slice() {
            [] => {}
            [(_, only)] => watch.tell(Event::Typed { m: self.message(*only) }),
            [(_, first), .., (last_of, last)] => {
                watch.tell(Event::Rescued { m: self.message(*first) });
                if last_of.channel == Channel::Voice && last_of.state >= DeliveryState::Answered {
                    watch.tell(Event::Typed { m: self.message(*last) });
                }
            }
        }
    }

    /// Ended by the application: nobody will type the code.
    pub fn was_canceled(&self, record: &Record) {
        for (_, attempt) in sent(record) {
            self.parts.watch.tell(Event::Withdrawn { m: self.message(attempt) });
        }
    }
}

/// The attempts that a carrier took or may have, oldest first, each with its delivery.
fn sent(record: &Record) -> Vec<(&Delivery, AttemptId)> {
    let mut all = Vec::new();
    for (delivery, n) in record.deliveries.iter().zip(1..) {
        for (attempt, m) in delivery.attempts.iter().zip(1..) {
            // One whose answer is on its way may have arrived: its text is faster than the answer.
            if attempt.state != AttemptState::Failed {
                all.push((attempt.started, delivery, record.id.delivery(n).attempt(m)));
            }
        }
    }
    all.sort_by_key(|(started, ..)| *started);
    all.into_iter().map(|(_, delivery, id)| (delivery, id)).collect()
}

/// What a report proves; `None`: nothing yet.
fn outcome(progress: Progress) -> Option<Outcome> {
    match progress {
        Progress::Ringing => None,
        // A call that is answered has arrived, whatever is made of it.
        Progress::Answered | Progress::Delivered => Some(Outcome::Delivered),
        // Nothing was reported.
        Progress::Failed(Cause::NoReceipt) => None,
        Progress::Failed(Cause::CarrierFiltered | Cause::SenderNotRegistered) => Some(Outcome::Filtered),
        Progress::Failed(cause) => Some(match cause.meaning().fault {
            Fault::Number | Fault::Person | Fault::Gateway => Outcome::Number,
            Fault::Network | Fault::Carrier => Outcome::Lost,
        }),
    }
}

/// The network's name in the radar: the country, then what is known of the network, or
/// the block of the number.
fn network_of(record: &Record, to: &E164) -> String {
    let country = record.to.country;
    match &record.to.network {
        Network::Known(code) => format!("{country}/{code}"),
        Network::Guessed(name) => name.clone(),
        Network::Unknown => {
            let digits = 1 + to.calling_code_digits() + BLOCK_DIGITS;
            let block = to.reveal().get(..digits).unwrap_or(to.reveal());
            // A short number must not stand there whole.
            let block = if to.reveal().len() < digits + 4 { &block[..1 + to.calling_code_digits()] } else { block };
            format!("{country}/{block}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_proves_what_its_fault_says() {
        for cause in Cause::ALL {
            let expected = match cause {
                Cause::NoReceipt => None,
                Cause::CarrierFiltered | Cause::SenderNotRegistered => Some(Outcome::Filtered),
                Cause::TemporaryCarrierFault
                | Cause::PermanentOther
                | Cause::RateLimited
                | Cause::AuthFailed
                | Cause::InsufficientFunds
                | Cause::RegionNotPermitted => Some(Outcome::Lost),
                _ => Some(Outcome::Number),
            };
            assert_eq!(outcome(Progress::Failed(*cause)), expected, "{cause}");
        }
        assert_eq!(outcome(Progress::Ringing), None);
        assert_eq!(outcome(Progress::Answered), Some(Outcome::Delivered));
    }
}
