//! What is told of a message before the message itself: gateways write what they saw in
//! batches, so a receipt that one of them heard may stand before the submit of another.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::event::{Event, Message};
use crate::model::Ms;

/// How long it waits for its message, in milliseconds.
const KEPT_MS: Ms = 10_000;
/// Most events that wait; the oldest go. Reports of messages that are closed come here too.
const MOST: usize = 10_000;

/// What waits.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Early {
    events: BTreeMap<Message, Vec<Event>>,
    /// When they came, and for which message.
    order: VecDeque<(Ms, Message)>,
}

impl Early {
    /// Keeps an event until its message is there.
    pub fn park(&mut self, at: Ms, message: Message, event: &Event) {
        while self.order.len() >= MOST || self.order.front().is_some_and(|(came, _)| came + KEPT_MS < at) {
            let Some((_, gone)) = self.order.pop_front() else { break };
            self.drop_first(gone);
        }
        self.events.entry(message).or_default().push(event.clone());
        self.order.push_back((at, message));
    }

    /// What was told of a message that is there now, in its order.
    pub fn take(&mut self, message: Message) -> Vec<Event> {
        if self.events.is_empty() {
            return Vec::new();
        }
        let events = self.events.remove(&message).unwrap_or_default();
        if !events.is_empty() {
            self.order.retain(|(_, other)| *other != message);
        }
        events
    }

    fn drop_first(&mut self, message: Message) {
        if let Some(events) = self.events.get_mut(&message) {
            events.remove(0);
            if events.is_empty() {
                self.events.remove(&message);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_given_once_and_not_for_ever() {
        let mut early = Early::default();
        let typed = |m| Event::Typed { m };
        early.park(1_000, 1, &typed(1));
        early.park(1_500, 1, &Event::Clicked { m: 1 });
        early.park(2_000, 2, &typed(2));
        assert_eq!(early.take(1), [typed(1), Event::Clicked { m: 1 }]);
        assert_eq!(early.take(1), []);
        early.park(12_001, 3, &typed(3));
        assert_eq!((early.take(2), early.take(3)), (vec![], vec![typed(3)]), "ten seconds are over");
        for m in 0..3 * MOST as u64 {
            early.park(20_000, m % 7_000, &typed(m % 7_000));
        }
        assert!(early.order.len() <= MOST && early.events.values().map(Vec::len).sum::<usize>() == early.order.len());
        (0..7_000).for_each(|m| drop(early.take(m)));
        assert_eq!(early, Early::default());
    }
}
