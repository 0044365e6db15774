//! Listing members.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, get, web};
use rowhouse_proto::auth::v1;
use serde::Serialize;
use utoipa::ToSchema;

use super::Member;
use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{private, write};
use crate::openapi::{CALLER, TenantIdHeader, UPSTREAM, problems};
use crate::query::Page;

problems!(Problems: UPSTREAM, CALLER);

/// A part of the members, oldest first.
#[derive(Serialize, ToSchema)]
struct MemberPage {
    members: Vec<Member>,
    /// Send it as `page_token` for the next page. Empty on the last page.
    next_page_token: String,
}

/// List members
///
/// Oldest first.
#[utoipa::path(
    tag = "members",
    params(TenantIdHeader, Page),
    responses((status = 200, description = "A page of members.", body = MemberPage), Problems),
    security(("bearer" = [])),
)]
#[get("/v1/members")]
pub(crate) async fn list_members(
    caller: Caller,
    Page { page_size, page_token }: Page,
    clients: web::Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let request = clients.of(&caller, v1::ListMembersRequest { page_size, page_token });
    let answer = clients.answer(clients.members().list_members(request)).await?;
    let members = answer.members.into_iter().map(Member::try_from).collect::<Result<_, _>>()?;
    write(private(StatusCode::OK), &MemberPage { members, next_page_token: answer.next_page_token })
}
