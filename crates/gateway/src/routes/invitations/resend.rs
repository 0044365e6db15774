//! Sending an invitation again.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, post, web};
use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1;

use super::Invitation;
use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{lacking, private, write};
use crate::openapi::{CALLER, GUESSING, TenantIdHeader, UPSTREAM, problems};
use crate::query::NoQuery;
use crate::routes::Id;

problems!(Problems: UPSTREAM, CALLER, GUESSING, &[Code::InvitationNotFound]);

/// Send an invitation again
///
/// Mails a new link, which is good once and for seven days. The link that was mailed before is good no more.
#[utoipa::path(
    tag = "invitations",
    params(
        TenantIdHeader,
        ("id" = String, Path, format = "uuid", example = "01990a5e-4d5e-7f6a-8b7c-8d9e0f1a2b3c"),
    ),
    responses((status = 200, description = "The invitation.", body = Invitation), Problems),
    security(("bearer" = [])),
)]
#[post("/v1/invitations/{id}/resend")]
pub(crate) async fn resend_invitation(
    caller: Caller,
    _: NoQuery,
    Id(id): Id,
    clients: web::Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let request = clients.of(&caller, v1::ResendInvitationRequest { id });
    let answer = clients.answer(clients.invitations().resend_invitation(request)).await?;
    let invitation = Invitation::try_from(answer.invitation.ok_or_else(lacking("invitation"))?)?;
    write(private(StatusCode::OK), &invitation)
}
