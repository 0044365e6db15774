//! The method that removes a member, or by which a member leaves.

use rowhouse_chassis::client::Client;
use rowhouse_proto::auth::v1::{DeleteMemberRequest, DeleteMemberResponse, error_code, permission};
use rowhouse_tokens::Role;
use tonic::Request;

use super::revoke::{Change, revoke};
use crate::domain::{Action, Actor, AuditEntry, EndReason};
use crate::error::Error;
use crate::rpc::{Rpc, context, current_role, parse_id, person};
use crate::store::audit_log::record;
use crate::store::members::{delete_member as remove, find_member, lock_with_owners};
use crate::store::memberships::find_active_role;
use crate::store::sessions::{SessionSelection, end_sessions};

/// Removes a member. The member's sessions in this tenant end at once, with what they created; other tenants are not
/// affected.
pub(super) async fn delete_member(
    rpc: &Rpc,
    request: &Request<DeleteMemberRequest>,
) -> Result<DeleteMemberResponse, Error> {
    let cx = context(request)?;
    let caller = person(&cx)?;
    let client = Client::of(request);
    let id = parse_id(&request.get_ref().id, error_code::MEMBER_NOT_FOUND)?;
    let deleted = rpc.db.tx(&cx, "auth.delete_member", async |tx| {
        let owners = lock_with_owners(tx, id).await?;
        let member = find_member(tx, id).await?;
        // Everybody may leave.
        let leaving = member.as_ref().is_some_and(|member| member.user == caller);
        let own = if leaving {
            find_active_role(tx, caller).await?.ok_or(Error::NotAMember)?
        } else {
            current_role(tx, caller, permission::MEMBERS_WRITE).await?
        };
        let member = member.ok_or(Error::Missing(error_code::MEMBER_NOT_FOUND))?;
        if !own.reaches(member.role) {
            return Err(Error::AboveOwnRole);
        }
        if member.role == Role::Owner && owners < 2 {
            return Err(Error::LastOwner);
        }
        if !remove(tx, id).await? {
            return Err(Error::Missing(error_code::MEMBER_NOT_FOUND));
        }
        end_sessions(tx, SessionSelection::AllOf(member.user), EndReason::Removed).await?;
        let actor = Actor::User(caller);
        let change = Change { member: member.user, role: None, actor, client: &client };
        let revocations = revoke(tx, &change).await?;
        let entry = AuditEntry::success(actor, Action::MemberRemove, &client)
            .on("member", id)
            .with("user_id", member.user.to_string())
            .with("role", member.role.as_str());
        record(tx, revocations.note(entry)).await?;
        Ok::<_, Error>(revocations)
    });
    Ok(DeleteMemberResponse { revocations: Some(deleted.await?.into()) })
}
