//! Validated types and pure rules.

mod administrator;
mod idempotency;
mod onboarding;
mod progress;
mod reserved_slugs;
mod slug;
mod tenant;
mod tenant_name;

pub(crate) use administrator::Administrator;
pub(crate) use idempotency::{Fingerprint, KeyDigest, PasswordProof};
pub(crate) use onboarding::Onboarding;
pub(crate) use progress::{Onboarded, SetupProgress};
pub(crate) use slug::{Slug, SlugPlan};
pub(crate) use tenant::{NewTenant, Tenant};
pub(crate) use tenant_name::TenantName;
