//! The exponential and the logarithm as fixed sequences of operations, so that no system library decides a bit.

use std::f32::consts::LOG2_E;

/// Below this the result is 0 (it would be subnormal).
const LOWEST: f32 = -87.336_54;
/// Above this the result is infinite.
const HIGHEST: f32 = 88.722_83;
/// Adding and subtracting it rounds to the nearest integer; its low bits then hold that integer.
const ROUNDER: f32 = 12_582_912.0;
/// ln 2 in two parts, the first with few bits so that a multiple of it is exact.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// e to the power `x`, within 2 units in the last place; 0 where the true value would be subnormal.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
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

/// 2 to the power `exponent`, for -126 to 127.
#[inline(always)]
fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits((exponent.wrapping_add(127) as u32) << 23)
}

/// The natural logarithm, the same on every machine.
pub fn logarithm(x: f64) -> f64 {
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
}
