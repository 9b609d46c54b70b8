//! Placeholders: `{name}` in the texts of a request. What has no value now takes
//! its whole field with it, so that a folder needs no conditions.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::model::Secret;

/// What a placeholder stands for.
#[derive(Clone)]
pub enum Filling {
    /// A text; it may be a number, a code or a key, so it never prints.
    Text(Secret<String>),
    /// A number, written without quotes where it stands alone in JSON.
    Number(u64),
    /// JSON, as it is where it stands alone in JSON.
    Json(Secret<String>),
}

impl Filling {
    fn text(&self) -> String {
        match self {
            Filling::Text(text) | Filling::Json(text) => text.reveal().clone(),
            Filling::Number(number) => number.to_string(),
        }
    }

    fn json(&self) -> Json {
        match self {
            Filling::Text(text) => Json::String(text.reveal().clone()),
            Filling::Number(number) => Json::from(*number),
            Filling::Json(text) => serde_json::from_str(text.reveal()).unwrap_or(Json::Null),
        }
    }
}

/// The placeholders that have a value now.
#[derive(Clone, Default)]
pub struct Fillings(BTreeMap<String, Filling>);

impl Fillings {
    /// Sets a text.
    pub fn text(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), Filling::Text(Secret::new(value.into())));
    }

    /// Sets a text if there is one.
    pub fn maybe(&mut self, name: &str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// Sets a number.
    pub fn number(&mut self, name: &str, value: u64) {
        self.0.insert(name.to_owned(), Filling::Number(value));
    }

    /// Sets JSON.
    pub fn json(&mut self, name: &str, value: String) {
        self.0.insert(name.to_owned(), Filling::Json(Secret::new(value)));
    }

    fn get(&self, name: &str) -> Option<&Filling> {
        self.0.get(name)
    }
}

/// A text with placeholders. `{{` and `}}` are braces.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Hole(String),
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (mut pieces, mut literal, mut rest) = (Vec::new(), String::new(), text.as_str());
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..];
            if let Some(tail) = brace.strip_prefix("{{").or_else(|| brace.strip_prefix("}}")) {
                literal.push_str(&brace[..1]);
                rest = tail;
                continue;
            }
            let hole = brace.strip_prefix('{').and_then(|tail| tail.split_once('}'));
            let Some((name, tail)) = hole else {
                return Err(format!("{text:?} has a lone brace; write {{name}}, or {{{{ for a brace itself"));
            };
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
                return Err(format!("{{{name}}} is no placeholder; names are of a-z, 0-9 and _"));
            }
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Hole(name.to_owned()));
            rest = tail;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Pattern(pieces))
    }
}

impl Pattern {
    /// The placeholders in it.
    pub fn holes(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Hole(name) => Some(name.as_str()),
            Piece::Literal(_) => None,
        })
    }

    /// Whether it begins with a placeholder: a path that does is a whole URL.
    pub fn begins_with_hole(&self) -> bool {
        matches!(self.0.first(), Some(Piece::Hole(_)))
    }

    /// The text, with every value through `write`; `None` if a placeholder has none.
    pub fn fill_with(&self, fillings: &Fillings, write: impl Fn(&str) -> String) -> Option<String> {
        self.0.iter().try_fold(String::new(), |mut out, piece| {
            match piece {
                Piece::Literal(literal) => out.push_str(literal),
                Piece::Hole(name) => out.push_str(&write(&fillings.get(name)?.text())),
            }
            Some(out)
        })
    }

    /// The operator's value. `Err` names the options that are missing.
    pub fn required(&self, options: &Fillings) -> Result<String, String> {
        let missing = || format!("option {} is missing", self.holes().collect::<Vec<_>>().join(" or "));
        self.fill(options).ok_or_else(missing)
    }

    /// The text; `None` if a placeholder has no value.
    pub fn fill(&self, fillings: &Fillings) -> Option<String> {
        self.fill_with(fillings, str::to_owned)
    }

    fn fill_json(&self, fillings: &Fillings) -> Option<Json> {
        match self.0.as_slice() {
            [Piece::Hole(name)] => fillings.get(name).map(Filling::json),
            _ => self.fill(fillings).map(Json::String),
        }
    }
}

