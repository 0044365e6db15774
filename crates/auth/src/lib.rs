//! Identities, memberships and access tokens.
//!
//! A person is one identity, known by an email address, and a member of any number of tenants. Login exchanges the
//! password for a token that names exactly one of them; every other service takes the tenant only from such a token.
//!
//! No answer reveals whether an address has an identity: an unknown address and a wrong password get the same answer
//! after the same work.
//!
//! This service also shows the jobs of a tenant, those of all services, since a tenant is administered here.

mod args;
mod domain;
mod encryption;
mod error;
mod hashing;
mod jobs;
mod mail;
mod purge;
mod rpc;
mod schema;
mod service;
mod store;
mod tasks;
mod throttle;

pub use args::{AuthArgs, MailArgs, RetentionArgs, SessionArgs, SignUpArgs};
pub use encryption::EncryptionKeysError;
pub use mail::MailError;
pub use service::Auth;

/// The arguments of the auth service.
pub type Config = rowhouse_chassis::service::Config<Auth>;
