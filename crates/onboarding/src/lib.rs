//! Brings tenants into being.
//!
//! A tenant is set up by several services, each of which may stop at any moment. So whatever can be refused is asked for
//! before anything is there; then one transaction creates the tenant in the status `provisioning`, in which nobody can log
//! in, together with the record of its set-up and a job; and the job takes the steps, each of which can be repeated and is
//! written down: the first owner, or an invitation for one, whom auth keeps; the defaults, which orders keeps; the welcome
//! letter; the status `active`. Where a step is refused for good, what was done is taken back, and the tenant is `failed`.
//!
//! The background work of a tenant, whichever service does it, is shown here as well.

mod args;
mod auth_client;
mod domain;
mod error;
mod jobs;
mod orders_client;
mod proofs;
mod rpc;
mod schema;
mod service;
mod store;

pub use args::OnboardingArgs;
pub use service::Onboarding;

/// The arguments of the onboarding service.
pub type Config = rowhouse_chassis::service::Config<Onboarding>;
