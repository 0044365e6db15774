//! Changing a member's role.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, patch, web};
use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Member, Revocations};
use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{Body, lacking, private, write};
use crate::openapi::{BODY, CALLER, TenantIdHeader, UPSTREAM, problems};
use crate::query::NoQuery;
use crate::routes::Id;
use crate::routes::identity::Role;

problems!(Problems: UPSTREAM, CALLER, BODY, &[Code::MemberNotFound, Code::LastOwner]);

/// What to change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateMember {
    role: Role,
}

/// A member, and what ended with their old role.
#[derive(Serialize, ToSchema)]
struct UpdatedMember {
    #[serde(flatten)]
    member: Member,
    /// Absent when the role is as it was before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = Revocations)]
    revocations: Option<Revocations>,
}

/// Change a member's role
///
/// At once. Neither the old nor the new role may be above the caller's, and the last owner stays one. API keys that the member
/// created may do no more than the new role; invitations that the member may not send any more end.
#[utoipa::path(
    tag = "members",
    params(
        TenantIdHeader,
        ("id" = String, Path, format = "uuid", example = "01990a5e-3c4d-7e5f-9a6b-7c8d9e0f1a2b"),
    ),
    request_body = UpdateMember,
    responses((status = 200, description = "The member as it is now.", body = UpdatedMember), Problems),
    security(("bearer" = [])),
)]
#[patch("/v1/members/{id}")]
pub(crate) async fn update_member(
    caller: Caller,
    _: NoQuery,
    Id(id): Id,
    clients: web::Data<Clients>,
    Body(UpdateMember { role }): Body<UpdateMember>,
) -> Result<HttpResponse, Problem> {
    let message = v1::UpdateMemberRequest { id, role: v1::Role::from(role).into() };
    let answer = clients.answer(clients.members().update_member(clients.of(&caller, message))).await?;
    let member = Member::try_from(answer.member.ok_or_else(lacking("member"))?)?;
    let revocations = answer.revocations.map(Revocations::try_from).transpose()?;
    write(private(StatusCode::OK), &UpdatedMember { member, revocations })
}
