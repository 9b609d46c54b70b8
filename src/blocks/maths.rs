//! Logarithm and power from arithmetic alone. Those of the platform differ in the last
//! bit between systems, and replicas on different ones must still decide alike.

/// The natural logarithm of a positive, finite number.
pub fn ln(x: f64) -> f64 {
    debug_assert!(x > 0.0 && x.is_finite());
    let bits = x.max(f64::MIN_POSITIVE).to_bits();
    let mut exponent = (bits >> 52) as i64 - 1023;
    let mut mantissa = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
    if mantissa > std::f64::consts::SQRT_2 {
        mantissa *= 0.5;
        exponent += 1;
    }
    // ln m = 2 artanh((m - 1) / (m + 1)); the argument is at most 0.172.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let q = s * s;
    let series =
        1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * (1.0 / 9.0 + q * (1.0 / 11.0 + q / 13.0)))));
    2.0 * s * series + exponent as f64 * std::f64::consts::LN_2
}

/// Two to the power of `x`; 0 below -1000, and no more than 2^1000.
pub fn exp2(x: f64) -> f64 {
    if x < -1000.0 {
        return 0.0;
    }
    let x = x.min(1000.0);
    let whole = x.round();
    let y = (x - whole) * std::f64::consts::LN_2;
    let mut term = 1.0;
    let mut sum = 1.0;
    for n in 1..13 {
        term *= y / f64::from(n);
        sum += term;
    }
    sum * f64::from_bits(((whole as i64 + 1023) as u64) << 52)
}

/// What is left of a weight after `elapsed`, when half is left after `half_life`.
pub fn left(elapsed: u64, half_life: u64) -> f64 {
    if elapsed == 0 { 1.0 } else { exp2(-(elapsed as f64) / half_life.max(1) as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_agree_with_the_platform() {
        for x in [1e-300, 1e-9, 0.05, 0.5, 0.707, 1.0, 1.415, 3.0, 1e18] {
            assert!((ln(x) - x.ln()).abs() < 1e-10 * x.ln().abs().max(1.0), "ln {x}");
        }
        for x in [-900.0, -20.3, -0.5, 0.0, 0.49, 0.51, 7.7, 300.0] {
            assert!((exp2(x) / x.exp2() - 1.0).abs() < 1e-11, "exp2 {x}");
        }
        assert_eq!((exp2(-5000.0), left(0, 0), left(10, 10)), (0.0, 1.0, 0.5));
        assert!(exp2(1e9).is_finite() && left(u64::MAX, 1) == 0.0);
    }
}
