//! Databases and running services for tests. A dev-dependency only.
//!
//! One private PostgreSQL cluster serves all tests of a run (one `cargo test`, or one `cargo nextest`),
//! and is removed with the end of the run, also of a killed one. Each test gets a [`TestDatabase`] of its own, copied from a
//! migrated template, or a whole [`TestSystem`]: the real services and the real gateway on free ports.
//!
//! ```no_run
//! # async fn example() {
//! use rowhouse_testkit::TestSystem;
//!
//! let system = TestSystem::start().await;
//! let acme = system.onboard("Acme").await;
//! let me = system.http().get(format!("{}/v1/me", system.gateway_url())).bearer_auth(&acme.token).send().await;
//! system.shutdown().await;
//! # }
//! ```

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod addresses;
mod binary;
mod certificates;
mod cluster;
mod collector;
mod command_line;
mod database;
mod forwarder;
pub mod mail;
mod options;
mod pgbouncer;
mod processes;
mod proxy;
pub mod receiver;
mod scratch;
mod server;
pub mod smtp;
mod system;
mod tenant;
mod until;
mod watchdog;

pub use addresses::own_address;
pub use binary::{Binary, CheckedConfiguration, Ended, RunningBinary};
pub use certificates::{CertificateAuthority, IssuedCertificate, until_certificate_expires};
pub use collector::Collector;
pub use command_line::CommandLine;
pub use database::TestDatabase;
pub use forwarder::Forwarder;
pub use mail::Email;
pub use options::TestOptions;
pub use pgbouncer::PgBouncer;
pub use processes::{Processes, ProgramName, Settings, serve_as_a_process, stop_process};
pub use proxy::{Flight, Proxy};
pub use rowhouse_auth::SignUpArgs;
pub use rowhouse_catalog::{PerService, ServiceName};
pub use scratch::scratch;
pub use server::{PausedServer, TestServer};
pub use system::TestSystem;
pub use tenant::Tenant;
pub use until::until;
pub use watchdog::remove_after_the_test;
