//! The method that deletes an invitation.

use rowhouse_chassis::access::context;
use rowhouse_chassis::client::Client;
use rowhouse_proto::auth::v1::{DeleteInvitationRequest, DeleteInvitationResponse, error_code, permission};
use tonic::Request;

use crate::domain::{Action, Actor, AuditEntry};
use crate::error::Error;
use crate::rpc::{Rpc, current_role, parse_id, person};
use crate::store::audit_log::record;
use crate::store::invitations::{find_invitation, remove_invitation};

pub(super) async fn delete_invitation(
    rpc: &Rpc,
    request: &Request<DeleteInvitationRequest>,
) -> Result<DeleteInvitationResponse, Error> {
    let cx = context(request)?;
    let caller = person(&cx)?;
    let client = Client::of(request);
    let id = parse_id(&request.get_ref().id, error_code::INVITATION_NOT_FOUND)?;
    let deleted = rpc.db.tx(&cx, "auth.delete_invitation", async |tx| {
        let own = current_role(tx, caller, permission::MEMBERS_WRITE).await?;
        let missing = Error::Missing(error_code::INVITATION_NOT_FOUND);
        let Some(invitation) = find_invitation(tx, id).await? else { return Err(missing) };
        if !own.reaches(invitation.role) {
            return Err(Error::AboveOwnRole);
        }
        if !remove_invitation(tx, id).await? {
            return Err(missing);
        }
        let entry = AuditEntry::success(Actor::User(caller), Action::InvitationDelete, &client)
            .on("invitation", id)
            .with("email", invitation.email);
        record(tx, entry).await?;
        Ok::<_, Error>(())
    });
    deleted.await?;
    Ok(DeleteInvitationResponse {})
}
