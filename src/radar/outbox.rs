//! Events that wait to be written, in batches that are counted.

use std::collections::VecDeque;

use crate::blocks::Event;
use crate::model::Ms;
use crate::store::{BATCH_BYTES, Batch};

/// Most events that wait for a store that is away; older ones go.
const MOST_WAITING: usize = 50_000;
/// Most events of one batch.
const MOST_TOGETHER: usize = 1_000;

/// What waits.
pub struct Outbox {
    replica: String,
    epoch: u64,
    sequence: u64,
    waiting: VecDeque<String>,
    /// The batch that is being written, until it is known to be.
    sent: Option<Batch>,
}

impl Outbox {
    /// An empty one of a gateway that begins now.
    pub fn new(replica: String, now: Ms) -> Self {
        Outbox { replica, epoch: now, sequence: 0, waiting: VecDeque::new(), sent: None }
    }

    /// Adds an event, and says how many are lost by that.
    pub fn add(&mut self, event: Event) -> usize {
        let line = serde_json::to_string(&event).unwrap_or_default();
        // A longer one than a batch cannot be written: only a name from outside makes it.
        if line.len() > BATCH_BYTES {
            return 1;
        }
        self.waiting.push_back(line);
        let lost = self.waiting.len().saturating_sub(MOST_WAITING);
        self.waiting.drain(..lost);
        lost
    }

    /// The next batch, the same one until it is [`Outbox::done`]; `None`: nothing waits.
    pub fn next(&mut self) -> Option<Batch> {
        if self.sent.is_none() && !self.waiting.is_empty() {
            let mut bytes = 0;
            let fits = |line: &&String| {
                bytes += line.len() + 1;
                bytes <= BATCH_BYTES + 1
            };
            let together = self.waiting.iter().take(MOST_TOGETHER).take_while(fits).count();
            self.sequence += 1;
            self.sent = Some(Batch {
                replica: self.replica.clone(),
                epoch: self.epoch,
                sequence: self.sequence,
                events: self.waiting.drain(..together).collect(),
            });
        }
        self.sent.clone()
    }

    /// The batch is written, or lost for good.
    pub fn done(&mut self) {
        self.sent = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_stays_the_same_until_it_is_done() {
        let mut outbox = Outbox::new("a".into(), 7);
        assert_eq!(outbox.next(), None);
        for m in 0..1_500 {
            assert_eq!(outbox.add(Event::Typed { m }), 0);
        }
        let first = outbox.next().unwrap();
        assert_eq!((first.epoch, first.sequence, first.events.len()), (7, 1, MOST_TOGETHER));
        assert_eq!(first.events[3], r#"{"e":"typed","m":3}"#);
        outbox.add(Event::Tick);
        assert_eq!(outbox.next().unwrap(), first, "its answer may be lost");
        outbox.done();
        let second = outbox.next().unwrap();
        assert_eq!((second.sequence, second.events.len()), (2, 501));
        outbox.done();
        assert_eq!(outbox.next(), None);
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut outbox = Outbox::new("a".into(), 7);
        let lost: usize = (0..MOST_WAITING as u64 + 9).map(|m| outbox.add(Event::Typed { m })).sum();
        assert_eq!(lost, 9);
        assert_eq!(outbox.next().unwrap().events[0], r#"{"e":"typed","m":9}"#, "the oldest went");
        let long = crate::blocks::CellKey {
            carrier: "x".repeat(BATCH_BYTES),
            sender: String::new(),
            network: String::new(),
            channel: crate::model::Channel::Sms,
        };
        assert_eq!(outbox.add(Event::Sent { m: 1, cell: long, lot: crate::blocks::Lot::Usual }), 1);
    }
}
