//! What kinds of jobs wait for, and so whose workers do them.

use std::fmt;

/// The class of a kind of job. Each has workers of its own, so that no class waits for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Somebody waits for it: an export, an onboarding.
    Interactive,
    /// It waits for the network: a webhook, an email. Many of them run at once, and few of them are in a transaction.
    Delivery,
    /// Nobody waits for it: removing what has expired.
    Maintenance,
}

impl Class {
    pub(crate) const ALL: [Self; 3] = [Self::Interactive, Self::Delivery, Self::Maintenance];

    /// Which part of the idle workers one tenant gets at most. A delivery may take long, and its worker is not taken back from
    /// it; of the other classes the next turn comes soon enough.
    pub(crate) const fn spread(self) -> Option<i32> {
        match self {
            Self::Delivery => Some(4),
            Self::Interactive | Self::Maintenance => None,
        }
    }

    /// The name in the table.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Delivery => "delivery",
            Self::Maintenance => "maintenance",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
