//! Inviting somebody.

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, post, web};
use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Invitation;
use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::headers::IdempotencyKey;
use crate::json::{Body, lacking, private, write};
use crate::openapi::{BODY, CALLER, GUESSING, IdempotencyKeyHeader, TenantIdHeader, UPSTREAM, problems};
use crate::query::NoQuery;
use crate::routes::identity::Role;

problems!(Problems: UPSTREAM, CALLER, BODY, GUESSING, &[Code::IdempotencyKeyReused, Code::LimitExceeded, Code::AlreadyMember]);

/// Whom to invite, and as what.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateInvitation {
    #[schema(format = Email, max_length = 254, example = "grace@acme.example")]
    email: String,
    role: Role,
}

/// Invite somebody
///
/// Mails a link that is good once. The role may not be above the caller's. Inviting an address again replaces the
/// invitation and its link.
#[utoipa::path(
    tag = "invitations",
    params(TenantIdHeader, IdempotencyKeyHeader),
    request_body = CreateInvitation,
    responses(
        (status = 201, description = "The invitation.", body = Invitation, headers(
            ("Location" = String, description = "Where the invitation can be taken back."),
        )),
        Problems,
    ),
    security(("bearer" = [])),
)]
#[post("/v1/invitations")]
pub(crate) async fn create_invitation(
    caller: Caller,
    _: NoQuery,
    clients: web::Data<Clients>,
    IdempotencyKey(idempotency_key): IdempotencyKey,
    Body(CreateInvitation { email, role }): Body<CreateInvitation>,
) -> Result<HttpResponse, Problem> {
    let message = v1::CreateInvitationRequest { email, role: v1::Role::from(role).into(), idempotency_key };
    let request = clients.of(&caller, message);
    let answer = clients.answer(clients.invitations().create_invitation(request)).await?;
    let invitation = Invitation::try_from(answer.invitation.ok_or_else(lacking("invitation"))?)?;
    let mut response = private(StatusCode::CREATED);
    response.insert_header((LOCATION, format!("/v1/invitations/{}", invitation.id)));
    write(response, &invitation)
}
