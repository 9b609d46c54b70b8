//! Messages whose end is not known yet, and when to look at each again: a slab, an index
//! by message, and a wheel of quarter seconds.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use serde::{Deserialize, Serialize};

use super::event::{Lot, Message, Outcome};
use super::score::Credit;
use crate::model::Ms;

/// A turn of the wheel.
pub const TURN_MS: Ms = 250;
/// The cell of an entry that is dead and waits for its turn to be freed.
const DEAD: u32 = u32::MAX;

/// A followed message.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// Which one.
    pub message: Message,
    /// When it was sent.
    pub sent: Ms,
    /// Through which cell, in the table.
    pub cell: u32,
    /// How its carrier was chosen.
    pub lot: Lot,
    /// What it has said so far.
    pub credit: Credit,
    /// What clicks and rescues add to that, nats.
    pub complaint: f32,
    /// The age when something else is sent for it by rule, so that typing proves nothing
    /// any more; 0: never.
    pub horizon: u32,
    /// The age at which its code was typed.
    pub typed_age: Option<u32>,
    /// The age at which the first sign came.
    pub sign_age: Option<u32>,
    /// What its receipt said.
    pub outcome: Option<Outcome>,
    /// The next checkpoints: typing, first sign, compared typing, compared first sign.
    pub steps: [u8; 4],
    /// The stretch of the cell's tally it is counted in.
    pub stretch: u16,
    /// It feeds the running test.
    pub judged: bool,
    /// A cell of its network was suspect when it was sent.
    pub shaded: bool,
    /// The age at which the person clicked "didn't receive".
    pub click_age: Option<u32>,
    /// Clicks are waited for no longer.
    pub heard: bool,
    /// Something sent later worked.
    pub rescued: bool,
    /// The share of what is typed that was due when typing was last looked at.
    pub typed_due: f32,
    /// Its typing is judged: the tally and the user factor have it.
    pub counted: bool,
    /// Its answer as a probe is counted.
    pub answered: bool,
}

impl Pending {
    /// How old it is.
    pub fn age(&self, at: Ms) -> Ms {
        at.saturating_sub(self.sent)
    }
}

/// A quick hash. Messages are keyed hashes already, and there are few cells, whose names
/// strangers choose within a small alphabet at most: neither needs one against attackers.
#[derive(Debug, Clone, Default)]
pub struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(self.0.rotate_left(23) ^ u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, n: u64) {
        let product = u128::from(n ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
        self.0 = (product as u64) ^ (product >> 64) as u64;
    }
}

/// All followed messages.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Book {
    slab: Vec<Pending>,
    free: Vec<u32>,
    /// Slots to look at, by turn; each slot that is not free stands in it once.
    wheel: Vec<Vec<u32>>,
    /// The last turn that was looked at.
    turn: u64,
    #[serde(skip)]
    index: HashMap<Message, u32, BuildHasherDefault<Spread>>,
}

#[derive(Deserialize)]
struct Stored {
    slab: Vec<Pending>,
    free: Vec<u32>,
    wheel: Vec<Vec<u32>>,
    turn: u64,
}

impl From<Stored> for Book {
    fn from(Stored { slab, free, wheel, turn }: Stored) -> Book {
        let alive = slab.iter().enumerate().filter(|(_, pending)| pending.cell != DEAD);
        let index = alive.map(|(slot, pending)| (pending.message, slot as u32)).collect();
        Book { slab, free, wheel, turn, index }
    }
}

impl PartialEq for Book {
    fn eq(&self, other: &Book) -> bool {
        // The index follows from the rest.
        (&self.slab, &self.free, &self.wheel, self.turn) == (&other.slab, &other.free, &other.wheel, other.turn)
    }
}

impl Book {
    /// An empty one, for messages that are closed at `close` of age.
    pub fn new(close: Ms) -> Book {
        let turns = close.min(24 * 3_600_000) / TURN_MS + 4;
        Book {
            slab: Vec::new(),
            free: Vec::new(),
            wheel: vec![Vec::new(); turns as usize],
            turn: 0,
            index: HashMap::default(),
        }
    }

    /// How many are followed.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether nothing is left to look at.
    pub fn is_idle(&self) -> bool {
        self.free.len() == self.slab.len()
    }

    /// The slot of a message.
    pub fn find(&self, message: Message) -> Option<u32> {
        self.index.get(&message).copied()
    }

    /// A copy of an entry.
    pub fn get(&self, slot: u32) -> Pending {
        self.slab[slot as usize]
    }

    /// Writes an entry back.
    pub fn put(&mut self, slot: u32, pending: Pending) {
        self.slab[slot as usize] = pending;
    }

