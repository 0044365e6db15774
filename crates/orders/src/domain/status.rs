//! An order's life.

use std::fmt;
use std::str::FromStr;

/// Where an order stands: placed, then paid, then fulfilled; cancelled before it is fulfilled, or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrderStatus {
    Placed,
    Paid,
    Fulfilled,
    Cancelled,
}

/// The text names no status.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an order's status is one of placed, paid, fulfilled, cancelled")]
pub(crate) struct UnknownStatus;

impl OrderStatus {
    /// Whether an order may go from here to `next`. Staying is no move.
    pub(crate) const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Placed => matches!(next, Self::Paid | Self::Cancelled),
            Self::Paid => matches!(next, Self::Fulfilled | Self::Cancelled),
            Self::Fulfilled | Self::Cancelled => false,
        }
    }

    /// The name in rows and sentences.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Placed => "placed",
            Self::Paid => "paid",
            Self::Fulfilled => "fulfilled",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for OrderStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for OrderStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        match text {
            "placed" => Ok(Self::Placed),
            "paid" => Ok(Self::Paid),
            "fulfilled" => Ok(Self::Fulfilled),
            "cancelled" => Ok(Self::Cancelled),
            _ => Err(UnknownStatus),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::OrderStatus::{Cancelled, Fulfilled, Paid, Placed};
    use super::*;

    const ALL: [OrderStatus; 4] = [Placed, Paid, Fulfilled, Cancelled];

    #[test]
    fn four_moves_and_no_others() {
        let moves: Vec<_> = ALL
            .into_iter()
            .flat_map(|from| ALL.map(|to| (from, to)))
            .filter(|(from, to)| from.may_become(*to))
            .collect();
        assert_eq!(moves, [(Placed, Paid), (Placed, Cancelled), (Paid, Fulfilled), (Paid, Cancelled)]);
    }

    #[test]
    fn names_and_back() {
        for status in ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        for text in ["", "Placed", "PAID", "canceled", " paid"] {
            assert_eq!(text.parse::<OrderStatus>(), Err(UnknownStatus), "{text:?}");
        }
    }
}
