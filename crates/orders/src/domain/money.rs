//! [`Amount`], an amount of money in minor units.

/// An amount in a currency's minor units, 0 to 2⁵³ - 1: JavaScript and many other programs read larger JSON numbers
/// inexactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Amount(i64);

/// The error for a number that is not an amount.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("send an amount in minor units, 0 to {}", Amount::MAX.0)]
pub(crate) struct InvalidAmount;

impl Amount {
    pub(crate) const ZERO: Self = Self(0);
    pub(crate) const MAX: Self = Self((1 << 53) - 1);

    pub(crate) const fn minor(self) -> i64 {
        self.0
    }

    /// Returns the sum, or `None` if it is too large.
    pub(crate) fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0)?.try_into().ok()
    }

    /// Returns the product, or `None` if it is too large.
    pub(crate) fn times(self, factor: i64) -> Option<Self> {
        self.0.checked_mul(factor)?.try_into().ok()
    }
}

impl TryFrom<i64> for Amount {
    type Error = InvalidAmount;

    fn try_from(minor: i64) -> Result<Self, InvalidAmount> {
        if (Self::ZERO.0..=Self::MAX.0).contains(&minor) { Ok(Self(minor)) } else { Err(InvalidAmount) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_what_json_can_carry() {
        for minor in [0, 1, 9_007_199_254_740_991] {
            assert_eq!(Amount::try_from(minor).unwrap().minor(), minor);
        }
        for minor in [-1, 9_007_199_254_740_992, i64::MIN, i64::MAX] {
            assert_eq!(Amount::try_from(minor), Err(InvalidAmount), "{minor}");
        }
    }

    #[test]
    fn arithmetic_ends_at_the_largest_amount() {
        let (one, max) = (Amount(1), Amount::MAX);
        assert_eq!(max.plus(Amount::ZERO), Some(max));
        assert_eq!(max.plus(one), None);
        assert_eq!(max.times(1), Some(max));
        assert_eq!(max.times(2), None);
        assert_eq!(max.times(1_000_000), None, "more than an i64 holds");
        assert_eq!(max.times(0), Some(Amount::ZERO));
        assert_eq!(Amount(9_007_199_254).times(1_000_000), Some(Amount(9_007_199_254_000_000)));
    }
}
