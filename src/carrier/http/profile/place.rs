//! Places in what a carrier sends: JSON pointers (RFC 6901). A form or a query is a
//! flat object of texts, so that one language names places in all of them.

use serde::Deserialize;
use serde_json::{Map, Value as Json};

/// A place in a body.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Place(String);

impl TryFrom<String> for Place {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.starts_with('/') {
            true => Ok(Place(text)),
            false => Err(format!("{text:?} is no place; write a JSON pointer such as \"/messages/0/id\"")),
        }
    }
}

impl Place {
    /// The text, number or boolean that stands there, as text.
    pub fn text(&self, body: &Json) -> Option<String> {
        match body.pointer(&self.0)? {
            Json::String(text) => Some(text.clone()),
            Json::Number(number) => Some(number.to_string()),
            Json::Bool(yes) => Some(yes.to_string()),
            Json::Null | Json::Array(_) | Json::Object(_) => None,
        }
    }

    /// The list that stands there.
    pub fn list<'a>(&self, body: &'a Json) -> Option<&'a [Json]> {
        body.pointer(&self.0)?.as_array().map(Vec::as_slice)
    }
}

/// A condition on a body.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Where.
    pub at: Place,
    /// What may stand there.
    pub is: Vec<String>,
}

impl Condition {
    /// Whether it holds.
    pub fn holds(&self, body: &Json) -> bool {
        self.at.text(body).is_some_and(|text| self.is.contains(&text))
    }
}

/// Where an error code stands.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorPlace {
    /// Where.
    pub at: Place,
    /// The table of errors.toml that explains it.
    #[serde(rename = "in")]
    pub table: String,
    /// The code is what follows the last such character.
    pub after: Option<char>,
}

impl ErrorPlace {
    /// The code that stands there.
    pub fn code(&self, body: &Json) -> Option<String> {
        let text = self.at.text(body)?;
        let code = match self.after {
            Some(mark) => text.rsplit_once(mark)?.1,
            None => text.as_str(),
        };
        (!code.is_empty()).then(|| code.to_owned())
    }
}

/// The fields of a form or query as a flat object. Of a repeated field the first counts.
pub fn flat(fields: impl IntoIterator<Item = (String, String)>) -> Json {
    let mut all = Map::new();
    for (name, value) in fields {
        all.entry(name).or_insert(Json::String(value));
    }
    Json::Object(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Place {
        text.to_owned().try_into().unwrap()
    }

    #[test]
    fn places_are_read_as_text() {
        let body = serde_json::json!({"m": [{"id": 7, "ok": true, "none": null}], "t": "https://x/errors#1120"});
        assert_eq!(place("/m/0/id").text(&body).unwrap(), "7");
        assert_eq!(place("/m/0/ok").text(&body).unwrap(), "true");
        for missing in ["/m/0/none", "/m/0", "/m/1/id", "/x", "/"] {
            assert_eq!(place(missing).text(&body), None, "{missing}");
        }
        assert!(Place::try_from("m/0".to_owned()).is_err());
        let code = |after| ErrorPlace { at: place("/t"), table: "t".into(), after }.code(&body);
        assert_eq!((code(Some('#')).as_deref(), code(Some('?'))), (Some("1120"), None));
    }
}
