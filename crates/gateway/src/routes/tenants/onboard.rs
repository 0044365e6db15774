//! Bringing a tenant into being.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, post, web};
use prost_types::Timestamp;
use rowhouse_chassis::error::Code;
use rowhouse_proto::onboarding::v1;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::caller::OptionalCaller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::headers::IdempotencyKey;
use crate::json::{Body, lacking, object, private, rfc3339, write};
use crate::openapi::{BODY, CALLER, GUESSING, IdempotencyKeyHeader, TenantIdHeader, UPSTREAM, problems};
use crate::origin::Origin;
use crate::query::NoQuery;

problems!(
    Problems: UPSTREAM, BODY, GUESSING, CALLER,
    &[Code::InvalidCredentials, Code::EmailMismatch, Code::SlugTaken, Code::IdempotencyKeyReused],
);

/// A company, and its first owner.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OnboardTenant {
    /// The company's name, as people write it.
    #[schema(min_length = 1, max_length = 200, example = "Acme")]
    name: String,
    /// The tenant's name in addresses. Derived from the name when absent.
    #[schema(min_length = 3, max_length = 63, pattern = "^[a-z0-9][a-z0-9-]*[a-z0-9]$", example = "acme")]
    slug: Option<String>,
    #[serde(deserialize_with = "object")]
    admin: Credentials,
}

/// The first owner.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Credentials {
    #[schema(format = Email, max_length = 254, example = "ada@acme.example")]
    email: String,
    /// 8 to 71 bytes of UTF-8, and none of the commonest. Without it, the person is mailed a link to set one.
    #[schema(format = Password, min_length = 8, max_length = 71, example = "correct horse battery")]
    password: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct OnboardedTenant {
    tenant: Tenant,
    admin: Admin,
}

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
}

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

/// The first owner.
#[derive(Serialize, ToSchema)]
struct Admin {
    /// The user's, once they have joined.
    #[schema(format = "uuid", example = "01990a5d-b0c1-7e2f-9a44-5d1f0c6b7e88")]
    id: String,
    #[schema(format = Email, example = "ada@acme.example")]
    email: String,
    #[schema(example = "owner")]
    role: String,
}

/// Onboard a tenant
///
/// Creates a tenant and its first owner, who can log in at once. With an access token, the owner is its person and
/// has to have the address that is sent. Without one, an address that has an identity already joins by that
/// identity's password, or else by a mailed link; the answer is the same as for a new address, and no password
/// changes.
#[utoipa::path(
    tag = "tenants",
    params(TenantIdHeader, IdempotencyKeyHeader),
    request_body = OnboardTenant,
    responses((status = 201, description = "The tenant is there.", body = OnboardedTenant), Problems),
    security((), ("bearer" = [])),
)]
#[post("/v1/tenants")]
pub(crate) async fn onboard_tenant(
    OptionalCaller(caller): OptionalCaller,
    origin: Origin,
    _: NoQuery,
    clients: web::Data<Clients>,
    IdempotencyKey(idempotency_key): IdempotencyKey,
    Body(body): Body<OnboardTenant>,
) -> Result<HttpResponse, Problem> {
    let Credentials { email, password } = body.admin;
    let message = v1::OnboardTenantRequest {
        name: body.name,
        slug: body.slug,
        admin: Some(v1::AdminCredentials { email, password }),
        idempotency_key,
    };
    let request = match &caller {
        Some(caller) => clients.of(caller, message),
        None => clients.anonymous(&origin, message),
    };
    let answer = clients.answer(clients.onboarding().onboard_tenant(request)).await?;
    let tenant = answer.tenant.ok_or_else(lacking("tenant"))?;
    let admin = answer.admin.ok_or_else(lacking("admin"))?;
    let onboarded = OnboardedTenant {
        tenant: Tenant {
            status: status(tenant.status())?,
            id: tenant.id,
            name: tenant.name,
            slug: tenant.slug,
            created_at: tenant.created_at.ok_or_else(lacking("tenant.created_at"))?,
        },
        admin: Admin { id: admin.id, email: admin.email, role: admin.role },
    };
    write(private(StatusCode::CREATED), &onboarded)
}

fn status(status: v1::TenantStatus) -> Result<TenantStatus, Problem> {
    match status {
        v1::TenantStatus::Provisioning => Ok(TenantStatus::Provisioning),
        v1::TenantStatus::Active => Ok(TenantStatus::Active),
        v1::TenantStatus::Suspended => Ok(TenantStatus::Suspended),
        v1::TenantStatus::Failed => Ok(TenantStatus::Failed),
        v1::TenantStatus::Unspecified => Err(lacking("tenant.status")()),
    }
}
