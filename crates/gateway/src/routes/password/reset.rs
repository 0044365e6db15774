//! Setting a new password by a mailed link.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, post, web};
use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{Body, private};
use crate::openapi::{BODY, GUESSING, UPSTREAM, problems};
use crate::origin::Origin;
use crate::query::NoQuery;

problems!(Problems: UPSTREAM, BODY, GUESSING, &[Code::OneTimeTokenInvalid]);

/// The link's token, and the password as it shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ResetPassword {
    /// From the mailed link. Good once.
    token: String,
    /// 8 to 128 characters, and none of the commonest.
    #[schema(format = Password, min_length = 8, max_length = 71, example = "staple the correct horse")]
    password: String,
}

/// Set a new password by a mailed link
///
/// Ends all of the person's sessions, in every tenant.
#[utoipa::path(
    tag = "password",
    request_body = ResetPassword,
    responses((status = 204, description = "The password is set, and the sessions are over."), Problems),
)]
#[post("/v1/auth/password/reset")]
pub(crate) async fn reset_password(
    origin: Origin,
    _: NoQuery,
    clients: web::Data<Clients>,
    Body(ResetPassword { token, password }): Body<ResetPassword>,
) -> Result<HttpResponse, Problem> {
    let request = clients.anonymous(&origin, v1::ResetPasswordRequest { token, password });
    clients.answer(clients.auth().reset_password(request)).await?;
    Ok(private(StatusCode::NO_CONTENT).finish())
}
