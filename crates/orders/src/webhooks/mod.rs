//! Webhooks: notifications about orders to a tenant's own systems.
//!
//! A change of an order writes, in its own transaction, the event and a delivery for each endpoint that subscribes to
//! it. An endpoint's deliveries are divided into a few parts, and a job for each part sends the pending ones in
//! sequence, so an endpoint receives the events of an order in order. They are sent at least once, since a worker can
//! be killed before it has recorded the result.
//!
//! An endpoint that fails is paused, for longer each time. At the end of a pause one delivery is sent; if it
//! succeeds, the waiting ones follow. After days of failures the endpoint is disabled.

mod breaker;
mod deliver;
mod event;
mod jobs;
mod metrics;
mod record;
mod resolve;
mod secret;
mod send;
mod send_error;
mod tidy;

pub(crate) use deliver::SendWebhooksHandler;
pub(crate) use event::{created_event, emit_event, enqueue_created_events, send_test};
pub(crate) use jobs::{DeliverWebhookHandler, lock_jobs, look_at_all, probe_now};
pub(crate) use metrics::OLDEST_WEBHOOK;
pub(crate) use record::{FAILING, GONE};
pub(crate) use secret::Secret;
pub(crate) use send::Sender;
pub(crate) use tidy::{TidyWebhooksHandler, schedule_tidying, tidy_now};
