//! Validated types and pure rules.

mod currency;
mod delivery_part;
mod delivery_schedule;
mod etag;
mod event_type;
mod export;
mod export_format;
mod guard;
mod line;
mod money;
mod order;
mod priority;
mod status;
mod target;

pub(crate) use delivery_part::Part;
pub(crate) use delivery_schedule::{MAX_DELIVERY_ATTEMPTS, delivery_delay};
pub(crate) use etag::Condition;
pub(crate) use event_type::{EventType, Events};
pub(crate) use export::{Export, ExportStatus};
pub(crate) use export_format::ExportFormat;
pub(crate) use guard::Guard;
pub(crate) use line::{NewLine, NewLines, OrderLine};
#[cfg(test)]
pub(crate) use order::placed;
pub(crate) use order::{NewOrder, Order, OrderChange, OrderId, Refusal};
pub(crate) use priority::OrderPriority;
pub(crate) use rowhouse_chassis::idempotency::{Fingerprint, IdempotencyKey};
pub(crate) use status::OrderStatus;
pub(crate) use target::{InvalidTarget, NotAllowed, Target};
