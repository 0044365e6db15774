//! The method that lists members.

use rowhouse_chassis::access::context;
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::page::PageRequest;
use rowhouse_proto::auth::v1::{ListMembersRequest, ListMembersResponse};
use tonic::Request;

use super::to_proto;
use crate::error::Error;
use crate::rpc::Rpc;
use crate::store::members::list_members as list;

pub(super) async fn list_members(
    rpc: &Rpc,
    request: &Request<ListMembersRequest>,
) -> Result<ListMembersResponse, Error> {
    let cx = context(request)?;
    let ListMembersRequest { page_size, page_token } = request.get_ref();
    let mut violations = Violations::default();
    let page = PageRequest::parse(*page_size, page_token, "members", &mut violations).ok_or(violations)?;
    let found =
        rpc.db.read(&cx, "auth.list_members", async |tx| Ok::<_, Error>(list(tx, &page).await?)).await?;
    let (members, next_page_token) = page.cut(found, |member| member.id);
    Ok(ListMembersResponse { members: members.into_iter().map(to_proto).collect(), next_page_token })
}
