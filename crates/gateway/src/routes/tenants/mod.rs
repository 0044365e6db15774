//! Tenants.

pub(super) mod get;
pub(super) mod onboard;

use prost_types::Timestamp;
use rowhouse_proto::onboarding::v1;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Problem;
use crate::json::{known, lacking, optional_rfc3339, rfc3339};

/// A tenant.
#[derive(Serialize, ToSchema)]
struct Tenant {
    #[schema(format = "uuid", example = "01990a5d-ac96-774b-bcce-b302099a8057")]
    id: String,
    #[schema(example = "Acme")]
    name: String,
    #[schema(example = "acme")]
    slug: String,
    status: TenantStatus,
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-23T08:30:00.123456Z")]
    created_at: Timestamp,
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-23T08:30:00.123456Z")]
    updated_at: Timestamp,
    /// How its set-up goes or went; null for a tenant from before that was written down.
    #[schema(required = true)]
    onboarding: Option<Onboarding>,
}

/// Where a tenant is in its life.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum TenantStatus {
    /// Being set up; nobody can log in yet.
    Provisioning,
    Active,
    /// Closed to everybody until it is resumed.
    Suspended,
    /// Could not be set up.
    Failed,
}

/// A tenant's set-up.
#[derive(Serialize, ToSchema)]
struct Onboarding {
    /// In the order in which they are taken.
    steps: Vec<OnboardingStep>,
    #[serde(serialize_with = "optional_rfc3339")]
    #[schema(required = true, value_type = Option<String>, format = DateTime, example = "2026-11-23T08:30:00.123456Z")]
    finished_at: Option<Timestamp>,
    /// Why it failed; null when it did not.
    #[schema(required = true)]
    failure: Option<String>,
}

/// A part of a tenant's set-up.
#[derive(Serialize, ToSchema)]
struct OnboardingStep {
    /// `tenant`, `identity`, `membership`, `defaults` or `welcome`.
    #[schema(example = "membership")]
    name: String,
    /// Null until it is done.
    #[serde(serialize_with = "optional_rfc3339")]
    #[schema(required = true, value_type = Option<String>, format = DateTime, example = "2026-11-23T08:30:00.123456Z")]
    completed_at: Option<Timestamp>,
}

impl TryFrom<v1::TenantStatus> for TenantStatus {
    type Error = Problem;

    fn try_from(status: v1::TenantStatus) -> Result<Self, Problem> {
        match status {
            v1::TenantStatus::Provisioning => Ok(Self::Provisioning),
            v1::TenantStatus::Active => Ok(Self::Active),
            v1::TenantStatus::Suspended => Ok(Self::Suspended),
            v1::TenantStatus::Failed => Ok(Self::Failed),
            v1::TenantStatus::Unspecified => Err(lacking("tenant.status")()),
        }
    }
}

impl From<v1::Onboarding> for Onboarding {
    fn from(v1::Onboarding { steps, finished_at, failure }: v1::Onboarding) -> Self {
        let step = |v1::OnboardingStep { name, completed_at }| OnboardingStep { name, completed_at };
        Self { steps: steps.into_iter().map(step).collect(), finished_at, failure: known(failure) }
    }
}

impl TryFrom<v1::Tenant> for Tenant {
    type Error = Problem;

    fn try_from(tenant: v1::Tenant) -> Result<Self, Problem> {
        Ok(Self {
            status: tenant.status().try_into()?,
            id: tenant.id,
            name: tenant.name,
            slug: tenant.slug,
            created_at: tenant.created_at.ok_or_else(lacking("tenant.created_at"))?,
            updated_at: tenant.updated_at.ok_or_else(lacking("tenant.updated_at"))?,
            onboarding: tenant.onboarding.map(Into::into),
        })
    }
}
