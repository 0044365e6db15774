//! Telling a tenant's own systems what happens to its orders.
//!
//! A change of an order writes, in its own transaction, the event and a delivery for each endpoint that wants to hear of
//! it. An endpoint's deliveries are divided into a few parts, and a job for each part sends what is pending, one after the other,
//! so that each endpoint hears of an order in the order in which it changed; at least once, since whoever sends may be killed
//! before it has written down that it has sent.
//!
//! An endpoint that fails is paused, for longer each time. At the end of a pause one delivery is sent, alone; if it is taken,
//! all that waits follows. After days of nothing but failures the endpoint is disabled.

mod breaker;
mod deliver;
mod event;
mod jobs;
mod record;
mod resolve;
mod secret;
mod send;
mod send_error;
mod tidy;

pub(crate) use deliver::Deliver;
pub(crate) use event::{send_test, tell, tell_created};
pub(crate) use jobs::{HandOver, lock_jobs, look_at_all, probe_now};
pub(crate) use record::{FAILING, GONE};
pub(crate) use secret::Secret;
pub(crate) use send::Sender;
pub(crate) use tidy::{Tidy, tidy_from_now_on, tidy_soon};
