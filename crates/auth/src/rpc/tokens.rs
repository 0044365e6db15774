//! Beginning a session, and the tokens for it.

use chrono::Utc;
use rowhouse_chassis::client::Client;
use rowhouse_chassis::limits::SESSIONS;
use rowhouse_proto::auth::v1::Tokens;
use rowhouse_tenancy::{SystemOrigin, TenantContext, TenantId, TenantTx};
use rowhouse_tokens::{Principal, Role};
use uuid::Uuid;

use super::Rpc;
use crate::domain::{
    Action, Actor, AuditEntry, DeviceToken, EndReason, OpaqueToken, PasswordHash, TokenKind, UserId,
};
use crate::error::Error;
use crate::store::audit_log::record;
use crate::store::memberships::lock_member;
use crate::store::sessions::{NewSession, SessionSelection, end_sessions, insert_session};
use crate::store::totp::has_confirmed_totp;

/// The method by which a session begins.
#[derive(Clone, Copy)]
pub(super) enum Method<'a> {
    /// The password with this hash.
    Password(&'a PasswordHash),
    Mfa,
    Switch,
}

impl Method<'_> {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Password(_) => "password",
            Self::Mfa => "mfa",
            Self::Switch => "switch",
        }
    }

    const fn action(self) -> Action {
        match self {
            Self::Password(_) | Self::Mfa => Action::SignIn,
            Self::Switch => Action::SessionCreate,
        }
    }
}

/// A session that is about to begin.
pub(super) struct SessionStart<'a> {
    id: Uuid,
    refresh: OpaqueToken,
    user: UserId,
    client: &'a Client,
    method: Method<'a>,
}

impl<'a> SessionStart<'a> {
    pub(super) fn new(
        rpc: &Rpc,
        user: UserId,
        tenant: TenantId,
        client: &'a Client,
        method: Method<'a>,
    ) -> Result<Self, Error> {
        let id = Uuid::now_v7();
        let refresh = OpaqueToken::generate(&rpc.encryption, TokenKind::Refresh, tenant, id)?;
        Ok(Self { id, refresh, user, client, method })
    }

    /// Inserts the session for a member who is locked: a concurrent removal, or change of role or second factor, has
    /// either ended, or waits and then finds the session.
    pub(super) async fn insert(&self, rpc: &Rpc, tx: &mut TenantTx) -> Result<(), Error> {
        let Self { id, refresh, user, client, method } = self;
        let now = Utc::now();
        let expires_at = rpc.sessions.expires_at(now);
        let new = NewSession {
            id: *id,
            user: *user,
            token: refresh.digest(),
            idle_expires_at: rpc.sessions.idle_until(now, expires_at),
            expires_at,
            client,
        };
        insert_session(tx, new).await?;
        let entry = AuditEntry::success(Actor::User(*user), method.action(), client)
            .on("session", *id)
            .with("method", method.as_str());
        record(tx, entry).await?;
        // Forgotten sessions never prevent a login.
        let surplus = SessionSelection::Surplus { user: *user, begun: *id, keep: SESSIONS.maximum - 1 };
        for ended in end_sessions(tx, surplus, EndReason::TooMany).await? {
            let entry = AuditEntry::success(Actor::System, Action::SessionEnd, client)
                .on("session", ended)
                .with("reason", EndReason::TooMany.as_str());
            record(tx, entry).await?;
        }
        Ok(())
    }

    /// Returns the tokens of the session, which has been inserted.
    pub(super) fn tokens(&self, rpc: &Rpc, role: Role) -> Result<Tokens, Error> {
        rpc.tokens(self.user, self.refresh.tenant(), role, &self.refresh, 0)
    }
}

impl Rpc {
    /// Begins a session of a person who has authenticated, if they are still a member of the tenant. Returns
    /// [`Error::Contended`] if the password was changed since it was checked, or a second factor was activated.
    pub(super) async fn begin_session(
        &self,
        user: UserId,
        tenant: TenantId,
        client: &Client,
        method: Method<'_>,
    ) -> Result<(Uuid, Tokens), Error> {
        let beginning = SessionStart::new(self, user, tenant, client, method)?;
        let cx = TenantContext::system(SystemOrigin::Authentication, tenant);
        let begun = self.db.tx(&cx, "auth.begin_session", async |tx| {
            let (role, hash) = lock_member(tx, user).await?.ok_or(Error::NotAMember)?;
            if let Method::Password(checked) = method
                && (hash.as_ref() != Some(checked) || has_confirmed_totp(tx, user).await?)
            {
                return Err(Error::Contended);
            }
            beginning.insert(self, tx).await?;
            Ok::<_, Error>(role)
        });
        let role = begun.await?;
        Ok((beginning.id, beginning.tokens(self, role)?))
    }

    /// Returns an access token and the refresh token for the next one. Access tokens issued until `refused_until`, in
    /// seconds since 1970, are refused.
    pub(super) fn tokens(
        &self,
        user: UserId,
        tenant: TenantId,
        role: Role,
        refresh: &OpaqueToken,
        refused_until: u64,
    ) -> Result<Tokens, Error> {
        let principal = Principal::User { id: user.as_uuid(), role };
        let (tenant, session, lifetime) = (tenant.as_uuid(), refresh.id(), self.token_lifetime);
        let signed = self.issuer.access_token_after(&principal, tenant, session, lifetime, refused_until)?;
        Ok(Tokens {
            access_token: signed.token,
            token_type: "Bearer".to_owned(),
            expires_in: signed.expires_in.as_secs().cast_signed(),
            refresh_token: refresh.expose(),
            device_token: None,
        })
    }

    /// Adds the token of the device on which the person logged in.
    pub(super) fn on_device(&self, tokens: Tokens, device: &DeviceToken) -> Result<Tokens, Error> {
        Ok(Tokens { device_token: Some(device.expose(&self.encryption)?), ..tokens })
    }
}
