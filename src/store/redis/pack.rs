//! Writes MessagePack as the scripts can read it: their reader knows no `bin`, so
//! bytes go as strings. <https://github.com/msgpack/msgpack/blob/master/spec.md>

use rmp::encode::{write_array_len, write_bool, write_map_len, write_nil, write_str_len, write_uint};

/// A value that is being written.
#[derive(Default)]
pub struct Pack(Vec<u8>);

/// A map that is being written: its entries, and how many.
#[derive(Default)]
pub struct Map {
    entries: Pack,
    len: u32,
}

const INFALLIBLE: &str = "a vector takes every byte";

impl Pack {
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        write_str_len(&mut self.0, bytes.len() as u32).expect(INFALLIBLE);
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn int(mut self, value: u64) -> Self {
        write_uint(&mut self.0, value).expect(INFALLIBLE);
        self
    }

    pub fn truth(mut self, value: bool) -> Self {
        write_bool(&mut self.0, value).expect(INFALLIBLE);
        self
    }

    /// The values that follow as one list of so many.
    pub fn begin(mut self, len: u32) -> Self {
        write_array_len(&mut self.0, len).expect(INFALLIBLE);
        self
    }

    /// A value, or nil.
    pub fn some<T>(self, value: Option<T>, write: impl FnOnce(Self, T) -> Self) -> Self {
        match value {
            Some(value) => write(self, value),
            None => self.nil(),
        }
    }

    pub fn nil(mut self) -> Self {
        write_nil(&mut self.0).expect(INFALLIBLE);
        self
    }

    /// The bytes.
    pub fn done(self) -> Vec<u8> {
        self.0
    }

    /// A list, each item written by `item`.
    pub fn list<T>(mut self, items: impl ExactSizeIterator<Item = T>, item: impl Fn(Self, T) -> Self) -> Self {
        write_array_len(&mut self.0, items.len() as u32).expect(INFALLIBLE);
        items.fold(self, item)
    }

    pub fn map(mut self, map: Map) -> Self {
        write_map_len(&mut self.0, map.len).expect(INFALLIBLE);
        self.0.extend_from_slice(&map.entries.0);
        self
    }
}

impl Map {
    /// An entry that `value` writes.
    pub fn with(mut self, name: &str, value: impl FnOnce(Pack) -> Pack) -> Self {
        self.entries = value(self.entries.bytes(name.as_bytes()));
        self.len += 1;
        self
    }

    pub fn bytes(self, name: &str, bytes: &[u8]) -> Self {
        self.with(name, |pack| pack.bytes(bytes))
    }

    pub fn text(self, name: &str, text: impl AsRef<str>) -> Self {
        self.bytes(name, text.as_ref().as_bytes())
    }

    pub fn int(self, name: &str, value: impl Into<u64>) -> Self {
        self.with(name, |pack| pack.int(value.into()))
    }

    /// An entry only if there is something: the scripts see the rest as nil.
    pub fn some<T>(self, name: &str, value: Option<T>, write: impl FnOnce(Pack, T) -> Pack) -> Self {
        match value {
            Some(value) => self.with(name, |pack| write(pack, value)),
            None => self,
        }
    }

    /// The bytes of the whole map.
    pub fn done(self) -> Vec<u8> {
        Pack::default().map(self).done()
    }
}
