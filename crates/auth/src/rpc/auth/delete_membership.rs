//! The job that removes what was done for a tenant that cannot be set up.

use rowhouse_chassis::access::context;
use rowhouse_chassis::client::Client;
use rowhouse_jobs::withdraw;
use rowhouse_proto::auth::v1::{DeleteMembershipRequest, DeleteMembershipResponse};
use tonic::Request;

use super::first_member::parse_email;
use crate::domain::{Action, Actor, AuditEntry};
use crate::error::Error;
use crate::jobs::{FIRST_INVITATION, WELCOME};
use crate::mail::limits::no_longer_pending;
use crate::rpc::Rpc;
use crate::store::audit_log::record;
use crate::store::identities::find_identity;
use crate::store::invitations::{find_invited, remove_invitation};
use crate::store::members::{delete_member, lock_member_of};
use crate::store::memberships::is_provisioning;
use crate::store::single_letters::release_email;

/// Removes the member or the invitation that `create_membership` created. Does nothing for a tenant that is not in
/// set-up any more.
pub(super) async fn delete_membership(
    rpc: &Rpc,
    request: &Request<DeleteMembershipRequest>,
) -> Result<DeleteMembershipResponse, Error> {
    let cx = context(request)?;
    let email = parse_email(&request.get_ref().email)?;
    let client = Client::of(request);
    rpc.db
        .tx(&cx, "auth.delete_membership", async |tx| {
            if !is_provisioning(tx).await? {
                return Ok(());
            }
            withdraw(tx, WELCOME).await?;
            withdraw(tx, FIRST_INVITATION).await?;
            release_email(tx, WELCOME).await?;
            if let Some(identity) = find_identity(tx, &email).await?
                && let Some((member, role)) = lock_member_of(tx, identity.id).await?
                && delete_member(tx, member).await?
            {
                let entry = AuditEntry::success(Actor::System, Action::MemberRemove, &client)
                    .on("member", member)
                    .with("user_id", identity.id.to_string())
                    .with("role", role.as_str());
                record(tx, entry).await?;
            }
            if let Some(invitation) = find_invited(tx, &email).await?
                && remove_invitation(tx, invitation).await?
            {
                no_longer_pending(tx, &rpc.encryption, &email).await?;
                let entry = AuditEntry::success(Actor::System, Action::InvitationDelete, &client)
                    .on("invitation", invitation)
                    .with("email", email.as_str());
                record(tx, entry).await?;
            }
            Ok::<_, Error>(())
        })
        .await?;
    Ok(DeleteMembershipResponse {})
}
