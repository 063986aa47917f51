//! Exponential and logarithm as fixed sequences of operations, independent of the system's math library.

use std::f32::consts::LOG2_E;

/// Inputs below this give 0, where the true value would be subnormal.
const LOWEST: f32 = -87.336_54;
/// Inputs above this give infinity.
const HIGHEST: f32 = 88.722_83;
/// 1.5 * 2^23: adding it rounds to the nearest integer and leaves that integer in the low bits.
const ROUNDER: f32 = 12_582_912.0;
/// ln 2 in two parts, the first with few bits so that a multiple of it is exact.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// `e^x` within 2 units in the last place; 0 where the true value would be subnormal.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let shifted = x.mul_add(LOG2_E, ROUNDER);
    let whole = shifted - ROUNDER;
    let rest = whole.mul_add(-LN_2_LOW, whole.mul_add(-LN_2_HIGH, x));
    let mut sum = 1.987_569_2e-4_f32;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_66, 0.5] {
        sum = sum.mul_add(rest, coefficient);
    }
    let fraction = sum.mul_add(rest * rest, rest) + 1.0;
    // Two factors, since a single one does not reach the largest results.
    let exponent = (shifted.to_bits() as i32).wrapping_sub(ROUNDER.to_bits() as i32);
    let half = exponent >> 1;
    let value = fraction * power_of_two(half) * power_of_two(exponent.wrapping_sub(half));
    let value = if x < LOWEST { 0.0 } else { value };
    if x > HIGHEST { f32::INFINITY } else { value }
}

/// `2^exponent` for exponents from -126 to 127.
#[inline(always)]
fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits((exponent.wrapping_add(127) as u32) << 23)
}

/// The natural logarithm with the same bits on every machine.
pub(crate) fn logarithm(x: f64) -> f64 {
    libm::log(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_within_two_units_in_the_last_place() {
        for step in -870_000..887_000 {
            let x = step as f32 * 1e-4;
            let exact = f64::from(x).exp();
            let unit = f64::from(f32::from_bits((exact as f32).to_bits() + 1)) - f64::from(exact as f32);
            let error = (f64::from(exp(x)) - exact).abs() / unit;
            assert!(error < 1.5, "exp({x}) is {error} units off");
        }
    }

    #[test]
    fn the_exponential_has_the_right_ends() {
        for (x, expected) in [
            (0.0, 1.0),
            (-0.0, 1.0),
            (f32::NEG_INFINITY, 0.0),
            (-88.0, 0.0),
            (-1e30, 0.0),
            (89.0, f32::INFINITY),
            (1e30, f32::INFINITY),
            (f32::INFINITY, f32::INFINITY),
        ] {
            assert_eq!(exp(x).to_bits(), f32::to_bits(expected), "exp({x})");
        }
        assert!(exp(f32::NAN).is_nan());
        assert!(exp(88.722_83).is_finite());
    }

    #[test]
    fn the_exponential_grows_and_stays_positive() {
        let mut last = 0.0;
        for step in -8_800..8_900 {
            let y = exp(step as f32 * 0.01);
            assert!(y >= last && y >= 0.0, "exp({}) is {y} after {last}", step as f32 * 0.01);
            last = y;
        }
    }

    #[test]
    fn the_logarithm_is_within_one_unit_in_the_last_place() {
        for x in [1e-300, 1e-16, 0.1, 0.5, 0.999_999, 1.000_001, 2.0, 10.0, 123_456.789, 1e300] {
            let (found, system) = (logarithm(x), x.ln());
            assert!((found - system).abs() <= system.abs() * f64::EPSILON, "logarithm({x}) is {found} for {system}");
        }
        assert_eq!((logarithm(1.0), logarithm(0.0)), (0.0, f64::NEG_INFINITY));
        assert!(logarithm(-1.0).is_nan() && logarithm(f64::INFINITY).is_infinite());
    }
}
