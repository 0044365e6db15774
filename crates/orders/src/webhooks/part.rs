//! Which of an endpoint's deliveries are sent one after the other.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One of the parts that an endpoint's orders are divided into, by the ends of their ids. Each is sent by one job, so an endpoint
/// is sent as many deliveries at once as there are parts, and those of one order in sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part(u8);

impl Part {
    pub(crate) const ALL: [Self; 4] = [Self(0), Self(1), Self(2), Self(3)];

    /// The part of an order. An index and the queries beside it say the same in SQL.
    pub(crate) const fn of(order_id: Uuid) -> Self {
        let [.., last] = *order_id.as_bytes();
        Self(last & 3)
    }

    pub(crate) const fn number(self) -> u8 {
        self.0
    }
}
