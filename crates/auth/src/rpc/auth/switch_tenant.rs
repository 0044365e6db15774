//! The method that continues in another tenant.

use chrono::Utc;
use rowhouse_chassis::client::Client;
use rowhouse_chassis::error::FieldViolation;
use rowhouse_proto::auth::v1::{SwitchTenantRequest, SwitchTenantResponse};
use rowhouse_tenancy::{DbError, SystemOrigin, TenantContext};
use tonic::Request;

use crate::domain::{
    Action, ActiveMembership, Actor, AuditEntry, EndReason, OpaqueToken, RefreshTokenState, TokenKind,
    UserId, choose,
};
use crate::error::Error;
use crate::rpc::Rpc;
use crate::rpc::tokens::Method;
use crate::store::audit_log::record;
use crate::store::memberships::{find_active_role, list_active_memberships};
use crate::store::sessions::{SessionSelection, end_sessions, find_state};

/// Exchanges the session. The new one begins before the old one ends, so that the caller keeps a session if something
/// fails in between.
pub(super) async fn switch_tenant(
    rpc: &Rpc,
    request: &Request<SwitchTenantRequest>,
) -> Result<SwitchTenantResponse, Error> {
    let client = Client::of(request);
    let SwitchTenantRequest { refresh_token, tenant } = request.get_ref();
    if tenant.is_empty() {
        let violation = FieldViolation::new("tenant", "send the other tenant's slug or id");
        return Err(Error::Invalid(vec![violation]));
    }
    let token = OpaqueToken::parse(&rpc.encryption, TokenKind::Refresh, refresh_token)
        .or(Err(Error::InvalidRefreshToken))?;
    let from = TenantContext::system(SystemOrigin::Authentication, token.tenant());
    let user = holder(rpc, &from, &token).await?;

    let memberships = rpc.db.global_tx("auth.memberships_of", async |tx| {
        Ok::<_, Error>(list_active_memberships(tx, user).await?)
    });
    let chosen = choose(memberships.await?, Some(tenant)).or(Err(Error::NotAMember))?;
    let ActiveMembership { tenant: to, .. } = chosen;
    let (begun, tokens) = rpc.begin_session(user, to, &client, Method::Switch).await?;

    let ended = rpc.db.tx(&from, "auth.end_switched", async |tx| {
        let ended = end_sessions(tx, SessionSelection::One(token.id()), EndReason::Switched).await?;
        for id in &ended {
            let entry = AuditEntry::success(Actor::User(user), Action::SessionEnd, &client)
                .on("session", *id)
                .with("reason", EndReason::Switched.as_str());
            record(tx, entry).await?;
        }
        Ok::<_, Error>(!ended.is_empty())
    });
    // Another switch of the same session was faster, or it was ended: one session never becomes two.
    if !matches!(ended.await, Ok(true)) {
        let to = TenantContext::system(SystemOrigin::Authentication, to);
        let undone = rpc.db.tx(&to, "auth.undo_switch", async |tx| {
            end_sessions(tx, SessionSelection::One(begun), EndReason::Switched).await.map_err(Error::from)
        });
        undone.await?;
        return Err(Error::InvalidRefreshToken);
    }
    Ok(SwitchTenantResponse { tokens: Some(tokens) })
}

/// Returns the person of the session, if the token is the current one.
async fn holder(rpc: &Rpc, cx: &TenantContext, token: &OpaqueToken) -> Result<UserId, Error> {
    let held = rpc.db.tx(cx, "auth.find_session", async |tx| {
        let Some((user, state)) = find_state(tx, token.id()).await? else { return Ok(None) };
        let presented = state.judge(token.digest(), Utc::now(), rpc.sessions.grace);
        let known = matches!(presented, RefreshTokenState::Current | RefreshTokenState::Repeated);
        let member = known && find_active_role(tx, user).await?.is_some();
        Ok::<_, Error>(member.then_some(user))
    });
    match held.await {
        Ok(Some(user)) => Ok(user),
        Ok(None) | Err(Error::Db(DbError::UnknownTenant)) => Err(Error::InvalidRefreshToken),
        Err(error) => Err(error),
    }
}
