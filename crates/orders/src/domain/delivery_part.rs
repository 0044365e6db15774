//! Which of an endpoint's deliveries are sent one after the other.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One of the parts that an endpoint's deliveries are divided into, by the ends of their orders' ids. Each is sent by one job, so
/// an endpoint is sent as many deliveries at once as there are parts, and those of one order in sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part(u8);

impl Part {
    pub(crate) const ALL: [Self; 4] = [Self(0), Self(1), Self(2), Self(3)];

    /// The part of what happens to an order from now on.
    pub(crate) const fn of(order_id: Uuid) -> Self {
        let [.., last] = *order_id.as_bytes();
        Self(last & 3)
    }

    pub(crate) fn number(self) -> i32 {
        self.0.into()
    }
}
