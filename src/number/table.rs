//! A table from prefixes of numbers to names, in the format that
//! `data/README.md` describes. Reading checks it; looking up never fails.

use thiserror::Error;

const MAGIC: &[u8] = b"OTPN";
const FORMAT: u16 = 1;
/// The longest prefix, country calling code included. Nine digits fit 32 bits.
const MAX_PREFIX_DIGITS: usize = 9;

/// Prefixes in ascending order, each with its name.
pub(super) struct PrefixTable<'a> {
    names: Vec<&'a str>,
    prefixes: Vec<u32>,
    indexes: Vec<u16>,
}

/// Why bytes are not a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum TableError {
    /// It begins with something else, or has another format's number.
    #[error("read prefix table: not one of format {FORMAT}")]
    Format,
    /// It ends too early, or holds more than it says.
    #[error("read prefix table: its length is not what its header says")]
    Length,
    /// A name is empty, not UTF-8, or holds control characters.
    #[error("read prefix table: a name is not clean text")]
    Name,
    /// Prefixes do not ascend, or are too long.
    #[error("read prefix table: prefixes are not in order")]
    Order,
    /// A prefix points to a name that is not there.
    #[error("read prefix table: a prefix has no name")]
    Index,
}

impl<'a> PrefixTable<'a> {
    /// Reads and checks a whole table.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, TableError> {
        let mut rest = Bytes(bytes);
        if rest.take(MAGIC.len())? != MAGIC || rest.number()? != FORMAT {
            return Err(TableError::Format);
        }
        let name_count = usize::from(rest.number()?);
        let row_count = u32::from_le_bytes(rest.array()?) as usize;

        let mut names = Vec::with_capacity(name_count);
        for _ in 0..name_count {
            let length = usize::from(rest.number()?);
            let name = std::str::from_utf8(rest.take(length)?).map_err(|_| TableError::Name)?;
            if name.trim() != name || name.is_empty() || name.contains(char::is_control) {
                return Err(TableError::Name);
            }
            names.push(name);
        }
        let prefixes: Vec<u32> = rest.rows(row_count, u32::from_le_bytes)?;
        let indexes: Vec<u16> = rest.rows(row_count, u16::from_le_bytes)?;
        if !rest.0.is_empty() {
            return Err(TableError::Length);
        }
        let ascending = prefixes.is_sorted_by(|a, b| a < b);
        let short = prefixes.last().is_none_or(|last| *last < 10_u32.pow(MAX_PREFIX_DIGITS as u32));
        if !ascending || !short || prefixes.first() == Some(&0) {
            return Err(TableError::Order);
        }
        if indexes.iter().any(|index| usize::from(*index) >= names.len()) {
            return Err(TableError::Index);
        }
        Ok(PrefixTable { names, prefixes, indexes })
    }

    /// The name of the longest prefix that the digits begin with. The digits
    /// are a whole number in E.164 without its `+`.
    pub(super) fn longest(&self, digits: &str) -> Option<&'a str> {
        let mut candidates = [0_u32; MAX_PREFIX_DIGITS];
        let mut found = 0;
        let mut prefix = 0;
        for (candidate, digit) in candidates.iter_mut().zip(digits.bytes()) {
            if !digit.is_ascii_digit() {
                break;
            }
            prefix = prefix * 10 + u32::from(digit - b'0');
            *candidate = prefix;
            found += 1;
        }
        candidates[..found].iter().rev().find_map(|prefix| {
            let row = self.prefixes.binary_search(prefix).ok()?;
            let index = self.indexes.get(row)?;
            self.names.get(usize::from(*index)).copied()
        })
    }
}

/// What is left to read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], TableError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(TableError::Length)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], TableError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(TableError::Length)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn number(&mut self) -> Result<u16, TableError> {
        self.array().map(u16::from_le_bytes)
    }

    fn rows<const N: usize, T>(&mut self, count: usize, read: fn([u8; N]) -> T) -> Result<Vec<T>, TableError> {
        let bytes = self.take(count.checked_mul(N).ok_or(TableError::Length)?)?;
        let (rows, _) = bytes.as_chunks::<N>();
        Ok(rows.iter().map(|row| read(*row)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(names: &[&str], rows: &[(u32, u16)]) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(FORMAT.to_le_bytes());
        out.extend((names.len() as u16).to_le_bytes());
        out.extend((rows.len() as u32).to_le_bytes());
        for name in names {
            out.extend((name.len() as u16).to_le_bytes());
            out.extend(name.as_bytes());
        }
        rows.iter().for_each(|row| out.extend(row.0.to_le_bytes()));
        rows.iter().for_each(|row| out.extend(row.1.to_le_bytes()));
        out
    }

    #[test]
    fn the_longest_prefix_wins() {
        let bytes = packed(&["long", "short"], &[(8, 1), (8190, 0), (123_456_789, 0)]);
        let table = PrefixTable::read(&bytes).unwrap();
        for (digits, name) in [
            ("819012345678", Some("long")),
            ("8190", Some("long")),
            ("8180123", Some("short")),
            ("8", Some("short")),
            ("123456789012345", Some("long")),
            ("12345678", None),
            ("", None),
            ("+81", None),
            ("é8", None),
        ] {
            assert_eq!(table.longest(digits), name, "{digits}");
        }
        let none = packed(&[], &[]);
        assert_eq!(PrefixTable::read(&none).unwrap().longest("81"), None);
    }

    #[test]
    fn what_is_not_a_table_is_refused() {
        let good = packed(&["one"], &[(1, 0), (2, 0)]);
        assert!(PrefixTable::read(&good).is_ok());
        for end in 0..good.len() {
            assert_eq!(PrefixTable::read(&good[..end]).err(), Some(TableError::Length), "{end}");
        }
        let more = [good.as_slice(), b"x"].concat();
        let mut other_format = good.clone();
        other_format[4] = 2;
        let mut no_utf8 = good.clone();
        no_utf8[14] = 0xFF;
        for (bytes, error) in [
            (more, TableError::Length),
            (other_format, TableError::Format),
            (b"PK\x03\x04 and so on".to_vec(), TableError::Format),
            (no_utf8, TableError::Name),
            (packed(&[""], &[]), TableError::Name),
            (packed(&["a\nb"], &[]), TableError::Name),
            (packed(&["one"], &[(2, 0), (1, 0)]), TableError::Order),
            (packed(&["one"], &[(1, 0), (1, 0)]), TableError::Order),
            (packed(&["one"], &[(0, 0)]), TableError::Order),
            (packed(&["one"], &[(1_000_000_000, 0)]), TableError::Order),
            (packed(&["one"], &[(1, 1)]), TableError::Index),
        ] {
            assert_eq!(PrefixTable::read(&bytes).err(), Some(error));
        }
    }
}
