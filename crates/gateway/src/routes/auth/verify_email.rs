//! Confirming an e-mail address.

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

/// What shows that mail arrives.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct VerifyEmail {
    /// From the mailed link. Good once.
    token: String,
}

/// Confirm an e-mail address
#[utoipa::path(
    tag = "auth",
    request_body = VerifyEmail,
    responses((status = 204, description = "The address is confirmed."), Problems),
)]
#[post("/v1/auth/email/verify")]
pub(crate) async fn verify_email(
    origin: Origin,
    _: NoQuery,
    clients: web::Data<Clients>,
    Body(VerifyEmail { token }): Body<VerifyEmail>,
) -> Result<HttpResponse, Problem> {
    let request = clients.anonymous(&origin, v1::VerifyEmailRequest { token });
    clients.answer(clients.auth().verify_email(request)).await?;
    Ok(private(StatusCode::NO_CONTENT).finish())
}
