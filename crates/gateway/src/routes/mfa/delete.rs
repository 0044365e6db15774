//! Switching the second factor off.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, delete, web};
use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{Body, private};
use crate::openapi::{BODY, CALLER, GUESSING, TenantIdHeader, UPSTREAM, problems};
use crate::query::NoQuery;

problems!(Problems: UPSTREAM, CALLER, BODY, GUESSING, &[Code::MfaCodeInvalid, Code::MfaNotEnabled]);

/// What shows that it is the person who asks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DeleteTotp {
    /// Six digits, or a recovery code.
    #[schema(example = "123456")]
    code: String,
}

/// Switch the second factor off
///
/// Ends the caller's other sessions, in all of their tenants.
#[utoipa::path(
    tag = "mfa",
    params(TenantIdHeader),
    request_body = DeleteTotp,
    responses((status = 204, description = "It is off."), Problems),
    security(("bearer" = [])),
)]
#[delete("/v1/mfa/totp")]
pub(crate) async fn delete_totp(
    caller: Caller,
    _: NoQuery,
    clients: web::Data<Clients>,
    Body(DeleteTotp { code }): Body<DeleteTotp>,
) -> Result<HttpResponse, Problem> {
    let request = clients.of(&caller, v1::DeleteTotpRequest { code });
    clients.answer(clients.mfa().delete_totp(request)).await?;
    Ok(private(StatusCode::NO_CONTENT).finish())
}
