//! A breaker per carrier: after failures in a row it is left alone for a while, then
//! one message is tried again. Pure: instants and outcomes come in, states come out.
//!
//! ```text
//! closed ── failures in a row, or wrong keys at once ──► open ── its time is over ──► half-open
//!   ▲                                                      ▲                             │
//!   └─────────────── a message is taken ───────────────────┼── fails: twice as long ─────┤
//!   └──────────────────────────────────────────────────────┴─────────────────────────────┘
//! ```

use crate::model::{Cause, Ms};

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerRules {
    /// Failures in a row that open it.
    pub failures: u32,
    /// How long it is open the first time, in milliseconds; then doubles.
    pub first_ms: Ms,
    /// The longest time, in milliseconds.
    pub most_ms: Ms,
}

/// A breaker that is open, as all gateways see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// Until then nothing is sent; after it one message is tried.
    pub until: Ms,
    /// How often in a row it has opened.
    pub strikes: u32,
    /// What opened it.
    pub cause: Cause,
}

/// Whether a carrier may be used now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It may.
    Ready,
    /// One message may be tried.
    HalfOpen,
    /// Not before then, for this.
    Resting(Ms, Cause),
}

/// What an answer says about the carrier, whatever it says about the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It works.
    Well,
    /// It failed, for this.
    Ill(Cause),
    /// Neither.
    Nothing,
}

/// What follows from a sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Nothing that the others must know.
    Same,
    /// It closes.
    Close,
    /// It opens.
    Open(Open),
}

/// What a cause, or being taken, says about a carrier.
pub fn sign(refused: Option<Cause>) -> Sign {
    match refused {
        None => Sign::Well,
        Some(cause @ (Cause::TemporaryCarrierFault | Cause::AuthFailed | Cause::InsufficientFunds)) => Sign::Ill(cause),
        // A permanent refusal without a word of its own may be the number's or the whole
        // account's, or a request that never left.
        Some(Cause::RateLimited | Cause::PermanentOther) => Sign::Nothing,
        // It read the request and had something to say about the number.
        Some(_) => Sign::Well,
    }
}

/// Where a carrier stands at `now`.
pub fn standing(open: Option<Open>, now: Ms) -> Standing {
    match open {
        None => Standing::Ready,
        Some(Open { until, cause, .. }) if now < until => Standing::Resting(until, cause),
        Some(_) => Standing::HalfOpen,
    }
}

impl BreakerRules {
    /// What follows from a sign. `failed` counts failures in a row, this one not yet.
    pub fn turn(&self, open: Option<Open>, failed: u32, sign: Sign, now: Ms) -> Turn {
        match (sign, open) {
            (Sign::Nothing, _) | (Sign::Well, None) => Turn::Same,
            // An answer to what was sent before it opened says nothing about now.
            (_, Some(open)) if now < open.until => Turn::Same,
            (Sign::Well, Some(_)) => Turn::Close,
            (Sign::Ill(cause), Some(open)) => Turn::Open(self.opened(cause, open.strikes + 1, now)),
            // Only the operator can cure these; asking again and again cures nothing.
            (Sign::Ill(cause @ (Cause::AuthFailed | Cause::InsufficientFunds)), None) => {
                Turn::Open(self.opened(cause, 1, now))
            }
            (Sign::Ill(cause), None) if failed + 1 >= self.failures => Turn::Open(self.opened(cause, 1, now)),
            (Sign::Ill(_), None) => Turn::Same,
        }
    }

    fn opened(&self, cause: Cause, strikes: u32, now: Ms) -> Open {
        let doubled = self.first_ms.saturating_mul(1 << strikes.saturating_sub(1).min(20));
        Open { until: now + doubled.min(self.most_ms), strikes, cause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: BreakerRules = BreakerRules { failures: 3, first_ms: 10_000, most_ms: 60_000 };
    const FAULT: Sign = Sign::Ill(Cause::TemporaryCarrierFault);

    #[test]
    fn it_opens_after_failures_in_a_row_and_waits_longer_each_time() {
        assert_eq!(RULES.turn(None, 0, FAULT, 100), Turn::Same);
        assert_eq!(RULES.turn(None, 1, FAULT, 100), Turn::Same);
        let Turn::Open(mut open) = RULES.turn(None, 2, FAULT, 100) else { panic!("it stays closed") };
        assert_eq!(open, Open { until: 10_100, strikes: 1, cause: Cause::TemporaryCarrierFault });
        for wait in [20_000, 40_000, 60_000, 60_000] {
            let now = open.until;
            assert_eq!(standing(Some(open), now - 1), Standing::Resting(now, Cause::TemporaryCarrierFault));
            assert_eq!(standing(Some(open), now), Standing::HalfOpen);
            // What was sent before it opened fails late: nothing new.
            assert_eq!(RULES.turn(Some(open), 9, FAULT, now - 1), Turn::Same);
            let Turn::Open(next) = RULES.turn(Some(open), 0, FAULT, now) else { panic!("it closes") };
            assert_eq!(next.until - now, wait);
            open = next;
        }
        assert_eq!(RULES.turn(Some(open), 0, Sign::Well, open.until - 1), Turn::Same);
        assert_eq!(RULES.turn(Some(open), 0, Sign::Well, open.until), Turn::Close);
    }

    #[test]
    fn wrong_keys_open_it_at_once_and_a_number_never_does() {
        for cause in [Cause::AuthFailed, Cause::InsufficientFunds] {
            assert!(matches!(RULES.turn(None, 0, sign(Some(cause)), 0), Turn::Open(_)), "{cause}");
        }
        for cause in Cause::ALL {
            let opens = matches!(RULES.turn(None, 99, sign(Some(*cause)), 0), Turn::Open(_));
            let carriers = matches!(cause, Cause::AuthFailed | Cause::InsufficientFunds | Cause::TemporaryCarrierFault);
            assert_eq!(opens, carriers, "{cause}");
        }
        assert_eq!((sign(None), sign(Some(Cause::PermanentOther))), (Sign::Well, Sign::Nothing));
    }
}
