//! [`OrderStatus`] and its transitions.

use std::fmt;
use std::str::FromStr;

/// The status of an order: placed, then paid, then fulfilled; it can be cancelled before it is fulfilled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrderStatus {
    Placed,
    Paid,
    Fulfilled,
    Cancelled,
}

/// The error of parsing a text that is not a status.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an order's status is one of placed, paid, fulfilled, cancelled")]
pub(crate) struct UnknownOrderStatus;

impl OrderStatus {
    /// Returns whether an order may change from this status to `next`, which is another one.
    pub(crate) const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Placed => matches!(next, Self::Paid | Self::Cancelled),
            Self::Paid => matches!(next, Self::Fulfilled | Self::Cancelled),
            Self::Fulfilled | Self::Cancelled => false,
        }
    }

    /// Returns the name in rows and messages.
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
    type Err = UnknownOrderStatus;

    fn from_str(text: &str) -> Result<Self, UnknownOrderStatus> {
        match text {
            "placed" => Ok(Self::Placed),
            "paid" => Ok(Self::Paid),
            "fulfilled" => Ok(Self::Fulfilled),
            "cancelled" => Ok(Self::Cancelled),
            _ => Err(UnknownOrderStatus),
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
            assert_eq!(text.parse::<OrderStatus>(), Err(UnknownOrderStatus), "{text:?}");
        }
    }
}
