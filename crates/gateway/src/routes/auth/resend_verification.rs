//! Asking for the link again that confirms an e-mail address.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, post, web};
use rowhouse_proto::auth::v1;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{Body, private, write};
use crate::openapi::{BODY, GUESSING, UPSTREAM, problems};
use crate::origin::Origin;
use crate::query::NoQuery;
use crate::routes::password::Accepted;

problems!(Problems: UPSTREAM, BODY, GUESSING);

/// Whose message was lost.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ResendVerification {
    #[schema(format = Email, max_length = 254, example = "ada@acme.example")]
    email: String,
}

/// Ask again for the link that confirms an e-mail address
///
/// Mails one if the address has an identity and is not confirmed. The answer does not say whether it is so.
#[utoipa::path(
    tag = "auth",
    request_body = ResendVerification,
    responses((status = 202, description = "If the address is known and not confirmed, a link is on its way.", body = Accepted), Problems),
)]
#[post("/v1/auth/email/resend")]
pub(crate) async fn resend_email_verification(
    origin: Origin,
    _: NoQuery,
    clients: web::Data<Clients>,
    Body(ResendVerification { email }): Body<ResendVerification>,
) -> Result<HttpResponse, Problem> {
    let request = clients.anonymous(&origin, v1::ResendEmailVerificationRequest { email });
    clients.answer(clients.auth().resend_email_verification(request)).await?;
    write(private(StatusCode::ACCEPTED), &Accepted {})
}
