//! Who the caller is.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, get, web};
use rowhouse_proto::auth::v1;
use serde::Serialize;
use utoipa::ToSchema;

use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{lacking, private, write};
use crate::openapi::{CALLER, TenantIdHeader, UPSTREAM, problems};
use crate::query::NoQuery;
use crate::routes::identity::{OwnTenant, Role, User};

problems!(Problems: UPSTREAM, CALLER);

#[derive(Serialize, ToSchema)]
struct Me {
    user: User,
    tenant: OwnTenant,
    role: Role,
}

/// Who am I
///
/// The person, the tenant and the role that the access token stands for.
#[utoipa::path(
    tag = "me",
    params(TenantIdHeader),
    responses((status = 200, description = "The caller.", body = Me), Problems),
    security(("bearer" = [])),
)]
#[get("/v1/me")]
pub(crate) async fn get_me(
    caller: Caller,
    _: NoQuery,
    clients: web::Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let request = clients.of(&caller, v1::GetMeRequest {});
    let answer = clients.answer(clients.auth().get_me(request)).await?;
    let me = Me {
        role: answer.role().try_into()?,
        user: answer.user.ok_or_else(lacking("user"))?.into(),
        tenant: answer.tenant.ok_or_else(lacking("tenant"))?.into(),
    };
    write(private(StatusCode::OK), &me)
}
