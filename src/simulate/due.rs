//! What is due in a world, and in which order.

use std::cmp::Ordering;

use crate::blocks;
use crate::model::Ms;

/// What is due at a time.
#[derive(Debug, Clone, Copy)]
pub enum What {
    /// A person of a network asks for a code.
    Asks { network: u16 },
    /// So does a machine; `wave` is the burst.
    Pumps { network: u16, wave: u16 },
    /// A receipt of a person's message comes.
    Receipt { person: u32, message: u64, outcome: blocks::Outcome },
    /// A person has read the code.
    Reads { person: u32 },
    /// A person's patience ends.
    Tires { person: u32 },
    /// The time for the fall-back has come.
    FallsBack { person: u32, route: u16, unless_received: bool },
    /// Something happens.
    Begins { happening: u16 },
    /// It is over.
    Ends { happening: u16 },
    /// Carriers come or go.
    Offers,
    /// Time passes.
    Ticks,
}

/// An entry of the heap: the earliest first, then in the order of making.
pub struct Due {
    pub at: Ms,
    pub order: u64,
    pub what: What,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}
