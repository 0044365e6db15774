//! Revoking what a member created and is not allowed to have any more.

use chrono::Utc;
use rowhouse_chassis::client::Client;
use rowhouse_proto::auth::v1;
use rowhouse_tenancy::TenantTx;
use rowhouse_tokens::{Permission, Role};

use crate::domain::{
    Action, Actor, AuditEntry, KEPT, RevokeReason, UserId, effective_scopes, later, may_still_invite,
};
use crate::error::Error;
use crate::rpc::role;
use crate::store::api_keys::{OwnedKey, lock_keys_of, revoke_keys, set_scopes};
use crate::store::audit_log::record_all;
use crate::store::invitations::{Invitation, lock_invitations_of, remove_invitations};
use crate::store::sessions::{UNDER_WAY, revoke_tokens};

/// A key that lost scopes.
struct ReducedKey {
    key: OwnedKey,
    left: Vec<Permission>,
}

/// The keys and invitations that were revoked or reduced after a member's removal or change of role.
#[derive(Default)]
pub(super) struct Revocations {
    revoked_keys: Vec<OwnedKey>,
    reduced_keys: Vec<ReducedKey>,
    revoked_invitations: Vec<Invitation>,
}

/// The change of a member's permissions.
pub(super) struct Change<'a> {
    pub(super) member: UserId,
    /// The new role; `None` after a removal.
    pub(super) role: Option<Role>,
    pub(super) actor: Actor,
    pub(super) client: &'a Client,
}

/// Revokes or reduces the member's API keys and ends their access tokens at once, and revokes the invitations that
/// the member may not send any more. Each gets an entry in the log. A higher role restores nothing.
pub(super) async fn revoke(tx: &mut TenantTx, change: &Change<'_>) -> Result<Revocations, Error> {
    let mut revocations = Revocations::default();
    for key in lock_keys_of(tx, change.member).await? {
        let left = effective_scopes(&key.scopes, change.role);
        if left.is_empty() {
            revocations.revoked_keys.push(key);
        } else if left.len() < key.scopes.len() {
            revocations.reduced_keys.push(ReducedKey { key, left });
        }
    }
    let sent = lock_invitations_of(tx, change.member).await?;
    revocations.revoked_invitations =
        sent.into_iter().filter(|one| !may_still_invite(change.role, one.role)).collect();
    revocations.write(tx, change).await?;
    Ok(revocations)
}

impl Change<'_> {
    const fn reason(&self) -> RevokeReason {
        match self.role {
            Some(_) => RevokeReason::RoleChanged,
            None => RevokeReason::MemberRemoved,
        }
    }

    fn entry(&self, action: Action) -> AuditEntry {
        AuditEntry::success(self.actor, action, self.client).with("reason", self.reason().as_str())
    }
}

impl Revocations {
    async fn write(&self, tx: &mut TenantTx, change: &Change<'_>) -> Result<(), Error> {
        let mut entries = Vec::new();
        if !self.revoked_keys.is_empty() {
            let ids: Vec<_> = self.revoked_keys.iter().map(|key| key.id).collect();
            revoke_keys(tx, &ids, change.reason()).await?;
            revoke_tokens(tx, &ids, None).await?;
        }
        for OwnedKey { id, name, .. } in &self.revoked_keys {
            entries.push(change.entry(Action::ApiKeyRevoke).on("api_key", *id).with("name", name));
        }
        if !self.reduced_keys.is_empty() {
            let ids: Vec<_> = self.reduced_keys.iter().map(|reduced| reduced.key.id).collect();
            revoke_tokens(tx, &ids, Some(later(Utc::now(), UNDER_WAY))).await?;
        }
        for ReducedKey { key, left } in &self.reduced_keys {
            set_scopes(tx, key.id, left).await?;
            let entry = change.entry(Action::ApiKeyReduce).on("api_key", key.id).with("name", &key.name);
            entries.push(entry.with("from", key.scopes.join(" ")).with("to", rowhouse_tokens::scope(left)));
        }
        if !self.revoked_invitations.is_empty() {
            let ids: Vec<_> = self.revoked_invitations.iter().map(|one| one.id).collect();
            remove_invitations(tx, &ids).await?;
        }
        for Invitation { id, email, role, .. } in &self.revoked_invitations {
            let entry = change.entry(Action::InvitationRevoke).on("invitation", *id).with("email", email);
            entries.push(entry.with("role", role.as_str()));
        }
        Ok(record_all(tx, entries).await?)
    }

    /// Adds to the entry of the change what was revoked, by ids, and what stays.
    pub(super) fn note(&self, entry: AuditEntry) -> AuditEntry {
        let revoked = self.revoked_keys.iter().map(|key| key.id.to_string());
        let reduced = self.reduced_keys.iter().map(|reduced| reduced.key.id.to_string());
        let invitations = self.revoked_invitations.iter().map(|one| one.id.to_string());
        entry
            .with("revoked_api_keys", revoked.collect::<Vec<_>>().join(" "))
            .with("reduced_api_keys", reduced.collect::<Vec<_>>().join(" "))
            .with("revoked_invitations", invitations.collect::<Vec<_>>().join(" "))
            .with("kept", KEPT.join(" "))
    }
}

impl From<Revocations> for v1::Revocations {
    fn from(revocations: Revocations) -> Self {
        let Revocations { revoked_keys, reduced_keys, revoked_invitations } = revocations;
        Self {
            revoked_api_keys: revoked_keys
                .into_iter()
                .map(|OwnedKey { id, name, .. }| v1::RevokedApiKey { id: id.to_string(), name })
                .collect(),
            reduced_api_keys: reduced_keys
                .into_iter()
                .map(|ReducedKey { key: OwnedKey { id, name, scopes: previous_scopes }, left }| {
                    let (id, scopes) = (id.to_string(), left.iter().map(ToString::to_string).collect());
                    v1::ReducedApiKey { id, name, scopes, previous_scopes }
                })
                .collect(),
            revoked_invitations: revoked_invitations
                .into_iter()
                .map(|Invitation { id, email, role, .. }| v1::RevokedInvitation {
                    id: id.to_string(),
                    email,
                    role: role::to_proto(role).into(),
                })
                .collect(),
            kept: KEPT.map(str::to_owned).to_vec(),
        }
    }
}
