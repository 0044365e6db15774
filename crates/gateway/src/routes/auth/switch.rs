//! Going over to another tenant.

use actix_web::{HttpResponse, post, web};
use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Tokens, logged_in};
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::Body;
use crate::openapi::{BODY, GUESSING, UPSTREAM, problems};
use crate::origin::Origin;
use crate::query::NoQuery;

problems!(
    Problems: UPSTREAM, BODY, GUESSING,
    &[Code::RefreshTokenInvalid, Code::PermissionDenied, Code::TenantUnknown, Code::TenantSuspended],
);

/// Where to go, and from which session.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SwitchTenant {
    /// From the last login, refresh or switch.
    refresh_token: String,
    /// The other tenant's slug or id.
    #[schema(example = "globex")]
    tenant: String,
}

/// Switch to another tenant
///
/// Exchanges a session for one in another tenant of the same person.
#[utoipa::path(
    tag = "auth",
    request_body = SwitchTenant,
    responses((status = 200, description = "A session in the other tenant.", body = Tokens), Problems),
)]
#[post("/v1/auth/switch")]
pub(crate) async fn switch_tenant(
    origin: Origin,
    _: NoQuery,
    clients: web::Data<Clients>,
    Body(SwitchTenant { refresh_token, tenant }): Body<SwitchTenant>,
) -> Result<HttpResponse, Problem> {
    let request = clients.anonymous(&origin, v1::SwitchTenantRequest { refresh_token, tenant });
    logged_in(clients.answer(clients.auth().switch_tenant(request)).await?.tokens)
}
