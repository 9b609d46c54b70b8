//! Refusals as problems.

use crate::admission::Denied;
use crate::http::{Kind, Problem};
use crate::model::{Ms, NumberKind, Refusal, SECOND};
use crate::number::NumberError;
use crate::verification::{CheckError, SendError};

fn limit(refusal: Refusal, now: Ms) -> Problem {
    Problem::limit(refusal.limit, refusal.until.saturating_sub(now).div_ceil(SECOND).max(1))
}

/// A send that was refused. `now` is the gateway's clock, for the wide limits.
pub fn send(error: SendError, now: Ms) -> Problem {
    match error {
        SendError::Denied(denied) => self::denied(denied, now),
        SendError::Limit(refusal, now) => limit(refusal, now),
        SendError::Ended(status) => Problem::ended(status),
        SendError::NotFound => not_found(),
        SendError::OtherBody => other_body(),
        SendError::Option(field, detail) => Problem::field(field, format!("{field} {detail}")),
        SendError::Store(error) => Problem::store(&error),
    }
}

fn denied(denied: Denied, now: Ms) -> Problem {
    match denied {
        Denied::Country(country, channel) => {
            let detail =
                format!("{channel} to {country} is not allowed; the operator lists countries in countries.allow");
            Problem::new(Kind::CountryNotAllowed, detail).with("country", country).with("channel", channel)
        }
        Denied::NumberType(kind, channel) => {
            let detail = match kind {
                NumberKind::FixedLine | NumberKind::TollFree => "this number takes no SMS; use channel voice",
                _ => "premium, shared-cost, satellite and special numbers are not contacted; use a mobile or landline",
            };
            Problem::new(Kind::NumberType, detail).with("number_type", kind).with("channel", channel)
        }
        Denied::NoRoute(country, channel) => {
            let detail = format!("no carrier takes {channel} to {country}; the operator can configure one");
            Problem::new(Kind::NoRoute, detail).with("country", country).with("channel", channel)
        }
        Denied::OptedOut(channel) => {
            let detail =
                format!("the person answered STOP; use another channel than {channel}, or ask them to send START");
            Problem::new(Kind::OptedOut, detail).with("channel", channel)
        }
        Denied::Limit(refusal) => limit(refusal, now),
        Denied::Store(error) => Problem::store(&error),
    }
}

/// A check without a verdict.
pub fn check(error: CheckError) -> Problem {
    match error {
        CheckError::NotACode => Problem::field("code", "a code has 4 to 10 digits"),
        CheckError::Ended(status) => Problem::ended(status),
        CheckError::NotFound => not_found(),
        CheckError::OtherBody => other_body(),
        CheckError::Store(error) => Problem::store(&error),
    }
}

/// A number that cannot be read.
pub fn number(error: NumberError) -> Problem {
    Problem::new(Kind::InvalidNumber, error.to_string()).with("field", "to")
}

/// No such record of this tenant.
pub fn not_found() -> Problem {
    Problem::new(Kind::NotFound, "no such id belongs to this API key's tenant")
}

fn other_body() -> Problem {
    Problem::new(Kind::IdempotencyMismatch, "use a new Idempotency-Key for a new request")
}
