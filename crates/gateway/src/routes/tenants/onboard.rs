//! Bringing a tenant into being.

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, post, web};
use rowhouse_chassis::error::Code;
use rowhouse_proto::onboarding::v1;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Tenant;
use crate::caller::OptionalCaller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::headers::IdempotencyKey;
use crate::json::{Body, known, lacking, object, private, write};
use crate::openapi::{BODY, CALLER, GUESSING, IdempotencyKeyHeader, TenantIdHeader, UPSTREAM, problems};
use crate::origin::Origin;
use crate::query::NoQuery;

problems!(
    Problems: UPSTREAM, BODY, GUESSING, CALLER,
    &[
        Code::LimitExceeded,
        Code::InvalidCredentials,
        Code::EmailMismatch,
        Code::SlugTaken,
        Code::IdempotencyKeyReused,
    ],
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
    /// 8 to 128 characters, and none of the commonest. Without it, the person is mailed a link to set one.
    #[schema(format = Password, min_length = 8, max_length = 71, example = "correct horse battery")]
    password: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct OnboardedTenant {
    tenant: Tenant,
    admin: Admin,
    /// While the tenant is being set up nobody can log in to it: this token shows it at its address, and opens nothing
    /// else. Absent when the tenant is active.
    #[serde(skip_serializing_if = "Option::is_none")]
    status_token: Option<String>,
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
/// Creates a tenant and its first owner, who can log in when the tenant is `active`: mostly at once. What was accepted is
/// completed whatever happens; until then the answer is 202, and the tenant's address shows how far it is. With an access token, the owner is its person and
/// has to have the address that is sent. Without one, an address that has an identity already joins by that
/// identity's password, or else by a mailed link; the answer is the same as for a new address, and no password
/// changes.
#[utoipa::path(
    tag = "tenants",
    params(TenantIdHeader, IdempotencyKeyHeader),
    request_body = OnboardTenant,
    responses(
        (status = 201, description = "The tenant is there.", body = OnboardedTenant, headers(
            ("Location" = String, description = "The tenant's address."),
        )),
        (status = 202, description = "The tenant is being set up.", body = OnboardedTenant, headers(
            ("Location" = String, description = "Where to see how far it is, with the status token."),
        )),
        Problems,
    ),
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
        tenant: tenant.try_into()?,
        admin: Admin { id: admin.id, email: admin.email, role: admin.role },
        status_token: known(answer.status_token),
    };
    let status = if onboarded.status_token.is_some() { StatusCode::ACCEPTED } else { StatusCode::CREATED };
    let mut response = private(status);
    response.insert_header((LOCATION, format!("/v1/tenants/{}", onboarded.tenant.id)));
    write(response, &onboarded)
}
