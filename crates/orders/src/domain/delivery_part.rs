//! [`Part`], a group of an endpoint's deliveries that are sent in sequence.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One of the parts into which an endpoint's deliveries are divided, by the end of the order's id. One job sends each
/// part, so an endpoint receives as many deliveries at once as there are parts, and those of one order in sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Part(u8);

impl Part {
    pub(crate) const ALL: [Self; 4] = [Self(0), Self(1), Self(2), Self(3)];

    /// Returns the part of an order's deliveries.
    pub(crate) const fn of(order_id: Uuid) -> Self {
        let [.., last] = *order_id.as_bytes();
        Self(last & 3)
    }

    pub(crate) fn number(self) -> i32 {
        self.0.into()
    }
}
