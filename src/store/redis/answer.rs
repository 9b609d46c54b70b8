//! What a script gives: a word, then values. Everything is read with an error, since
//! a newer gateway's script or a stranger's key may have made it.

use std::time::Instant;

use redis::Value;

use crate::model::Ms;
use crate::store::StoreError;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    word: String,
    values: Vec<Value>,
    /// When the call was sent.
    pub asked: Instant,
    /// When the answer came.
    pub came: Instant,
    /// The number of the connection that brought it.
    pub over: u64,
}

impl Answer {
    /// Reads the array of a script that was called at that instant over that connection.
    pub fn new(value: Value, asked: Instant, over: u64) -> Result<Self, StoreError> {
        let Value::Array(values) = value else { return Err(StoreError::unreadable("a script gave no list")) };
        let word = values.first().and_then(bytes).and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
        let word = word.ok_or_else(|| StoreError::unreadable("a script gave no word"))?;
        Ok(Answer { word, values, asked, came: Instant::now(), over })
    }

    /// The word in front, and whether the answer was kept from an earlier request.
    pub fn word(&self) -> (&str, bool) {
        match self.word.strip_prefix("kept:") {
            Some(word) => (word, true),
            None => (&self.word, false),
        }
    }

    /// The error for a word that no script of this version gives.
    pub fn unexpected(&self) -> StoreError {
        StoreError::unreadable(format_args!("a script gave {:?}", self.word))
    }

    /// The value at a place, as bytes; none is empty.
    pub fn bytes(&self, place: usize) -> &[u8] {
        self.values.get(place).and_then(bytes).unwrap_or_default()
    }

    /// The value at a place, as text.
    pub fn text(&self, place: usize) -> Result<&str, StoreError> {
        std::str::from_utf8(self.bytes(place)).map_err(StoreError::unreadable)
    }

    /// The value at a place, as a number.
    pub fn int(&self, place: usize) -> Result<u64, StoreError> {
        let value = match self.values.get(place) {
            Some(Value::Int(value)) => u64::try_from(*value).ok(),
            _ => self.text(place)?.parse().ok(),
        };
        value.ok_or_else(|| StoreError::unreadable("a script gave no number"))
    }

    /// The list at a place.
    pub fn list(&self, place: usize) -> Answer {
        let values = match self.values.get(place) {
            Some(Value::Array(values)) => values.clone(),
            _ => Vec::new(),
        };
        Answer { word: String::new(), values, ..*self }
    }

    /// The server's clock: always second.
    pub fn now(&self) -> Result<Ms, StoreError> {
        self.int(1)
    }

    /// How many values there are, the word included.
    pub fn len(&self) -> usize {
        self.values.len()
    }
}

/// The fields of a hash with their values, as text.
pub fn pairs(value: &Value) -> Result<Vec<(String, String)>, StoreError> {
    let text = |value: &Value| {
        let bytes = bytes(value).ok_or_else(|| StoreError::unreadable("a hash holds something else than text"))?;
        String::from_utf8(bytes.to_vec()).map_err(StoreError::unreadable)
    };
    match value {
        Value::Map(pairs) => pairs.iter().map(|(field, value)| Ok((text(field)?, text(value)?))).collect(),
        Value::Array(all) => all.chunks_exact(2).map(|pair| Ok((text(&pair[0])?, text(&pair[1])?))).collect(),
        _ => Err(StoreError::unreadable("a hash gave no list")),
    }
}

/// The bytes of a string.
pub fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.as_bytes()),
        _ => None,
    }
}

/// The answers to INFO; in a cluster each server gives one.
pub fn texts(answer: &Value) -> Vec<String> {
    match answer {
        Value::Map(servers) => servers.iter().flat_map(|(_, info)| texts(info)).collect(),
        Value::Array(servers) => servers.iter().flat_map(texts).collect(),
        one => vec![String::from_utf8_lossy(bytes(one).unwrap_or_default()).into_owned()],
    }
}
