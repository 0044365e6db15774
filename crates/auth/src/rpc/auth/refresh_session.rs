//! The method that exchanges a refresh token for the next one.

use chrono::Utc;
use rowhouse_chassis::client::Client;
use rowhouse_proto::auth::v1::{RefreshSessionRequest, RefreshSessionResponse};
use rowhouse_tenancy::{SystemOrigin, TenantContext, TenantTx};
use rowhouse_tokens::Role;
use tonic::Request;

use crate::domain::{
    Action, Actor, AuditEntry, EndReason, OpaqueToken, RefreshTokenState, TokenKind, UserId,
};
use crate::error::Error;
use crate::rpc::Rpc;
use crate::store::audit_log::record;
use crate::store::memberships::find_active_role;
use crate::store::sessions::{SessionSelection, end_sessions, exchange_token, find_state, refused_until};

/// Exchanges a refresh token. The successor follows from the token, so a repeated call gets the same one, and two
/// concurrent calls never diverge.
pub(super) async fn refresh_session(
    rpc: &Rpc,
    request: &Request<RefreshSessionRequest>,
) -> Result<RefreshSessionResponse, Error> {
    let client = Client::of(request);
    let token = OpaqueToken::parse(&rpc.encryption, TokenKind::Refresh, &request.get_ref().refresh_token)
        .or(Err(Error::InvalidRefreshToken))?;
    let successors: Vec<OpaqueToken> = token.successors(&rpc.encryption).collect();
    let next = successors.first().ok_or(Error::InvalidRefreshToken)?;
    let tenant = token.tenant();
    let cx = TenantContext::system(SystemOrigin::Authentication, tenant);
    // The consequences of a refused token are committed, so a refusal is not an error of the transaction.
    let outcome = rpc.db.tx(&cx, "auth.refresh_session", async |tx| {
        let idle_until = rpc.sessions.idle_until(Utc::now(), chrono::DateTime::<Utc>::MAX_UTC);
        let exchanged =
            exchange_token(tx, token.id(), token.digest(), next.digest(), idle_until, &client).await?;
        if let Some(user) = exchanged {
            return role_of(tx, &token, user).await.map(|role| role.map(|role| (user, role, next.digest())));
        }
        let Some((user, state)) = find_state(tx, token.id()).await? else { return Ok(None) };
        match state.judge(token.digest(), Utc::now(), rpc.sessions.grace) {
            // The successor that was returned before, with any of the keys.
            RefreshTokenState::Repeated => {
                Ok(role_of(tx, &token, user).await?.map(|role| (user, role, state.current)))
            }
            RefreshTokenState::Reused => {
                end_sessions(tx, SessionSelection::One(token.id()), EndReason::TokenReused).await?;
                let entry = AuditEntry::failure(Actor::Anonymous, Action::SessionRefresh, &client)
                    .on("session", token.id())
                    .with("reason", EndReason::TokenReused.as_str())
                    .with("user_id", user.to_string());
                record(tx, entry).await?;
                tracing::warn!(session = %token.id(), "a refresh token was used twice; its session has ended");
                Ok(None)
            }
            // The token was current when it was checked, but the session ended before the exchange.
            RefreshTokenState::Current | RefreshTokenState::Ended => Ok(None),
        }
    });
    let (user, (role, refused_until), given) = match outcome.await {
        // A refresh token reveals nothing about a tenant to somebody who is not a member any more.
        Err(Error::Db(rowhouse_tenancy::DbError::UnknownTenant)) | Ok(None) => {
            return Err(Error::InvalidRefreshToken);
        }
        outcome => outcome?.ok_or(Error::InvalidRefreshToken)?,
    };
    let refresh = successors.iter().find(|successor| successor.digest() == given);
    let refresh = refresh.ok_or(Error::InvalidRefreshToken)?;
    Ok(RefreshSessionResponse { tokens: Some(rpc.tokens(user, tenant, role, refresh, refused_until)?) })
}

/// Returns the person's current role, and the time up to which access tokens with another role are refused. Ends the
/// session of somebody who is disabled or not a member any more, and returns `None`.
async fn role_of(tx: &mut TenantTx, token: &OpaqueToken, user: UserId) -> Result<Option<(Role, u64)>, Error> {
    let Some(role) = find_active_role(tx, user).await? else {
        end_sessions(tx, SessionSelection::One(token.id()), EndReason::Removed).await?;
        return Ok(None);
    };
    Ok(Some((role, refused_until(tx, token.id()).await?)))
}
