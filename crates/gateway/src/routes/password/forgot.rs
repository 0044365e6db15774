//! Asking for a link to set a new password.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, post, web};
use rowhouse_proto::auth::v1;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Accepted;
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{Body, private, write};
use crate::openapi::{BODY, GUESSING, UPSTREAM, problems};
use crate::origin::Origin;
use crate::query::NoQuery;

problems!(Problems: UPSTREAM, BODY, GUESSING);

/// Who forgot their password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ForgotPassword {
    #[schema(format = Email, max_length = 254, example = "ada@acme.example")]
    email: String,
}

/// Ask for a link to set a new password
///
/// Mails one if the address has an identity. The answer does not say whether it has.
#[utoipa::path(
    tag = "password",
    request_body = ForgotPassword,
    responses((status = 202, description = "If the address is known, a link is on its way.", body = Accepted), Problems),
)]
#[post("/v1/auth/password/forgot")]
pub(crate) async fn request_password_reset(
    origin: Origin,
    _: NoQuery,
    clients: web::Data<Clients>,
    Body(ForgotPassword { email }): Body<ForgotPassword>,
) -> Result<HttpResponse, Problem> {
    let request = clients.anonymous(&origin, v1::RequestPasswordResetRequest { email });
    clients.answer(clients.auth().request_password_reset(request)).await?;
    write(private(StatusCode::ACCEPTED), &Accepted {})
}
