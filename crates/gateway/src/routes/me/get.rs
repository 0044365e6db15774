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

problems!(Problems: UPSTREAM, CALLER);

#[derive(Serialize, ToSchema)]
struct Me {
    user: User,
    tenant: OwnTenant,
    role: Role,
}

#[derive(Serialize, ToSchema)]
struct User {
    #[schema(format = "uuid", example = "01990a5d-b0c1-7e2f-9a44-5d1f0c6b7e88")]
    id: String,
    #[schema(format = Email, example = "ada@acme.example")]
    email: String,
}

/// The tenant that the access token names.
#[derive(Serialize, ToSchema)]
struct OwnTenant {
    #[schema(format = "uuid", example = "01990a5d-ac96-774b-bcce-b302099a8057")]
    id: String,
    #[schema(example = "acme")]
    slug: String,
    #[schema(example = "Acme")]
    name: String,
}

/// What the caller may do in the tenant.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Role {
    Owner,
    Admin,
    Member,
    Viewer,
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
    let role = role(answer.role())?;
    let v1::User { id, email } = answer.user.ok_or_else(lacking("user"))?;
    let user = User { id, email };
    let v1::Tenant { id, slug, name } = answer.tenant.ok_or_else(lacking("tenant"))?;
    write(private(StatusCode::OK), &Me { user, tenant: OwnTenant { id, slug, name }, role })
}

fn role(role: v1::Role) -> Result<Role, Problem> {
    match role {
        v1::Role::Owner => Ok(Role::Owner),
        v1::Role::Admin => Ok(Role::Admin),
        v1::Role::Member => Ok(Role::Member),
        v1::Role::Viewer => Ok(Role::Viewer),
        v1::Role::Unspecified => Err(lacking("role")()),
    }
}
