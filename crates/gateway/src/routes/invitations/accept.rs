//! Becoming a member.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, post, web};
use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::caller::OptionalCaller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{Body, lacking, private, write};
use crate::openapi::{BODY, CALLER, GUESSING, TenantIdHeader, UPSTREAM, problems};
use crate::origin::Origin;
use crate::query::NoQuery;
use crate::routes::identity::{OwnTenant, Role, User};

problems!(
    Problems: UPSTREAM, BODY, GUESSING, CALLER,
    &[
        Code::LimitExceeded,
        Code::OneTimeTokenInvalid,
        Code::InvalidCredentials,
        Code::EmailMismatch,
        Code::AlreadyMember,
    ],
);

/// The link's token, and what shows who accepts.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AcceptInvitation {
    /// From the mailed link. Good once.
    token: String,
    /// 8 to 128 characters, and none of the commonest. Needed when the address has no identity yet; when it has
    /// one, it may be left out, and must otherwise be that identity's.
    #[schema(format = Password, min_length = 8, max_length = 71, example = "correct horse battery")]
    password: Option<String>,
}

/// The new member.
#[derive(Serialize, ToSchema)]
struct AcceptedInvitation {
    user: User,
    tenant: OwnTenant,
    role: Role,
}

/// Accept an invitation
///
/// An address without an identity gets one with the password. With an access token, its person has to be the invited
/// one.
#[utoipa::path(
    tag = "invitations",
    params(TenantIdHeader),
    request_body = AcceptInvitation,
    responses((status = 200, description = "The person is a member.", body = AcceptedInvitation), Problems),
    security((), ("bearer" = [])),
)]
#[post("/v1/invitations/accept")]
pub(crate) async fn accept_invitation(
    OptionalCaller(caller): OptionalCaller,
    origin: Origin,
    _: NoQuery,
    clients: web::Data<Clients>,
    Body(AcceptInvitation { token, password }): Body<AcceptInvitation>,
) -> Result<HttpResponse, Problem> {
    // The call is about the invitation's tenant, which is not the access token's.
    let access_token = caller.map(|caller| caller.token().to_owned());
    let request = clients.anonymous(&origin, v1::AcceptInvitationRequest { token, password, access_token });
    let answer = clients.answer(clients.invitations().accept_invitation(request)).await?;
    let accepted = AcceptedInvitation {
        role: answer.role().try_into()?,
        user: answer.user.ok_or_else(lacking("user"))?.into(),
        tenant: answer.tenant.ok_or_else(lacking("tenant"))?.into(),
    };
    write(private(StatusCode::OK), &accepted)
}
