//! [`OrderPriority`], the urgency of an order.

use std::str::FromStr;

/// The urgency of an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OrderPriority {
    Low,
    /// The default. Orders from before there were priorities have it, too.
    #[default]
    Normal,
    High,
}

/// The error of parsing a text that is not a priority.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an order's priority is one of low, normal, high")]
pub(crate) struct UnknownPriority;

impl OrderPriority {
    /// Returns the name in rows and files.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

impl FromStr for OrderPriority {
    type Err = UnknownPriority;

    fn from_str(text: &str) -> Result<Self, UnknownPriority> {
        match text {
            "low" => Ok(Self::Low),
            "normal" => Ok(Self::Normal),
            "high" => Ok(Self::High),
            _ => Err(UnknownPriority),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_back() {
        for priority in [OrderPriority::Low, OrderPriority::Normal, OrderPriority::High] {
            assert_eq!(priority.as_str().parse(), Ok(priority));
        }
        for text in ["", "High", "urgent", " low"] {
            assert_eq!(text.parse::<OrderPriority>(), Err(UnknownPriority), "{text:?}");
        }
    }
}
