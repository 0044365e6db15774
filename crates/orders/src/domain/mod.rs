//! Validated types and pure rules.

mod currency;
mod etag;
mod line;
mod money;
mod order;
mod priority;
mod status;

pub(crate) use etag::Condition;
pub(crate) use line::{NewLine, NewLines, OrderLine};
#[cfg(test)]
pub(crate) use order::placed;
pub(crate) use order::{NewOrder, Order, OrderChange, OrderId, Refusal};
pub(crate) use priority::OrderPriority;
pub(crate) use rowhouse_chassis::idempotency::{Fingerprint, IdempotencyKey};
pub(crate) use status::OrderStatus;