    /// Follows a message, to be looked at when due.
    pub fn add(&mut self, pending: Pending, due: Ms) {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.slab.push(pending);
                (self.slab.len() - 1) as u32
            }
        };
        self.slab[slot as usize] = pending;
        self.index.insert(pending.message, slot);
        self.look_again(slot, due);
    }

    /// Forgets a message; its slot is freed at its turn.
    pub fn kill(&mut self, slot: u32) {
        let pending = &mut self.slab[slot as usize];
        if pending.cell != DEAD {
            pending.cell = DEAD;
            self.index.remove(&pending.message);
        }
    }

    /// Forgets all messages of cells that are gone.
    pub fn kill_where(&mut self, gone: impl Fn(u32) -> bool) {
        for slot in 0..self.slab.len() {
            let cell = self.slab[slot].cell;
            if cell != DEAD && gone(cell) {
                self.kill(slot as u32);
            }
        }
    }

    /// Puts a slot on the wheel: the first turn that ends at `due` or later.
    pub fn look_again(&mut self, slot: u32, due: Ms) {
        let last = self.turn + self.wheel.len() as u64 - 1;
        let turn = due.div_ceil(TURN_MS).clamp(self.turn + 1, last);
        let place = (turn % self.wheel.len() as u64) as usize;
        self.wheel[place].push(slot);
    }

    /// The time of the next turn, if it is not later than `now`.
    pub fn next_turn(&mut self, now: Ms) -> Option<Ms> {
        if self.is_idle() {
            self.turn = self.turn.max(now / TURN_MS);
            return None;
        }
        ((self.turn + 1) * TURN_MS <= now).then(|| {
            self.turn += 1;
            self.turn * TURN_MS
        })
    }

    /// The living slots whose turn it is, in the order they were put there. Give the list
    /// back with [`Book::done`].
    pub fn due(&mut self) -> Vec<u32> {
        let place = (self.turn % self.wheel.len() as u64) as usize;
        let mut slots = std::mem::take(&mut self.wheel[place]);
        slots.retain(|slot| {
            let alive = self.slab[*slot as usize].cell != DEAD;
            if !alive {
                self.free.push(*slot);
            }
            alive
        });
        slots
    }

    /// Frees a slot that stands on the wheel no more.
    pub fn free(&mut self, slot: u32) {
        self.kill(slot);
        self.free.push(slot);
    }

    /// Takes the list of [`Book::due`] back for its room.
    pub fn done(&mut self, mut slots: Vec<u32>) {
        let place = (self.turn % self.wheel.len() as u64) as usize;
        if self.wheel[place].is_empty() {
            slots.clear();
            self.wheel[place] = slots;
        }
    }

    /// Whether all entries point at what exists, so that a snapshot can be used.
    pub fn is_sound(&self, cell_exists: impl Fn(u32) -> bool) -> bool {
        let slots = self.slab.len();
        let mut seen = vec![false; slots];
        let listed = self.free.iter().chain(self.wheel.iter().flatten());
        for slot in listed {
            match seen.get_mut(*slot as usize) {
                Some(seen) if !*seen => *seen = true,
                _ => return false,
            }
        }
        self.wheel.len() > 2
            && seen.iter().all(|seen| *seen)
            && self.free.iter().all(|slot| self.slab[*slot as usize].cell == DEAD)
            && self.slab.iter().all(|pending| pending.cell == DEAD || cell_exists(pending.cell))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn pending(message: Message, sent: Ms) -> Pending {
        Pending {
            message,
            sent,
            cell: 0,
            lot: Lot::Usual,
            credit: Credit::default(),
            complaint: 0.0,
            horizon: 0,
            typed_age: None,
            sign_age: None,
            outcome: None,
            steps: [0; 4],
            stretch: 0,
            judged: true,
            shaded: false,
            click_age: None,
            heard: false,
            rescued: false,
            typed_due: 0.0,
            counted: false,
            answered: false,
        }
    }

    #[test]
    fn each_is_looked_at_once_at_its_turn_and_its_room_is_used_again() {
        let mut book = Book::new(300_000);
        assert_eq!(book.next_turn(1_000_000), None);
        for n in 0..3 {
            book.add(pending(n, 1_000_000), 1_000_000 + 1_000 * n);
        }
        book.kill(book.find(1).unwrap());
        let mut seen = Vec::new();
        while let Some(at) = book.next_turn(1_010_000) {
            let slots = book.due();
            for slot in &slots {
                seen.push((book.get(*slot).message, at));
                book.free(*slot);
            }
            book.done(slots);
        }
        assert_eq!(seen, [(0, 1_000_250), (2, 1_002_000)]);
        assert!(book.is_idle() && book.len() == 0 && book.is_sound(|_| false));
        book.add(pending(9, 1_010_000), u64::MAX);
        assert_eq!((book.slab.len(), book.len()), (3, 1));
    }

    #[test]
    fn a_broken_snapshot_is_noticed() {
        let mut book = Book::new(300_000);
        book.add(pending(1, 0), 1_000);
        assert!(book.is_sound(|cell| cell == 0) && !book.is_sound(|_| false));
        book.free.push(0);
        assert!(!book.is_sound(|_| true));
    }
}
