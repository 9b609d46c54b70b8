//! What carriers post to us, read: receipts, keys on a call, messages from phones.
//! Whoever sends it may be anybody; the signature is checked before.

use serde_json::Value as Json;

use super::answer::is_id;
use super::profile::{Body, ErrorTables, Inbound, InputSpec, NetworkPlace, Place, PricePlace, ReceiptSpec, Word, flat};
use crate::model::{Cause, Currency, Money, Network};

/// Most reports of one request that are read.
const MOST_REPORTS: usize = 1_000;

/// One report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The carrier's own id.
    pub id: Option<String>,
    /// What its status means. Of a failure the cause is the error code's, if that is listed.
    pub word: Word,
    /// The carrier's status or error code, if it is not listed.
    pub unlisted: Option<String>,
    /// The carrier's error code.
    pub code: Option<String>,
    /// What it cost.
    pub price: Option<Money>,
    /// The phone's network.
    pub network: Option<Network>,
}

/// What a request for the next document tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The pressed key.
    pub key: Option<char>,
    /// A machine answered.
    pub machine: bool,
    /// The carrier's own id of the call.
    pub id: Option<String>,
}

/// A message from a phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The person's number.
    pub from: String,
    /// The sender that it was sent to.
    pub to: String,
    /// The text.
    pub text: String,
}

/// A body as one language: JSON; a form or query as a flat object. `None`: it is not
/// what the profile says.
pub fn read(kind: Body, content: &[u8], query: &str) -> Option<Json> {
    let pairs = |bytes: &[u8]| flat(url::form_urlencoded::parse(bytes).into_owned());
    match kind {
        Body::Json => serde_json::from_slice(content).ok(),
        Body::Form => Some(pairs(content)),
        Body::Query => Some(pairs(query.as_bytes())),
    }
}

fn items<'a>(each: &Option<Place>, body: &'a Json) -> &'a [Json] {
    let all = match each {
        Some(place) => place.list(body).unwrap_or_default(),
        None => std::slice::from_ref(body),
    };
    &all[..all.len().min(MOST_REPORTS)]
}

/// The reports in a body, in its order.
pub fn receipts(spec: &ReceiptSpec, errors: &ErrorTables, body: &Json) -> Vec<Told> {
    let items = items(&spec.each, body).iter();
    let wanted = items.filter(|item| spec.when.iter().all(|condition| condition.holds(item)));
    wanted.filter_map(|item| receipt(spec, errors, item)).collect()
}

fn receipt(spec: &ReceiptSpec, errors: &ErrorTables, item: &Json) -> Option<Told> {
    let status = spec.status.text(item)?;
    let known = spec.statuses.get(&status).copied();
    let mut word = known.unwrap_or(Word::Wait);
    let mut unlisted = known.is_none().then_some(status);
    let mut code = None;
    if matches!(word, Word::Answered | Word::Ended) && spec.machine.as_ref().is_some_and(|machine| machine.holds(item))
    {
        word = Word::Failed(Cause::AnsweredByMachine);
    } else if let Word::Failed(_) = word
        && let Some(found) = errors.find(&spec.errors, item)
    {
        match found.cause {
            Some(cause) => word = Word::Failed(cause),
            None => unlisted = Some(found.code.clone()),
        }
        code = Some(found.code);
    }
    Some(Told {
        id: spec.id.as_ref().and_then(|place| place.text(item)).filter(|id| is_id(id)),
        word,
        unlisted: unlisted.filter(|text| is_id(text)),
        code: code.filter(|code| is_id(code)),
        price: spec.price.as_ref().and_then(|place| price(place, item)),
        network: spec.network.as_ref().and_then(|place| network(place, item)),
    })
}

/// A price that stands in a body.
pub fn price(place: &PricePlace, body: &Json) -> Option<Money> {
    let currency = match (&place.currency, &place.currency_is) {
        (Some(place), _) => place.text(body)?,
        (None, fixed) => fixed.clone()?,
    };
    Money::new(&place.amount.text(body)?, Currency::new(&currency)?)
}

/// MCC and MNC as `404-45`: three digits, then two or three.
fn network(place: &NetworkPlace, body: &Json) -> Option<Network> {
    let text = |place: &Option<Place>| place.as_ref().and_then(|place| place.text(body));
    let (mcc, mnc) = match text(&place.mcc_mnc) {
        Some(both) => {
            let digits: String = both.chars().filter(char::is_ascii_digit).collect();
            let (mcc, mnc) = digits.split_at_checked(3)?;
            (mcc.to_owned(), mnc.to_owned())
        }
        None => (text(&place.mcc)?, text(&place.mnc)?),
    };
    let digits = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let mnc = if mnc.len() == 1 { format!("0{mnc}") } else { mnc };
    (digits(&mcc, 3..=3) && digits(&mnc, 2..=3)).then(|| Network::Known(format!("{mcc}-{mnc}")))
}

/// What a request for the next document tells. Only a first key counts.
pub fn input(spec: &InputSpec, body: &Json) -> Input {
    Input {
        key: spec.digits.text(body).and_then(|digits| digits.chars().next()),
        machine: spec.machine.as_ref().is_some_and(|condition| condition.holds(body)),
        id: spec.id.as_ref().and_then(|place| place.text(body)).filter(|id| is_id(id)),
    }
}

/// Messages from phones in a body.
pub fn mails(spec: &Inbound, body: &Json) -> Vec<Mail> {
    let wanted = items(&spec.each, body).iter().filter(|item| spec.when.iter().all(|condition| condition.holds(item)));
    let mail =
        |item: &Json| Some(Mail { from: spec.from.text(item)?, to: spec.to.text(item)?, text: spec.text.text(item)? });
    wanted.filter_map(mail).collect()
}

impl Told {
    /// The cause of a failure.
    pub fn cause(&self) -> Option<Cause> {
        match self.word {
            Word::Failed(cause) => Some(cause),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_of_a_batch_is_read() {
        let spec = "body = \"json\"\neach = \"/results\"\nfrom = \"/from\"\nto = \"/to\"\ntext = \"/text\"";
        let spec: Inbound = toml::from_str(spec).unwrap();
        let of = |text: &str| serde_json::json!({ "from": "4479", "to": "4478", "text": text });
        let read = mails(&spec, &serde_json::json!({ "results": [of("hello"), of("STOP"), {}] }));
        assert_eq!(read.iter().map(|mail| mail.text.as_str()).collect::<Vec<_>>(), ["hello", "STOP"]);
    }

    #[test]
    fn networks_are_of_digits() {
        let place: NetworkPlace = toml::from_str("mcc_mnc = \"/n\"").unwrap();
        let read = |text: &str| network(&place, &serde_json::json!({ "n": text })).map(|network| network.to_string());
        assert_eq!(read("40445").as_deref(), Some("404-45"));
        assert_eq!(read("310-260").as_deref(), Some("310-260"));
        assert_eq!(read("2341").as_deref(), Some("234-01"));
        for bad in ["", "404", "4044512", "abc", "null"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        let place: NetworkPlace = toml::from_str("mcc = \"/a\"\nmnc = \"/b\"").unwrap();
        let told = network(&place, &serde_json::json!({"a": "404", "b": 45}));
        assert_eq!(told, Some(Network::Known("404-45".into())));
    }
}
