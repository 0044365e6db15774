//! The size of a page of a list (AIP-158).

/// How many items a caller wants on a page: 1 to 100, and 20 unless told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageSize(u8);

/// The number is no page's size.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("send 0 or more; 0 means {}, more than {} means {}", PageSize::DEFAULT.0, PageSize::MAX.0, PageSize::MAX.0)]
pub struct InvalidPageSize;

impl PageSize {
    const DEFAULT: Self = Self(20);
    const MAX: Self = Self(100);

    /// How many are shown.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// One more than is shown: whether it is there tells whether there is a next page.
    #[must_use]
    pub fn and_one(self) -> i64 {
        i64::from(self.0) + 1
    }
}

impl TryFrom<i32> for PageSize {
    type Error = InvalidPageSize;

    fn try_from(size: i32) -> Result<Self, InvalidPageSize> {
        match size {
            ..0 => Err(InvalidPageSize),
            0 => Ok(Self::DEFAULT),
            1.. => Ok(u8::try_from(size).map_or(Self::MAX, |size| Self(size.min(Self::MAX.0)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (size, shown) in [(0, 20), (1, 1), (100, 100), (101, 100), (256, 100), (i32::MAX, 100)] {
            assert_eq!(PageSize::try_from(size).map(PageSize::get), Ok(shown), "{size}");
        }
        for size in [-1, i32::MIN] {
            assert_eq!(PageSize::try_from(size), Err(InvalidPageSize));
        }
    }
}
