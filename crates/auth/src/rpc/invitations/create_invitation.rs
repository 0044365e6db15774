//! The method that invites somebody.

use std::time::Duration;

use chrono::Utc;
use prost::Message;
use rowhouse_chassis::access::context;
use rowhouse_chassis::client::Client;
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::idempotency::{IdempotencyKey, Repeatable, answered_once};
use rowhouse_chassis::limits::PENDING_INVITATIONS;
use rowhouse_proto::auth::v1::{CreateInvitationRequest, CreateInvitationResponse, permission};
use rowhouse_tenancy::{TenantContext, TenantTx};
use rowhouse_tokens::Role;
use tonic::Request;
use uuid::Uuid;

use super::send::Inviter;
use super::to_proto;
use crate::domain::{Action, Actor, AuditEntry, EmailAddress, OpaqueToken, TokenKind, UserId, later};
use crate::error::Error;
use crate::rpc::{Rpc, locked_role, person, role};
use crate::store::audit_log::record;
use crate::store::idempotency_keys::{keep, recall};
use crate::store::invitations::{
    Invitation, NewInvitation, count_pending, insert_invitation, lock_invitation, replace_invitation,
};
use crate::store::members::is_member;

/// The lifetime of an invitation.
pub(super) const LIFETIME: Duration = Duration::from_hours(7 * 24);
/// The number of attempts, after another call invited the same address.
const ROUNDS: usize = 3;

/// Invites an address. Nothing that the inviter sees depends on whether the address has an identity.
pub(super) async fn create_invitation(
    rpc: &Rpc,
    request: &Request<CreateInvitationRequest>,
) -> Result<CreateInvitationResponse, Error> {
    let cx = context(request)?;
    let caller = person(&cx)?;
    let client = Client::of(request);
    let CreateInvitationRequest { email, role, idempotency_key } = request.get_ref();
    let mut violations = Violations::default();
    let email = violations.check("email", email.parse::<EmailAddress>());
    let role = role::from_proto(*role).ok_or("send the role: owner, admin, member or viewer");
    let role = violations.check("role", role);
    let key = idempotency_key.as_ref().map(|key| key.parse::<IdempotencyKey>()).transpose();
    let key = violations.check("idempotency_key", key);
    let (Some(email), Some(role), Some(key)) = (email, role, key) else { return Err(violations.into()) };
    let encoded =
        CreateInvitationRequest { idempotency_key: None, ..request.get_ref().clone() }.encode_to_vec();
    let call =
        key.map(|key| Repeatable::new(&key, "CreateInvitation", caller.as_uuid().as_bytes(), &encoded));
    let inviter = Inviter { rpc, person: caller, client: &client };
    answered_once(|| create(&cx, &inviter, (&email, role), call.as_ref())).await
}

async fn create(
    cx: &TenantContext,
    inviter: &Inviter<'_>,
    (email, role): (&EmailAddress, Role),
    call: Option<&Repeatable>,
) -> Result<CreateInvitationResponse, Error> {
    let Inviter { rpc, person: caller, client } = *inviter;
    let created = rpc.db.tx(cx, "auth.create_invitation", async |tx| {
        let own = locked_role(tx, caller, permission::MEMBERS_WRITE).await?;
        if !own.reaches(role) {
            return Err(Error::AboveOwnRole);
        }
        if let Some(first) = recall(tx, &rpc.encryption, call).await? {
            return Ok(first);
        }
        if is_member(tx, email).await? {
            return Err(Error::AlreadyMember);
        }
        let permit = inviter.permit(tx, email).await?;
        let mut written = None;
        for _ in 0..ROUNDS {
            written = write(rpc, tx, email, (caller, own), role).await?;
            if written.is_some() {
                break;
            }
        }
        let (invitation, token) = written.ok_or(Error::Contended)?;
        PENDING_INVITATIONS.allows(count_pending(tx).await?)?;
        let entry = AuditEntry::success(Actor::User(caller), Action::InvitationCreate, client)
            .on("invitation", invitation.id)
            .with("email", email.as_str())
            .with("role", role.as_str());
        record(tx, entry).await?;
        inviter.send(tx, permit, role, &token).await?;
        let answer = CreateInvitationResponse { invitation: Some(to_proto(invitation)) };
        keep(tx, &rpc.encryption, call, &answer).await?;
        Ok::<_, Error>(answer)
    });
    created.await
}

/// Writes the invitation, replacing one that the address has. Returns `None` if the address got or lost one
/// concurrently.
async fn write(
    rpc: &Rpc,
    tx: &mut TenantTx,
    email: &EmailAddress,
    (caller, own): (UserId, Role),
    role: Role,
) -> Result<Option<(Invitation, OpaqueToken)>, Error> {
    let before = lock_invitation(tx, email).await?;
    // Replacing an invitation also revokes its role.
    if before.is_some_and(|(_, before)| !own.reaches(before)) {
        return Err(Error::AboveOwnRole);
    }
    let id = before.map_or_else(Uuid::now_v7, |(id, _)| id);
    let token = OpaqueToken::generate(&rpc.encryption, TokenKind::Invitation, tx.tenant(), id)?;
    let expires_at = later(Utc::now(), LIFETIME);
    let new = NewInvitation { id, email, role, token: token.digest(), invited_by: caller, expires_at };
    let written = match before {
        Some(_) => replace_invitation(tx, &new).await?,
        None => insert_invitation(tx, &new).await?,
    };
    Ok(written.map(|invitation| (invitation, token)))
}
