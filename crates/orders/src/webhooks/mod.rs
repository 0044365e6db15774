//! Telling a tenant's own systems what happens to its orders.
//!
//! A change of an order writes, in its own transaction, the event and a delivery for each endpoint that wants to hear of
//! it. A job for each endpoint and order sends what is pending, one after the other, so that each endpoint hears of an
//! order in the order in which it changed; at least once, since whoever sends may be killed before it has written down
//! that it has sent.

mod deliver;
mod event;
mod guard;
mod resolve;
mod schedule;
mod secret;
mod send;
mod target;
mod tidy;

pub(crate) use deliver::{Deliver, deliver_at_once};
pub(crate) use event::{EventType, Events, tell, tell_created};
pub(crate) use guard::Guard;
pub(crate) use schedule::MAX_ATTEMPTS;
pub(crate) use secret::Secret;
pub(crate) use send::Sender;
pub(crate) use target::{InvalidTarget, NotAllowed, Target};
pub(crate) use tidy::{Tidy, tidy_from_now_on, tidy_soon};
