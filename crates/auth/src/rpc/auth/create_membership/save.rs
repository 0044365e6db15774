//! Writing the first member or the invitation.

use std::time::Duration;

use chrono::Utc;
use rowhouse_chassis::limits::TENANTS_OF_PERSON;
use rowhouse_jobs::enqueue;
use rowhouse_tenancy::TenantTx;
use rowhouse_tokens::Role;
use uuid::Uuid;

use super::NewMember;
use crate::domain::{Action, Actor, AddressProof, AuditEntry, OpaqueToken, TokenKind, UserId, later};
use crate::error::Error;
use crate::jobs::SendEmail;
use crate::mail::EmailContent;
use crate::mail::limits::{Requester, admit, admit_founding};
use crate::rpc::Rpc;
use crate::store::audit_log::record;
use crate::store::identities::{find_identity, insert_identity};
use crate::store::invitations::{FoundingInvitation, ensure_invitation, find_invited};
use crate::store::memberships::{
    add_membership, count_tenants_of, ensure_membership, find_active_role, is_provisioning, tenant_name,
};
use crate::tasks::first_message;

/// The lifetime of an invitation.
const INVITATION_LIFETIME: Duration = Duration::from_hours(7 * 24);

/// The result for the caller.
pub(super) struct SavedMember {
    /// The id of the person or of the invitation.
    pub(super) id: Uuid,
    pub(super) role: Role,
    pub(super) email_verified: bool,
}

/// Finds the membership that an earlier call created.
pub(super) async fn find_member(rpc: &Rpc, new: &NewMember) -> Result<Option<SavedMember>, Error> {
    rpc.db
        .tx(&new.cx, "auth.find_member", async |tx| {
            let Some(identity) = find_identity(tx, &new.email).await? else { return Ok(None) };
            let role = find_active_role(tx, identity.id).await?;
            let (id, email_verified) = (identity.id.as_uuid(), identity.email_verified);
            Ok::<_, Error>(role.map(|role| SavedMember { id, role, email_verified }))
        })
        .await
}

/// Writes the member. Returns `None` if the new identity's address was taken concurrently.
pub(super) async fn save(
    rpc: &Rpc,
    new: &NewMember,
    standing: &AddressProof,
) -> Result<Option<SavedMember>, Error> {
    rpc.db
        .tx(&new.cx, "auth.create_membership", async |tx| match standing {
            AddressProof::Known { id, email_verified } => {
                let role = join(tx, new, UserId::from(*id)).await?;
                Ok(Some(SavedMember { id: *id, role, email_verified: *email_verified }))
            }
            AddressProof::New { hash } => {
                let id = UserId::from(new.id);
                if !insert_identity(tx, id, &new.email, hash.as_ref(), false).await? {
                    return Ok(None);
                }
                let role = join(tx, new, id).await?;
                write_first_message(rpc, tx, new, id, hash.is_some()).await?;
                Ok(Some(SavedMember { id: new.id, role, email_verified: false }))
            }
            AddressProof::Unproven => {
                let id = invite(rpc, tx, new).await?;
                Ok(Some(SavedMember { id, role: new.role, email_verified: false }))
            }
        })
        .await
}

/// Adds the membership, only while the tenant is in set-up: a repeated onboarding must not bring back somebody who
/// was removed since, or who has not accepted the invitation.
async fn join(tx: &mut TenantTx, new: &NewMember, user: UserId) -> Result<Role, Error> {
    if !is_provisioning(tx).await? {
        // Another call of the same onboarding may have been faster.
        return find_active_role(tx, user).await?.ok_or(Error::NotAMember);
    }
    let Some(membership) = add_membership(tx, user, new.role).await? else {
        return Ok(ensure_membership(tx, user, new.role).await?);
    };
    // The count includes this membership. It was checked before the tenant was created; others may have been added
    // since.
    TENANTS_OF_PERSON.allows(count_tenants_of(tx, user).await?)?;
    let entry = AuditEntry::success(Actor::User(user), Action::MemberAdd, &new.client)
        .on("member", membership)
        .with("user_id", user.to_string())
        .with("role", new.role.as_str());
    record(tx, entry).await?;
    Ok(new.role)
}

/// Enqueues the first email to a new person, unless there were too many to the address or from the network. The
/// person can request it later.
async fn write_first_message(
    rpc: &Rpc,
    tx: &mut TenantTx,
    new: &NewMember,
    user: UserId,
    has_password: bool,
) -> Result<(), Error> {
    let stranger = Requester::Stranger { network: new.client.network() };
    if let Ok(permit) = admit(tx, &rpc.encryption, stranger, &new.email).await? {
        let message = first_message(tx, permit, user, has_password).await?;
        rpc.tasks.enqueue(tx, &message).await?;
    }
    Ok(())
}

/// Creates the invitation and returns its id. A repeat finds the existing one and sends no second email. While an
/// invitation by another sign-up with the address is pending, no email is sent, so that strangers cannot cause emails
/// at will.
async fn invite(rpc: &Rpc, tx: &mut TenantTx, new: &NewMember) -> Result<Uuid, Error> {
    if !is_provisioning(tx).await? {
        return find_invited(tx, &new.email).await?.ok_or(Error::NotAMember);
    }
    let id = new.id;
    let token = OpaqueToken::generate(&rpc.encryption, TokenKind::Invitation, tx.tenant(), id)?;
    let expires_at = later(Utc::now(), INVITATION_LIFETIME);
    let founding =
        FoundingInvitation { id, email: &new.email, role: new.role, token: token.digest(), expires_at };
    let kept = ensure_invitation(tx, founding).await?;
    if kept == id {
        let entry = AuditEntry::success(Actor::System, Action::InvitationCreate, &new.client)
            .on("invitation", id)
            .with("email", new.email.as_str())
            .with("role", new.role.as_str());
        record(tx, entry).await?;
        let network = new.client.network();
        let Ok(permit) = admit_founding(tx, &rpc.encryption, network, &new.email).await? else {
            return Ok(kept);
        };
        let tenant = tenant_name(tx).await?;
        let (role, token) = (new.role.to_string(), token.expose());
        let email = permit.email(EmailContent::Invitation { tenant, inviter: None, role, token });
        enqueue(tx, SendEmail::encrypt(&rpc.encryption, tx.tenant(), &email)?.first_invitation()).await?;
    }
    Ok(kept)
}
