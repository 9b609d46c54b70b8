//! Time, passed in. Owns the only reading of the system clock. Gateways that share
//! a store follow its server's clock, so that their own may be wrong.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::model::Ms;

/// Where a room gets the time from. Cloning shares the clock.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that only moves when told to, for tests.
    Manual(Arc<AtomicU64>),
    /// Another machine's clock, as far as it told. Before that, this machine's.
    Followed(Arc<RwLock<Option<(Ms, Instant)>>>),
}

fn system() -> Ms {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as Ms)
}

impl Clock {
    /// A clock that stands at `start`.
    pub fn manual(start: Ms) -> Self {
        Clock::Manual(Arc::new(AtomicU64::new(start)))
    }

    /// A clock that follows another machine's; see [`Clock::told`].
    pub fn followed() -> Self {
        Clock::Followed(Arc::default())
    }

    /// Milliseconds since the Unix epoch.
    pub fn now(&self) -> Ms {
        match self {
            Clock::System => system(),
            Clock::Manual(now) => now.load(Ordering::SeqCst),
            Clock::Followed(known) => match *known.read().expect("no panic while held") {
                Some((then, at)) => then + at.elapsed().as_millis() as Ms,
                None => system(),
            },
        }
    }

    /// Learns from an answer what a followed clock said between `asked` and `came`. At
    /// its coming it was no earlier than it said, and later by no more than the call
    /// took; what fits that already is left alone.
    pub fn told(&self, said: Ms, asked: Instant, came: Instant) {
        let Clock::Followed(known) = self else { return };
        let fits = |known: &Option<(Ms, Instant)>| {
            let (then, at) = (*known)?;
            let at_coming = then + came.saturating_duration_since(at).as_millis() as Ms;
            let most = said + (came - asked).as_millis() as Ms;
            (said..=most).contains(&at_coming).then_some(())
        };
        if fits(&known.read().expect("no panic while held")).is_none() {
            *known.write().expect("no panic while held") = Some((said, came));
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
    fn a_followed_clock_takes_the_fastest_answer_and_notices_another_clock() {
        let (clock, start) = (Clock::followed(), Instant::now());
        let after = |ms| start + std::time::Duration::from_millis(ms);
        let at = |ms: u64| match &clock {
            Clock::Followed(known) => {
                known.read().unwrap().map(|(then, at)| then + ms - (at - start).as_millis() as Ms)
            }
            _ => None,
        };
        assert!(clock.now().abs_diff(system()) < 1_000);
        // It said 1,000 and took 50 ms to come: behind by up to that.
        clock.told(1_000, start, after(50));
        assert_eq!(at(100), Some(1_050));
        // A faster answer shows that it was behind by 40.
        clock.told(1_090, after(98), after(100));
        assert_eq!(at(200), Some(1_190));
        // A slow answer that says nothing new.
        clock.told(1_150, after(160), after(200));
        assert_eq!(at(200), Some(1_190));
        // Another server's clock, an hour back.
        clock.told(500, after(210), after(210));
        assert_eq!(at(210), Some(500));
    }

    #[test]
    fn instants_print_with_milliseconds_and_never_panic() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_795_563_264_007), "2026-11-24T23:34:24.007Z");
        assert!(rfc3339(Ms::MAX).starts_with("9999-"));
    }
}
