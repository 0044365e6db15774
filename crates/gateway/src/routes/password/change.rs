//! Changing one's password.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, post, web};
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

problems!(Problems: UPSTREAM, CALLER, BODY, GUESSING, &[Code::InvalidCredentials]);

/// The password as it is, and as it shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangePassword {
    #[schema(format = Password, example = "correct horse battery")]
    current: String,
    /// 8 to 128 characters, and none of the commonest.
    #[schema(format = Password, min_length = 8, max_length = 71, example = "staple the correct horse")]
    new: String,
}

/// Change one's password
///
/// Ends all of the person's sessions, in every tenant.
#[utoipa::path(
    tag = "password",
    params(TenantIdHeader),
    request_body = ChangePassword,
    responses((status = 204, description = "The password is changed, and the sessions are over."), Problems),
    security(("bearer" = [])),
)]
#[post("/v1/auth/password/change")]
pub(crate) async fn change_password(
    caller: Caller,
    _: NoQuery,
    clients: web::Data<Clients>,
    Body(ChangePassword { current, new }): Body<ChangePassword>,
) -> Result<HttpResponse, Problem> {
    let message = v1::ChangePasswordRequest { current_password: current, new_password: new };
    clients.answer(clients.auth().change_password(clients.of(&caller, message))).await?;
    Ok(private(StatusCode::NO_CONTENT).finish())
}
