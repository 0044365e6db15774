//! What every process needs and no domain does.
//!
//! * [`error`] is the one table of error codes, for gRPC and for HTTP;
//! * [`access`] says whether a caller may make a call; `wire` has ids and times as messages have them;
//! * [`config`] has the arguments and environment variables that several programs share;
//! * [`telemetry`] writes logs, and traces that go on from process to process;
//! * `database` opens a service's database and audits it; [`signing`] reads its keys, again when they change;
//! * `sealing` encrypts what the database must not be able to read; `idempotency` keeps answers for calls that are repeated;
//! * [`cpu_pool`] does what keeps a core busy, such as hashing, for those first who are known;
//! * [`page`] has what lists have in common; [`entity_tags`] reads what a change may depend on;
//! * [`rate_limit`] says which requests of a tenant or an API key are too many, and [`limits`] has the ceilings;
//! * [`client`] tells where a request comes from, and [`network`] under what that is counted;
//! * [`shutdown`] tells when to stop, and [`health`] whether a server is ready;
//! * [`grpc`] is a server and a client channel with all of the above built in;
//! * [`program`] is the life of a process, and `service` the frame of a service, with all of the above built in.

pub mod access;
pub mod client;
pub mod config;
pub mod cpu_pool;
#[cfg(feature = "db")]
pub mod database;
mod entity_tag;
pub mod error;
pub mod grpc;
pub mod health;
#[cfg(feature = "sealing")]
pub mod idempotency;
pub mod limits;
pub mod network;
pub mod page;
pub mod program;
pub mod rate_limit;
#[cfg(feature = "sealing")]
pub mod sealing;
#[cfg(feature = "db")]
pub mod service;
pub mod shutdown;
pub mod signing;
pub mod telemetry;
#[cfg(feature = "db")]
pub mod wire;

pub use entity_tag::entity_tags;
pub use program::run;
