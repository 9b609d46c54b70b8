//! Values that must not print. Reading one takes `reveal`, which is easy to
//! search for.

use std::fmt;

use zeroize::Zeroizing;

/// A secret value: prints as `[secret]`, wiped from memory when dropped.
#[derive(Clone)]
pub struct Secret<T: zeroize::Zeroize>(Zeroizing<T>);

impl<T: zeroize::Zeroize> Secret<T> {
    /// Wraps a value.
    pub fn new(value: T) -> Self {
        Secret(Zeroizing::new(value))
    }

    /// The value itself. Call it only where the value leaves the process on purpose.
    pub fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T: zeroize::Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// The digits of a one-time code, 4 to 10 of them.
#[derive(Clone)]
pub struct Code(Secret<String>);

impl Code {
    /// From digits only; `None` for anything else or another length.
    pub fn new(digits: &str) -> Option<Self> {
        let fits = (4..=10).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| Code(Secret::new(digits.to_owned())))
    }

    /// The digits. For rendering, sealing and hashing only.
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[code]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_print() {
        let code = Code::new("482917").unwrap();
        assert_eq!(format!("{code:?} {:?}", Secret::new("key".to_owned())), "[code] [secret]");
        for bad in ["", "123", "12345678901", "12 456", "１２３４５６"] {
            assert!(Code::new(bad).is_none());
        }
    }
}
