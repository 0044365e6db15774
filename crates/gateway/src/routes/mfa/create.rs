//! Enrolling.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, post, web};
use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1;
use serde::Serialize;
use utoipa::ToSchema;

use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{private, write};
use crate::openapi::{CALLER, TenantIdHeader, UPSTREAM, problems};
use crate::query::NoQuery;

problems!(Problems: UPSTREAM, CALLER, &[Code::MfaEnabled]);

/// What the person's device needs.
#[derive(Serialize, ToSchema)]
struct NewTotp {
    /// Base32 (RFC 4648), without padding.
    #[schema(example = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")]
    secret: String,
    /// For the QR code.
    #[schema(example = "otpauth://totp/Rowhouse:ada%40acme.example?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")]
    otpauth_url: String,
}

/// Make a secret for one-time passwords
///
/// SHA-1, six digits, 30 seconds (RFC 6238). It counts once it is confirmed; until then, another call replaces it.
#[utoipa::path(
    tag = "mfa",
    params(TenantIdHeader),
    responses((status = 201, description = "The secret. It is shown only here.", body = NewTotp), Problems),
    security(("bearer" = [])),
)]
#[post("/v1/mfa/totp")]
pub(crate) async fn create_totp(
    caller: Caller,
    _: NoQuery,
    clients: web::Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let request = clients.of(&caller, v1::CreateTotpRequest {});
    let v1::CreateTotpResponse { totp_secret, otpauth_url } =
        clients.answer(clients.mfa().create_totp(request)).await?;
    write(private(StatusCode::CREATED), &NewTotp { secret: totp_secret, otpauth_url })
}
