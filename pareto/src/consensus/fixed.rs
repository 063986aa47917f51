//! A signed fixed-point number with 32 integer and 32 fractional bits, as the chain computes with.

/// All operations saturate; a division by zero gives zero; products and quotients are truncated as the chain's are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fixed(i64);

const FRACTION_BITS: u32 = 32;
/// The chain takes e itself, where it needs it, from a number with 23 fractional bits.
const E: Fixed = Fixed(((std::f64::consts::E * (1 << 23) as f64) as i64) << (FRACTION_BITS - 23));

impl Fixed {
    pub(super) const ZERO: Self = Self(0);
    pub(super) const ONE: Self = Self(1 << FRACTION_BITS);

    pub(super) const fn integer(value: u32) -> Self {
        Self((value as i64) << FRACTION_BITS)
    }

    /// `numerator / denominator`, truncated; 0 for a denominator of 0.
    pub(super) fn ratio(numerator: u64, denominator: u128) -> Self {
        let quotient = (u128::from(numerator) << FRACTION_BITS).checked_div(denominator).unwrap_or(0);
        Self(i64::try_from(quotient).unwrap_or(i64::MAX))
    }

    /// A stored u16 as a share of 65535.
    pub(super) fn proportion(value: u16) -> Self {
        Self::ratio(value.into(), 65_535)
    }

    /// The share of 65535 that is stored, truncated and clamped.
    pub(super) fn to_proportion(self) -> u16 {
        let scaled = (i128::from(self.0) * 65_535) >> FRACTION_BITS;
        scaled.clamp(0, 65_535) as u16
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    pub(super) fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    pub(super) fn times(self, other: Self) -> Self {
        saturated((i128::from(self.0) * i128::from(other.0)) >> FRACTION_BITS)
    }

    pub(super) fn over(self, other: Self) -> Self {
        saturated((i128::from(self.0) << FRACTION_BITS).checked_div(i128::from(other.0)).unwrap_or(0))
    }

    pub(super) fn sum(values: impl Iterator<Item = Self>) -> Self {
        values.fold(Self::ZERO, Self::plus)
    }

    /// e to this power: the chain's series of 31 terms, for -20 to 20.
    pub(super) fn exp(self) -> Self {
        if self == Self::ZERO {
            return Self::ONE;
        }
        if self == Self::ONE {
            return E;
        }
        let operand = Self(self.0.saturating_abs());
        let mut result = operand.plus(Self::ONE);
        let mut term = operand;
        for step in 2..FRACTION_BITS {
            term = term.times(operand).over(Self::integer(step));
            result = result.plus(term);
        }
        if self < Self::ZERO { Self::ONE.over(result) } else { result }
    }
}

fn saturated(wide: i128) -> Fixed {
    Fixed(wide.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_truncate_and_saturate() {
        let third = Fixed::ratio(1, 3);
        assert_eq!((third.0, third.times(Fixed::integer(3)).0), (0x5555_5555, 0xffff_ffff));
        assert_eq!(Fixed::ONE.over(Fixed::ZERO), Fixed::ZERO);
        assert_eq!(Fixed::integer(u32::MAX / 2).times(Fixed::integer(4)), Fixed(i64::MAX));
        assert_eq!((Fixed::proportion(65_535), Fixed::ONE.to_proportion()), (Fixed::ONE, 65_535));
        assert_eq!((Fixed::integer(7).to_proportion(), Fixed::ZERO.minus(Fixed::ONE).to_proportion()), (65_535, 0));
    }

    #[test]
    fn the_exponential_is_close_to_the_real_one() {
        for power in [-20_i64, -3, -1, 1, 2, 10] {
            let found = Fixed(power << FRACTION_BITS).exp().0 as f64 / Fixed::ONE.0 as f64;
            let expected = libm::exp(power as f64);
            assert!((found - expected).abs() < 1e-6 * expected.max(1.0), "{power}: {found} {expected}");
        }
        assert_eq!(Fixed::ZERO.exp(), Fixed::ONE);
    }

    #[test]
    fn products_and_quotients_round_down_and_undo_each_other_within_one_bit() {
        let mut state = 1_u64;
        for _ in 0..2_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (one, other) = (Fixed((state >> 24) as i64), Fixed((state & 0xffff_ffff) as i64 + (1 << 20)));
            let exact = i128::from(one.0) * i128::from(other.0);
            assert_eq!(i128::from(one.times(other).0), exact.div_euclid(1 << FRACTION_BITS));
            let back = one.over(other).times(other);
            assert!(back <= one && one.minus(back).0 <= 2, "{one:?} {other:?} {back:?}");
        }
    }

    #[test]
    fn the_ends_of_the_range_saturate() {
        let (most, least) = (Fixed(i64::MAX), Fixed(i64::MIN));
        assert_eq!((most.plus(Fixed::ONE), least.minus(Fixed::ONE)), (most, least));
        assert_eq!((most.times(most), least.times(most), least.times(least)), (most, least, most));
        assert_eq!((most.over(Fixed(1)), least.over(Fixed(1)), least.over(Fixed::ZERO)), (most, least, Fixed::ZERO));
        assert_eq!(Fixed::ratio(u64::MAX, 1), most);
        assert_eq!(
            (Fixed::ratio(7, 0), Fixed::ratio(0, 7), Fixed::ratio(7, 7)),
            (Fixed::ZERO, Fixed::ZERO, Fixed::ONE)
        );
        assert_eq!(Fixed::sum([most, Fixed::ONE, least].into_iter()), Fixed(-1));
    }

    #[test]
    fn stored_shares_come_back_as_they_went() {
        for share in [0, 1, 2, 3, 21_845, 32_767, 32_768, 65_534, 65_535] {
            let back = Fixed::proportion(share).to_proportion();
            assert!(share - back <= 1, "{share}: {back}");
        }
        assert_eq!(Fixed::proportion(0).to_proportion(), 0);
    }
}
