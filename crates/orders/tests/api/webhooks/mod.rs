//! Webhooks, with receivers on real sockets.

mod backlog;
mod backoff;
mod client;
mod contention;
mod delivery;
mod endpoints;
mod guard;
mod isolation;
mod kills;
mod order;
mod retries;
mod secrets;
mod tidying;
mod trace;

pub(crate) use client::Webhooks;
pub(crate) use rowhouse_testkit::receiver::{Received, Receiver};
use rowhouse_tokens::Role;

use crate::world::{Orders, World};

/// Starts a service with a tenant, its orders and its administrator.
pub(crate) async fn world() -> (World, Orders, Webhooks) {
    let world = World::start().await;
    let orders = world.tenant("acme").await;
    let webhooks = Webhooks::of(&world, orders.tenant, Role::Admin).await;
    (world, orders, webhooks)
}
