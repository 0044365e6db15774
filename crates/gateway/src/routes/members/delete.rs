//! Removing a member.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, delete, web};
use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1;

use super::Revocations;
use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{lacking, private, write};
use crate::openapi::{CALLER, TenantIdHeader, UPSTREAM, problems};
use crate::query::NoQuery;
use crate::routes::Id;

problems!(Problems: UPSTREAM, CALLER, &[Code::MemberNotFound, Code::LastOwner]);

/// Remove a member
///
/// Ends the member's sessions, API keys and invitations in the tenant at once; what belongs to the tenant stays. A member may
/// remove themselves. The last owner stays.
#[utoipa::path(
    tag = "members",
    params(
        TenantIdHeader,
        ("id" = String, Path, format = "uuid", example = "01990a5e-3c4d-7e5f-9a6b-7c8d9e0f1a2b"),
    ),
    responses(
        (status = 200, description = "The person is no member any more: what ended with that.", body = Revocations),
        Problems,
    ),
    security(("bearer" = [])),
)]
#[delete("/v1/members/{id}")]
pub(crate) async fn delete_member(
    caller: Caller,
    _: NoQuery,
    Id(id): Id,
    clients: web::Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let request = clients.of(&caller, v1::DeleteMemberRequest { id });
    let answer = clients.answer(clients.members().delete_member(request)).await?;
    let revocations = Revocations::try_from(answer.revocations.ok_or_else(lacking("revocations"))?)?;
    write(private(StatusCode::OK), &revocations)
}