/// A value with placeholders somewhere in it: the fields of a request.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Json")]
pub enum Shape {
    /// A text.
    Text(Pattern),
    /// A number, true or false.
    Constant(Json),
    /// A list.
    List(Vec<Shape>),
    /// A table.
    Table(BTreeMap<String, Shape>),
}

impl TryFrom<Json> for Shape {
    type Error = String;

    fn try_from(value: Json) -> Result<Self, String> {
        Ok(match value {
            Json::String(text) => Shape::Text(text.try_into()?),
            Json::Array(items) => Shape::List(items.into_iter().map(Shape::try_from).collect::<Result<_, _>>()?),
            Json::Object(fields) => {
                let field = |(name, value)| Ok::<_, String>((name, Shape::try_from(value)?));
                Shape::Table(fields.into_iter().map(field).collect::<Result<_, _>>()?)
            }
            constant => Shape::Constant(constant),
        })
    }
}

impl Shape {
    /// The placeholders in it.
    pub fn holes(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            Shape::Text(pattern) => Box::new(pattern.holes()),
            Shape::Constant(_) => Box::new(std::iter::empty()),
            Shape::List(items) => Box::new(items.iter().flat_map(Shape::holes)),
            Shape::Table(fields) => Box::new(fields.values().flat_map(Shape::holes)),
        }
    }

    /// As JSON. What has no value is left out, and so is a list or table that held
    /// nothing else.
    pub fn fill(&self, fillings: &Fillings) -> Option<Json> {
        match self {
            Shape::Text(pattern) => pattern.fill_json(fillings),
            Shape::Constant(value) => Some(value.clone()),
            Shape::List(items) => {
                let filled: Vec<Json> = items.iter().filter_map(|item| item.fill(fillings)).collect();
                (!filled.is_empty() || items.is_empty()).then_some(Json::Array(filled))
            }
            Shape::Table(fields) => {
                let field = |(name, shape): (&String, &Shape)| Some((name.clone(), shape.fill(fillings)?));
                let filled: Map<String, Json> = fields.iter().filter_map(field).collect();
                (!filled.is_empty() || fields.is_empty()).then_some(Json::Object(filled))
            }
        }
    }

    /// As fields of a form or query, in which a list is a repeated field.
    pub fn fill_fields(&self, name: &str, fillings: &Fillings) -> Vec<(String, String)> {
        let text = |value: Json| match value {
            Json::String(text) => text,
            other => other.to_string(),
        };
        match self {
            Shape::List(items) => items.iter().flat_map(|item| item.fill_fields(name, fillings)).collect(),
            shape => shape.fill(fillings).map(|value| (name.to_owned(), text(value))).into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fillings() -> Fillings {
        let mut fillings = Fillings::default();
        fillings.text("to", "+81 90");
        fillings.number("ttl", 300);
        fillings
    }

    fn shape(json: &str) -> Shape {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_has_no_value_takes_its_field_with_it() {
        let shape = shape(
            r#"{"a": "{to}", "b": "x{none}", "n": "{ttl}", "s": "{ttl}s", "t": {"u": "{none}"}, "l": ["{none}", 1],
                "e": {}, "m": [{"to": "{to}"}], "q": "{{to}}"}"#,
        );
        let filled = shape.fill(&fillings()).unwrap();
        let expected = serde_json::json!({
            "a": "+81 90", "n": 300, "s": "300s", "l": [1], "e": {}, "m": [{"to": "+81 90"}], "q": "{to}"
        });
        assert_eq!(filled, expected);
    }

    #[test]
    fn a_list_is_a_repeated_field() {
        let events = shape(r#"["a", "{none}", "{ttl}", true]"#).fill_fields("E", &fillings());
        let expected = [("E", "a"), ("E", "300"), ("E", "true")].map(|(name, value)| (name.into(), value.into()));
        assert_eq!(events, expected);
    }

    #[test]
    fn lone_braces_and_odd_names_are_told() {
        for bad in ["{", "}", "a{to", "{To}", "{}", "{a b}"] {
            assert!(Pattern::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        let pattern = Pattern::try_from("/v1/{to}/{{x}}".to_owned()).unwrap();
        assert_eq!(pattern.fill_with(&fillings(), |text| text.replace('+', "%2B")).unwrap(), "/v1/%2B81 90/{x}");
        assert_eq!(pattern.holes().collect::<Vec<_>>(), ["to"]);
    }
}
