//! Converting tenants to messages.

use chrono::{DateTime, Utc};
use rowhouse_chassis::wire::timestamp;
use rowhouse_proto::onboarding::v1;
use rowhouse_tenancy::TenantStatus;

use crate::domain::{SetupProgress, Tenant};

pub(super) fn to_proto(tenant: Tenant, progress: Option<&SetupProgress>) -> v1::Tenant {
    let status = match tenant.status {
        TenantStatus::Provisioning => v1::TenantStatus::Provisioning,
        TenantStatus::Active => v1::TenantStatus::Active,
        TenantStatus::Suspended => v1::TenantStatus::Suspended,
        TenantStatus::Failed => v1::TenantStatus::Failed,
    };
    v1::Tenant {
        id: tenant.id.to_string(),
        name: tenant.name,
        slug: tenant.slug,
        status: status.into(),
        created_at: Some(timestamp(tenant.created_at)),
        updated_at: Some(timestamp(tenant.updated_at)),
        onboarding: progress.map(onboarding),
    }
}

fn onboarding(progress: &SetupProgress) -> v1::Onboarding {
    let step = |(name, at): (&str, Option<DateTime<Utc>>)| v1::OnboardingStep {
        name: name.to_owned(),
        completed_at: at.map(timestamp),
    };
    v1::Onboarding {
        steps: progress.steps().into_iter().map(step).collect(),
        finished_at: progress.finished_at.map(timestamp),
        failure: progress.failure.clone().unwrap_or_default(),
    }
}
