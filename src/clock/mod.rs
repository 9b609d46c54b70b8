//! Time, passed in. Owns the only reading of the system clock; a store over a
//! server uses that server's clock instead.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::model::Ms;

/// Where a room gets the time from. Cloning shares the clock.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that only moves when told to, for tests.
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// A clock that stands at `start`.
    pub fn manual(start: Ms) -> Self {
        Clock::Manual(Arc::new(AtomicU64::new(start)))
    }

    /// Milliseconds since the Unix epoch.
    pub fn now(&self) -> Ms {
        match self {
            Clock::System => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as Ms),
            Clock::Manual(now) => now.load(Ordering::SeqCst),
        }
    }

    /// Moves a manual clock forward; the machine's clock is left alone.
    pub fn advance(&self, by: Ms) {
        if let Clock::Manual(now) = self {
            now.fetch_add(by, Ordering::SeqCst);
        }
    }
}
