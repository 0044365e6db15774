//! A gRPC server and a client channel that keep the house's rules: one trace through all hops, deadlines that
//! are kept and handed on, verified tokens, no panic and no cause on the wire.

mod access;
mod answer;
mod channel;
mod deadline;
mod envelope;
mod listener;
mod malformed;
mod operations;
mod panics;
mod rate_limit;
mod reject;
mod reply;
mod rpc;
mod server;
mod tenant;

pub use channel::{EndpointError, TracedChannel, channel};
pub use deadline::{Deadline, deadline, set_deadline};
pub use listener::{BindError, Listener};
pub use reject::reject;
pub use reply::{Reply, reply};
pub use server::{GrpcOptions, MAX_REQUEST, ServeError, serve};

pub use crate::shutdown::DRAIN_LIMIT;
