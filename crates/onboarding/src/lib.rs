//! The onboarding service, which creates tenants.
//!
//! Several services take part in a tenant's set-up, and each may stop at any moment. So everything that can be
//! refused is checked first. Then one transaction creates the tenant in the status `provisioning`, in which nobody
//! can log in, with the record of its set-up and a job. The job takes the steps, each of which is idempotent and
//! recorded: the first owner or an invitation (auth); the defaults (orders); the welcome email; the status `active`.
//! If a step is refused for good, everything is removed and the tenant is `failed`.

mod args;
mod auth_client;
mod domain;
mod error;
mod jobs;
mod orders_client;
mod proofs;
mod purge;
mod rpc;
mod schema;
mod service;
mod store;

pub use args::OnboardingArgs;
pub use service::Onboarding;

/// The arguments of the onboarding service.
pub type Config = rowhouse_chassis::service::Config<Onboarding>;
