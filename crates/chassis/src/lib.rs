//! The infrastructure that all processes share, without any domain.
//!
//! * [`error`] is the one table of error codes, for gRPC and for HTTP;
//! * [`access`] checks whether a caller may make a call; `wire` converts the ids and times of messages;
//! * [`config`] has the arguments and environment variables that several programs share;
//! * [`telemetry`] writes logs, and traces that continue across processes;
//! * `database` opens a service's database and audits it; [`signing`] reads its keys, and rereads them when they
//!   change;
//! * `encryption` encrypts values that the database must not be able to read; `idempotency` stores the answers of calls
//!   for their repetition;
//! * [`cpu_pool`] runs CPU-bound work such as hashing, known callers first;
//! * [`page`] has what all lists share; [`entity_tags`] parses the preconditions of changes;
//! * [`rate_limit`] limits the requests of a tenant or an API key, and [`limits`] has the other limits;
//! * [`admission`] bounds the calls that run at once, and refuses those that would wait for long;
//! * [`group_commit`] does the writes of a tenant that wait for each other in one transaction;
//! * [`client`] determines the address that a request comes from, and [`network`] the network that it is counted
//!   under;
//! * [`shutdown`] signals when to stop, and [`health`] whether a server is ready;
//! * [`grpc`] is a server and a client channel with all of the above built in;
//! * [`tls`] has the certificates of calls between services, which are read again when they change;
//! * [`program`] runs a process from start to exit, and `service` is the frame of a service, with all of the above
//!   built in.

#![warn(clippy::print_stderr, reason = "`eprintln!` panics if nobody reads standard error any more")]

pub mod access;
pub mod admission;
pub mod client;
pub mod config;
pub mod connections;
pub mod cpu_pool;
#[cfg(feature = "db")]
pub mod database;
#[cfg(feature = "encryption")]
pub mod encryption;
mod entity_tag;
pub mod error;
pub mod group_commit;
pub mod grpc;
pub mod health;
#[cfg(feature = "encryption")]
pub mod idempotency;
pub mod limits;
pub mod network;
mod open_files;
pub mod page;
pub mod program;
pub mod rate_limit;
mod reread;
#[cfg(feature = "db")]
pub mod service;
pub mod shutdown;
pub mod signing;
pub mod telemetry;
pub mod tls;
#[cfg(feature = "db")]
pub mod wire;

pub use entity_tag::entity_tags;
pub use program::run;

/// The allocator of every program. The operating system's takes a good part of a request's time. It asks for no huge pages
/// (`no_thp`), which would double the memory of a program and save hardly any time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
