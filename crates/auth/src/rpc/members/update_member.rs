//! The method that changes a member's role.

use rowhouse_chassis::access::context;
use rowhouse_chassis::client::Client;
use rowhouse_chassis::error::FieldViolation;
use rowhouse_proto::auth::v1::{UpdateMemberRequest, UpdateMemberResponse, error_code, permission};
use rowhouse_tokens::Role;
use tonic::Request;

use super::revoke::{Change, revoke};
use super::to_proto;
use crate::domain::{Action, Actor, AuditEntry};
use crate::error::Error;
use crate::rpc::{Rpc, current_role, parse_id, person, role};
use crate::store::audit_log::record;
use crate::store::members::{Member, find_member, lock_with_owners, set_role};
use crate::store::sessions::outdate_tokens;

/// Changes a role, with immediate effect: access tokens with the old role are refused, and the next refresh returns
/// the new one. What the member created and may not have any more is revoked.
pub(super) async fn update_member(
    rpc: &Rpc,
    request: &Request<UpdateMemberRequest>,
) -> Result<UpdateMemberResponse, Error> {
    let cx = context(request)?;
    let caller = person(&cx)?;
    let client = Client::of(request);
    let UpdateMemberRequest { id, role } = request.get_ref();
    let Some(new) = role::from_proto(*role) else {
        let violation = FieldViolation::new("role", "send the role: owner, admin, member or viewer");
        return Err(Error::Invalid(vec![violation]));
    };
    let id = parse_id(id, error_code::MEMBER_NOT_FOUND)?;
    let updated = rpc.db.tx(&cx, "auth.update_member", async |tx| {
        // The locks come first, so that what is read afterwards stays true.
        let owners = lock_with_owners(tx, id).await?;
        let own = current_role(tx, caller, permission::MEMBERS_WRITE).await?;
        let member = find_member(tx, id).await?.ok_or(Error::Missing(error_code::MEMBER_NOT_FOUND))?;
        if !own.reaches(member.role) || !own.reaches(new) {
            return Err(Error::AboveOwnRole);
        }
        if member.role == new {
            return Ok((member, None));
        }
        if member.role == Role::Owner && owners < 2 {
            return Err(Error::LastOwner);
        }
        set_role(tx, id, new).await?;
        outdate_tokens(tx, member.user).await?;
        let actor = Actor::User(caller);
        let change = Change { member: member.user, role: Some(new), actor, client: &client };
        let revocations = revoke(tx, &change).await?;
        let entry = AuditEntry::success(actor, Action::MemberUpdate, &client)
            .on("member", id)
            .with("user_id", member.user.to_string())
            .with("from", member.role.as_str())
            .with("to", new.as_str());
        record(tx, revocations.note(entry)).await?;
        Ok::<_, Error>((Member { role: new, ..member }, Some(revocations)))
    });
    let (member, revocations) = updated.await?;
    Ok(UpdateMemberResponse { member: Some(to_proto(member)), revocations: revocations.map(Into::into) })
}
