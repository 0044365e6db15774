//! The classes of jobs, which determine their workers.

use std::fmt;

/// The class of a kind of job. Each class has workers of its own, so that no class delays another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A caller waits for it: an export, an onboarding.
    Interactive,
    /// It waits for the network: a webhook, an email. Many run at once, and few of them are in a transaction.
    Delivery,
    /// Nobody waits for it: deletion of expired data.
    Maintenance,
}

impl Class {
    pub(crate) const ALL: [Self; 3] = [Self::Interactive, Self::Delivery, Self::Maintenance];

    /// Returns the fraction of the idle workers that one tenant gets at most. A delivery may take long and keeps its
    /// worker; in the other classes the next turn comes soon enough.
    pub(crate) const fn spread(self) -> Option<i32> {
        match self {
            Self::Delivery => Some(4),
            Self::Interactive | Self::Maintenance => None,
        }
    }

    /// Returns the name in the table.
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
