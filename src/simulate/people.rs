//! People who wait for a code, and where they are kept.

use super::draws::{Purpose, even, lognormal, stream};
use super::scenario::written::People;
use crate::blocks::Message;
use crate::model::Ms;

/// Nobody waits longer for a code, in milliseconds.
pub const LONGEST_WAIT: Ms = 600_000;
/// Most messages for one code: the first, a fall-back, one that was asked for.
const MOST_TRIES: usize = 3;

/// Someone who asked for a code.
#[derive(Debug, Clone)]
pub struct Person {
    /// The same whatever the policy does.
    pub id: u64,
    /// Index of the network.
    pub network: u16,
    /// When the code was asked for.
    pub at: Ms,
    /// Whether it is no person but pumping.
    pub is_machine: bool,
    /// Whether a code that arrives will be typed.
    pub types: bool,
    /// From arrival to typed, in milliseconds.
    pub typing: Ms,
    /// How long nothing may come before something is done about it, in milliseconds.
    pub patience: Ms,
    /// What is done then, a draw in (0, 1].
    pub mood: f64,
    /// Messages so far.
    pub tries: u8,
    /// Their names.
    pub messages: [Message; MOST_TRIES],
    /// Their carriers.
    pub carriers: [u8; MOST_TRIES],
    /// When the first of them arrives.
    pub there: Option<Ms>,
    /// The same without those that were asked for.
    pub there_unasked: Option<Ms>,
    /// Whether the first message's receipt said that it was delivered.
    pub is_received: bool,
    /// Whether the code was typed.
    pub is_done: bool,
    /// Whether the person has gone.
    pub has_left: bool,
    /// How many things are due for this person.
    pub held: u32,
}

impl Person {
    /// A person of a seed. `typed` is the part of codes that is typed at this time.
    pub fn drawn(seed: u64, id: u64, network: usize, at: Ms, is_machine: bool, typed: f64, people: &People) -> Self {
        let mut rng = stream(seed, Purpose::Person, id, 0);
        Person {
            id,
            network: network as u16,
            at,
            is_machine,
            types: even(&mut rng) <= typed && !is_machine,
            typing: lognormal(&mut rng, people.typing.0 as f64, people.typing_spread.0) as Ms,
            patience: lognormal(&mut rng, people.patience.0 as f64, people.patience_spread.0) as Ms,
            mood: even(&mut rng),
            tries: 0,
            messages: [0; MOST_TRIES],
            carriers: [0; MOST_TRIES],
            there: None,
            there_unasked: None,
            is_received: false,
            is_done: false,
            has_left: false,
            // While the person is being set up.
            held: 1,
        }
    }

    /// A message was sent.
    pub fn tried(&mut self, message: Message, carrier: u8) {
        let nth = usize::from(self.tries);
        self.messages[nth] = message;
        self.carriers[nth] = carrier;
        self.tries += 1;
    }

    /// A message will arrive. Whether it is the first to.
    pub fn arrives(&mut self, there: Ms, asked: bool) -> bool {
        let is_earlier = self.there.is_none_or(|other| there < other);
        if is_earlier {
            self.there = Some(there);
        }
        if !asked && self.there_unasked.is_none_or(|other| there < other) {
            self.there_unasked = Some(there);
        }
        is_earlier
    }
}

/// People by a number that is used again after them.
#[derive(Default)]
pub struct Slab {
    people: Vec<Person>,
    free: Vec<u32>,
}

impl Slab {
    /// Keeps a person.
    pub fn add(&mut self, person: Person) -> u32 {
        match self.free.pop() {
            Some(index) => {
                self.people[index as usize] = person;
                index
            }
            None => {
                self.people.push(person);
                self.people.len() as u32 - 1
            }
        }
    }

    /// The person of a number.
    pub fn of(&mut self, index: u32) -> &mut Person {
        &mut self.people[index as usize]
    }

    /// Forgets a person.
    pub fn remove(&mut self, index: u32) {
        self.free.push(index);
    }

    /// Those who are still kept.
    pub fn rest(&self) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(|person| person.held > 0)
    }
}
