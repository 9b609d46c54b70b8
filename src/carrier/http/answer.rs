//! What an answer means. Whether a submit was taken is judged here alone.
//!
//! ```text
//! no connection                         refused, temporary_carrier_fault: nobody has it
//! 2xx that says accepted                accepted
//! a listed error code                   refused, its cause
//! silence, reset, too large, 5xx,
//! 2xx that cannot be read               unknown: the carrier may have it
//! otherwise                             refused, by the HTTP status
//! ```

use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value as Json;

use super::client::{Fault, Reply};
use super::profile::{AnswerSpec, ErrorPlace, ErrorTables};
use crate::carrier::{Answer, Refused};
use crate::model::{Cause, HOUR, Ms, SECOND};

/// The longest wait that a carrier is believed.
const LONGEST_WAIT: Ms = HOUR;

/// Judges the answer to a submit at `now`.
pub fn judge(spec: &AnswerSpec, errors: &ErrorTables, reply: &Result<Reply, Fault>, now: Ms) -> Answer {
    let reply = match reply {
        Ok(reply) => reply,
        Err(Fault::NotSent(_)) => return Answer::Refused(Cause::TemporaryCarrierFault.into()),
        Err(Fault::NoAnswer(_)) => return Answer::Unknown,
    };
    let successful = (200..300).contains(&reply.status);
    let may_accept = successful && (spec.status.is_empty() || spec.status.contains(&reply.status));
    let null = Json::Null;
    let body = reply.json.as_ref().unwrap_or(&null);
    if may_accept && spec.accepted.iter().all(|condition| condition.holds(body)) {
        return match &spec.id {
            None => Answer::Accepted(None),
            Some(place) => match place.text(body) {
                Some(id) if is_id(&id) => Answer::Accepted(Some(id)),
                // It was taken, says the status; without an id the answer may be another's.
                _ => Answer::Unknown,
            },
        };
    }
    match refused(&spec.errors, errors, reply, now) {
        // A code that is listed is one of those that say what became of it.
        Refused { listed: false, .. } if reply.status >= 500 => Answer::Unknown,
        // Neither yes nor no.
        Refused { code: None, .. } if successful && spec.accepted.iter().all(|c| c.at.text(body).is_none()) => {
            Answer::Unknown
        }
        refused => Answer::Refused(refused),
    }
}

/// Why an answer that is no success refuses.
pub fn refused(places: &[ErrorPlace], errors: &ErrorTables, reply: &Reply, now: Ms) -> Refused {
    let found = reply.json.as_ref().and_then(|body| errors.find(places, body));
    let (code, listed) = found.map_or((None, None), |found| (Some(found.code), found.cause));
    let by_status = || errors.cause("http", &reply.status.to_string()).unwrap_or_else(|| of_status(reply.status));
    let cause = listed.unwrap_or_else(by_status);
    Refused {
        cause,
        wait_ms: retry_after(&reply.headers, now),
        code: code.filter(|code| is_id(code)),
        listed: listed.is_some(),
    }
}

/// What an HTTP status alone means.
fn of_status(status: u16) -> Cause {
    match status {
        401 | 403 => Cause::AuthFailed,
        402 => Cause::InsufficientFunds,
        408 | 429 => Cause::RateLimited,
        500.. => Cause::TemporaryCarrierFault,
        _ => Cause::PermanentOther,
    }
}

/// Whether a text is fit to be kept as a carrier's id or code: short and printable.
pub fn is_id(text: &str) -> bool {
    (1..=100).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// `Retry-After` in milliseconds: seconds or an instant (RFC 9110, 10.2.3).
fn retry_after(headers: &HeaderMap, now: Ms) -> Option<Ms> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => seconds.saturating_mul(SECOND),
        Err(_) => {
            let instant = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_millisecond();
            u64::try_from(instant).ok()?.saturating_sub(now)
        }
    };
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(toml: &str) -> AnswerSpec {
        toml::from_str(toml).unwrap()
    }

    fn reply(status: u16, body: &str) -> Result<Reply, Fault> {
        Ok(Reply { status, headers: HeaderMap::new(), json: serde_json::from_str(body).ok() })
    }

    fn errors() -> ErrorTables {
        toml::from_str("[submit.codes]\n7 = { cause = \"invalid_number\", note = \"x\" }\n[http.codes]\n404 = { cause = \"no_answer\", note = \"\" }").unwrap()
    }

    const SPEC: &str =
        "accepted = [{ at = \"/s\", is = [\"0\"] }]\nid = \"/id\"\nerrors = [{ at = \"/s\", in = \"submit\" }]";

    #[track_caller]
    fn is_refused(answer: Answer, cause: Cause) {
        assert!(matches!(&answer, Answer::Refused(refused) if refused.cause == cause), "{answer:?}");
    }

    #[test]
    fn a_success_can_be_a_refusal_and_nonsense_is_neither() {
        let judge = |status, body: &str| judge(&spec(SPEC), &errors(), &reply(status, body), 0);
        assert_eq!(judge(200, r#"{"s": 0, "id": "m1"}"#), Answer::Accepted(Some("m1".into())));
        is_refused(judge(200, r#"{"s": "7"}"#), Cause::InvalidNumber);
        is_refused(judge(200, r#"{"s": "8"}"#), Cause::PermanentOther);
        for nonsense in ["", "<html>", "[]", r#"{"s": 0}"#, r#"{"s": 0, "id": "a b"}"#, r#"{"t": 0}"#] {
            assert_eq!(judge(200, nonsense), Answer::Unknown, "{nonsense}");
        }
        for status in [500, 502, 503] {
            assert_eq!(judge(status, r#"{"s": "8"}"#), Answer::Unknown);
            is_refused(judge(status, r#"{"s": "7"}"#), Cause::InvalidNumber);
        }
        is_refused(judge(404, ""), Cause::NoAnswer);
        is_refused(judge(401, "{}"), Cause::AuthFailed);
        is_refused(judge(302, ""), Cause::PermanentOther);
        is_refused(
            super::judge(&spec(SPEC), &errors(), &Err(Fault::NotSent("x".into())), 0),
            Cause::TemporaryCarrierFault,
        );
        assert_eq!(super::judge(&spec(SPEC), &errors(), &Err(Fault::NoAnswer("x".into())), 0), Answer::Unknown);
    }

    #[test]
    fn retry_after_is_read_in_both_forms_and_bounded() {
        let wait = |text: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            retry_after(&headers, 784_111_777_000)
        };
        assert_eq!(wait("7"), Some(7_000));
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:00 GMT"), Some(23_000));
        assert_eq!(wait("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        assert_eq!(wait("99999999999999999999"), None);
        assert_eq!(wait("9999999999"), Some(LONGEST_WAIT));
        assert_eq!(wait("soon"), None);
    }
}
