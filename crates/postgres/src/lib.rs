//! A private PostgreSQL: finding the programs, and running one cluster in a directory.
//!
//! The server listens on a free port of 127.0.0.1 and on no Unix socket, requires a password (SCRAM), and belongs to
//! the process that started it. The next start removes what a killed one left behind.

mod cluster;
mod data_directory;
mod error;
mod password;
mod predecessor;
mod programs;
mod server_log;
mod user;

pub use cluster::{Cluster, ClusterOptions, DetachedCluster, remove_cluster};
pub use error::PostgresError;
pub use password::{NoRandomness, random_password};
pub use programs::{FindError, Programs};
