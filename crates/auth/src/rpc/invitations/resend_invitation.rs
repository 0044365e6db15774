//! The method that sends an invitation again, if the email was lost or the link has expired.

use chrono::Utc;
use rowhouse_chassis::access::context;
use rowhouse_chassis::client::Client;
use rowhouse_chassis::limits::PENDING_INVITATIONS;
use rowhouse_proto::auth::v1::{ResendInvitationRequest, ResendInvitationResponse, error_code, permission};
use tonic::Request;

use super::create_invitation::LIFETIME;
use super::send::Inviter;
use super::to_proto;
use crate::domain::{Action, Actor, AuditEntry, EmailAddress, OpaqueToken, TokenKind, later};
use crate::error::Error;
use crate::rpc::{Rpc, locked_role, parse_id, person};
use crate::store::audit_log::record;
use crate::store::invitations::{NewInvitation, count_pending, find_invitation, replace_invitation};

/// Sends an invitation again, in the name of the caller from now on. Only the digest of a token is stored, so the new
/// email has a new one.
pub(super) async fn resend_invitation(
    rpc: &Rpc,
    request: &Request<ResendInvitationRequest>,
) -> Result<ResendInvitationResponse, Error> {
    let cx = context(request)?;
    let caller = person(&cx)?;
    let client = Client::of(request);
    let id = parse_id(&request.get_ref().id, error_code::INVITATION_NOT_FOUND)?;
    let inviter = Inviter { rpc, person: caller, client: &client };
    let resent = rpc.db.tx(&cx, "auth.resend_invitation", async |tx| {
        let own = locked_role(tx, caller, permission::MEMBERS_WRITE).await?;
        let missing = || Error::Missing(error_code::INVITATION_NOT_FOUND);
        let found = find_invitation(tx, id).await?.ok_or_else(missing)?;
        if !own.reaches(found.role) {
            return Err(Error::AboveOwnRole);
        }
        // The address of an invitation was parsed when it was created.
        let email: EmailAddress = found.email.parse().or(Err(missing()))?;
        let permit = inviter.permit(tx, &email).await?;
        let token = OpaqueToken::generate(&rpc.encryption, TokenKind::Invitation, tx.tenant(), id)?;
        let expires_at = later(Utc::now(), LIFETIME);
        let (role, digest) = (found.role, token.digest());
        let new = NewInvitation { id, email: &email, role, token: digest, invited_by: caller, expires_at };
        let replaced = replace_invitation(tx, &new).await?.ok_or_else(missing)?;
        // An expired invitation is pending again.
        PENDING_INVITATIONS.allows(count_pending(tx).await?)?;
        let entry = AuditEntry::success(Actor::User(caller), Action::InvitationResend, &client)
            .on("invitation", id)
            .with("email", email.as_str());
        record(tx, entry).await?;
        inviter.send(tx, permit, role, &token).await?;
        Ok::<_, Error>(replaced)
    });
    Ok(ResendInvitationResponse { invitation: Some(to_proto(resent.await?)) })
}
