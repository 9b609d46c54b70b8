//! One-time codes: digits from the operating system's randomness, none equal to
//! its neighbour, which makes them easier to hear and to type.

use crate::model::{Code, Secret};

/// How many codes of `length` digits have no two equal neighbours: 10 * 9^(n-1).
/// Six digits: 590,490, that is 19.2 bits instead of 19.9.
pub fn combinations(length: u8) -> u64 {
    10 * 9u64.pow(u32::from(length.max(1)) - 1)
}

/// Draws a code of `length` digits (4 to 10); every code without equal
/// neighbours is equally likely.
pub fn draw_code(length: u8) -> Code {
    let length = usize::from(length.clamp(4, 10));
    let mut digits = String::with_capacity(length);
    let mut last = None;
    while digits.len() < length {
        let digit = match last {
            None => below(10),
            // One of the nine others: numbers from `last` on move up by one.
            Some(last) => {
                let other = below(9);
                other + u8::from(other >= last)
            }
        };
        digits.push(char::from(b'0' + digit));
        last = Some(digit);
    }
    let digits = Secret::new(digits);
    Code::new(digits.reveal()).expect("4 to 10 digits, made above")
}

/// A uniform number below `n`: bytes that would favour small ones are drawn again.
fn below(n: u8) -> u8 {
    let fair = 256 - 256 % u16::from(n);
    loop {
        let [byte] = super::random::<1>();
        if u16::from(byte) < fair {
            return byte % n;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_no_equal_neighbours_and_every_digit_is_as_likely() {
        let mut counts = [[0u32; 10]; 6];
        for _ in 0..20_000 {
            let code = draw_code(6);
            let digits = code.reveal().as_bytes();
            assert_eq!(digits.len(), 6);
            assert!(digits.windows(2).all(|pair| pair[0] != pair[1]));
            for (place, digit) in digits.iter().enumerate() {
                counts[place][usize::from(digit - b'0')] += 1;
            }
        }
        // 2,000 expected, standard deviation 42: six of them is far outside chance.
        assert!(counts.iter().flatten().all(|count| count.abs_diff(2_000) < 260), "{counts:?}");
    }

    #[test]
    fn the_number_of_codes_is_the_documented_one() {
        assert_eq!(combinations(6), 590_490);
        for length in 4..=10 {
            assert_eq!(draw_code(length).reveal().len(), usize::from(length));
        }
    }
}
