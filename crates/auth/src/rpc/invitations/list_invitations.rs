//! The method that lists pending invitations.

use rowhouse_chassis::access::context;
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::page::PageRequest;
use rowhouse_proto::auth::v1::{ListInvitationsRequest, ListInvitationsResponse};
use tonic::Request;

use super::to_proto;
use crate::error::Error;
use crate::rpc::Rpc;
use crate::store::invitations::list_invitations as list;

pub(super) async fn list_invitations(
    rpc: &Rpc,
    request: &Request<ListInvitationsRequest>,
) -> Result<ListInvitationsResponse, Error> {
    let cx = context(request)?;
    let ListInvitationsRequest { page_size, page_token } = request.get_ref();
    let mut violations = Violations::default();
    let page =
        PageRequest::parse(*page_size, page_token, "invitations", &mut violations).ok_or(violations)?;
    let found =
        rpc.db.read(&cx, "auth.list_invitations", async |tx| Ok::<_, Error>(list(tx, &page).await?)).await?;
    let (invitations, next_page_token) = page.cut(found, |invitation| (invitation.created_at, invitation.id));
    let invitations = invitations.into_iter().map(to_proto).collect();
    Ok(ListInvitationsResponse { invitations, next_page_token })
}
