//! Listing invitations.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, get, web};
use rowhouse_proto::auth::v1;
use serde::Serialize;
use utoipa::ToSchema;

use super::Invitation;
use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{private, write};
use crate::openapi::{CALLER, TenantIdHeader, UPSTREAM, problems};
use crate::query::Page;

problems!(Problems: UPSTREAM, CALLER);

/// A part of the invitations, newest first.
#[derive(Serialize, ToSchema)]
struct InvitationPage {
    invitations: Vec<Invitation>,
    /// Send it as `page_token` for the next page. Empty on the last page.
    next_page_token: String,
}

/// List invitations
///
/// Those that can still be accepted, newest first.
#[utoipa::path(
    tag = "invitations",
    params(TenantIdHeader, Page),
    responses((status = 200, description = "A page of invitations.", body = InvitationPage), Problems),
    security(("bearer" = [])),
)]
#[get("/v1/invitations")]
pub(crate) async fn list_invitations(
    caller: Caller,
    Page { page_size, page_token }: Page,
    clients: web::Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let request = clients.of(&caller, v1::ListInvitationsRequest { page_size, page_token });
    let answer = clients.answer(clients.invitations().list_invitations(request)).await?;
    let invitations = answer.invitations.into_iter().map(Invitation::try_from).collect::<Result<_, _>>()?;
    write(private(StatusCode::OK), &InvitationPage { invitations, next_page_token: answer.next_page_token })
}
