//! The queries, in a module for each table.

pub(crate) mod export_chunks;
pub(crate) mod export_drafts;
pub(crate) mod exports;
pub(crate) mod idempotency_keys;
pub(crate) mod number_series;
mod order_lines;
pub(crate) mod orders;
pub(crate) mod placement;
pub(crate) mod webhook_deliveries;
pub(crate) mod webhook_endpoints;
pub(crate) mod webhook_events;
pub(crate) mod webhook_health;
pub(crate) mod webhook_log;
pub(crate) mod webhook_queue;
pub(crate) mod webhook_secrets;
