//! A gRPC server and client channels with tracing, deadlines, verified tokens, and handling of panics and errors.

mod access;
mod admission;
mod answer;
mod channel;
mod deadline;
mod envelope;
mod handed_on;
mod health;
mod incoming;
mod listener;
mod malformed;
mod metrics;
mod operations;
mod panics;
mod permitted_body;
mod rate_limit;
mod reject;
mod reply;
mod rpc;
mod server;
mod streams;
mod tenant;

pub use channel::{
    EndpointError, Resolve, TracedChannel, channel, channel_over, channel_resolved_by, mark_repeatable,
};
pub(crate) use deadline::exceeded;
pub use deadline::{Deadline, deadline, set_deadline};
pub use handed_on::{was_handed_on, watch_calls};
pub use incoming::Peer;
pub use listener::{BindError, Listener};
pub use malformed::MAX_REQUEST;
pub use permitted_body::unread_limit;
pub use reject::reject;
pub use reply::{Reply, reply};
pub use server::{COMPRESSION, GrpcOptions, ServeError, serve};
pub use streams::StreamedMethods;

pub use crate::shutdown::DRAIN_LIMIT;
