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

/// An instant as RFC 3339 with milliseconds, in UTC.
pub fn rfc3339(ms: Ms) -> String {
    let time = jiff::Timestamp::from_millisecond(i64::try_from(ms).unwrap_or(i64::MAX)).unwrap_or(jiff::Timestamp::MAX);
    format!("{time:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_print_with_milliseconds_and_never_panic() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_795_563_264_007), "2026-11-24T23:34:24.007Z");
        assert!(rfc3339(Ms::MAX).starts_with("9999-"));
    }
}
