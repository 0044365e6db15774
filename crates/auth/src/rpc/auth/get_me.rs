//! The method that returns the caller.

use rowhouse_proto::auth::v1::{GetMeRequest, GetMeResponse, OwnTenant, User};
use tonic::Request;

use crate::error::Error;
use crate::rpc::{Rpc, context, person, role};
use crate::store::memberships::{Me, find_me};

/// Returns the caller with the current role of the membership; the token's role is that of the time when it was
/// issued.
pub(super) async fn get_me(rpc: &Rpc, request: &Request<GetMeRequest>) -> Result<GetMeResponse, Error> {
    let cx = context(request)?;
    let user = person(&cx)?;
    let me = rpc.db.read(&cx, "auth.get_me", async |tx| Ok::<_, Error>(find_me(tx, user).await?)).await?;
    let Me { email, email_verified, tenant_slug, tenant_name, role } = me.ok_or(Error::NotAMember)?;
    Ok(GetMeResponse {
        user: Some(User { id: user.to_string(), email, email_verified }),
        tenant: Some(OwnTenant { id: cx.tenant().to_string(), slug: tenant_slug, name: tenant_name }),
        role: role::to_proto(role).into(),
    })
}
