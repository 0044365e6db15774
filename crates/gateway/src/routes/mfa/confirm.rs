//! Switching the second factor on.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, post, web};
use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{Body, private, write};
use crate::openapi::{BODY, CALLER, GUESSING, TenantIdHeader, UPSTREAM, problems};
use crate::query::NoQuery;

problems!(
    Problems: UPSTREAM, CALLER, BODY, GUESSING,
    &[Code::MfaCodeInvalid, Code::MfaEnabled, Code::MfaNotEnabled],
);

/// What shows that the secret arrived.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ConfirmTotp {
    /// Six digits.
    #[schema(example = "123456")]
    code: String,
}

/// The way in without the device.
#[derive(Serialize, ToSchema)]
struct RecoveryCodes {
    /// Each is good once.
    recovery_codes: Vec<String>,
}

/// Switch the second factor on
///
/// Ends the caller's other sessions, in all of their tenants.
#[utoipa::path(
    tag = "mfa",
    params(TenantIdHeader),
    request_body = ConfirmTotp,
    responses(
        (status = 200, description = "It is on. The codes are shown only here.", body = RecoveryCodes),
        Problems,
    ),
    security(("bearer" = [])),
)]
#[post("/v1/mfa/totp/confirm")]
pub(crate) async fn confirm_totp(
    caller: Caller,
    _: NoQuery,
    clients: web::Data<Clients>,
    Body(ConfirmTotp { code }): Body<ConfirmTotp>,
) -> Result<HttpResponse, Problem> {
    let request = clients.of(&caller, v1::ConfirmTotpRequest { code });
    let v1::ConfirmTotpResponse { recovery_codes } =
        clients.answer(clients.mfa().confirm_totp(request)).await?;
    write(private(StatusCode::OK), &RecoveryCodes { recovery_codes })
}
