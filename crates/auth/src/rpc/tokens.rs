//! Beginning a session, and what the caller gets for it.

use chrono::Utc;
use rowhouse_chassis::client::Client;
use rowhouse_chassis::limits::SESSIONS;
use rowhouse_proto::auth::v1::Tokens;
use rowhouse_tenancy::{SystemOrigin, TenantContext, TenantId};
use rowhouse_tokens::{Principal, Role};
use uuid::Uuid;

use super::Rpc;
use crate::domain::{Action, Actor, AuditEntry, DeviceToken, EndReason, OpaqueToken, TokenKind, UserId};
use crate::error::Error;
use crate::store::audit_log::record;
use crate::store::memberships::hold_role;
use crate::store::sessions::{NewSession, Which, end_sessions, insert_session};
use crate::store::totp::has_confirmed_totp;

/// By what a session begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Password,
    Mfa,
    Switch,
}

impl Method {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Mfa => "mfa",
            Self::Switch => "switch",
        }
    }

    const fn action(self) -> Action {
        match self {
            Self::Password | Self::Mfa => Action::SignIn,
            Self::Switch => Action::SessionCreate,
        }
    }
}

impl Rpc {
    /// Begins a session of a person who has shown who they are, if they are still a member of the tenant.
    pub(super) async fn begin_session(
        &self,
        user: UserId,
        tenant: TenantId,
        client: &Client,
        method: Method,
    ) -> Result<(Uuid, Tokens), Error> {
        let id = Uuid::now_v7();
        let refresh = OpaqueToken::generate(&self.sealing, TokenKind::Refresh, tenant, id)?;
        let now = Utc::now();
        let expires_at = self.sessions.expires_at(now);
        let cx = TenantContext::system(SystemOrigin::SignIn, tenant);
        let role = self
            .db
            .tx(&cx, "auth.begin_session", async |tx| {
                // Whoever removes the member or changes the role either is done, or waits and then finds the session.
                let role = hold_role(tx, user).await?.ok_or(Error::NotAMember)?;
                // Whoever switches the second factor on is done, or waits in the same way.
                if method == Method::Password && has_confirmed_totp(tx, user).await? {
                    return Err(Error::Contended);
                }
                let idle_expires_at = self.sessions.idle_until(now, expires_at);
                let token = refresh.digest();
                insert_session(tx, NewSession { id, user, token, idle_expires_at, expires_at, client })
                    .await?;
                let entry = AuditEntry::success(Actor::User(user), method.action(), client)
                    .on("session", id)
                    .with("method", method.as_str());
                record(tx, entry).await?;
                // Nobody is kept from logging in by sessions that they have forgotten.
                let surplus = Which::Surplus { user, begun: id, keep: SESSIONS.maximum - 1 };
                for ended in end_sessions(tx, surplus, EndReason::TooMany).await? {
                    let entry = AuditEntry::success(Actor::System, Action::SessionEnd, client)
                        .on("session", ended)
                        .with("reason", EndReason::TooMany.as_str());
                    record(tx, entry).await?;
                }
                Ok::<_, Error>(role)
            })
            .await?;
        Ok((id, self.tokens(user, tenant, role, &refresh, 0)?))
    }

    /// What a session's holder gets: an access token, and the refresh token for the next one. Access tokens that
    /// were issued until `refused_until`, in seconds since 1970, are not taken.
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

    /// The same, with the token of the device that the person logged in on.
    pub(super) fn on_device(&self, tokens: Tokens, device: &DeviceToken) -> Result<Tokens, Error> {
        Ok(Tokens { device_token: Some(device.expose(&self.sealing)?), ..tokens })
    }
}
