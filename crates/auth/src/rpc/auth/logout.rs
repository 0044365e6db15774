//! The method that ends the caller's session.

use rowhouse_chassis::client::Client;
use rowhouse_proto::auth::v1::{LogoutRequest, LogoutResponse};
use rowhouse_tenancy::{DbError, SystemOrigin, TenantContext};
use tonic::Request;

use crate::domain::{Action, Actor, AuditEntry, EndReason, OpaqueToken, TokenKind};
use crate::error::Error;
use crate::rpc::Rpc;
use crate::store::audit_log::record;
use crate::store::sessions::{SessionSelection, end_sessions, find_state};

/// Ends the session. Every refresh token that the session ever had is accepted. An unknown token gets the same answer
/// (RFC 7009 §2.2).
pub(super) async fn logout(rpc: &Rpc, request: &Request<LogoutRequest>) -> Result<LogoutResponse, Error> {
    let client = Client::of(request);
    let text = &request.get_ref().refresh_token;
    let Ok(token) = OpaqueToken::parse(&rpc.encryption, TokenKind::Refresh, text) else {
        return Ok(LogoutResponse {});
    };
    let cx = TenantContext::system(SystemOrigin::Authentication, token.tenant());
    let ended = rpc.db.tx(&cx, "auth.logout", async |tx| {
        let Some((user, _)) = find_state(tx, token.id()).await? else { return Ok(()) };
        for id in end_sessions(tx, SessionSelection::One(token.id()), EndReason::Logout).await? {
            let entry = AuditEntry::success(Actor::User(user), Action::SessionEnd, &client)
                .on("session", id)
                .with("reason", EndReason::Logout.as_str());
            record(tx, entry).await?;
        }
        Ok::<_, Error>(())
    });
    match ended.await {
        Ok(()) | Err(Error::Db(DbError::UnknownTenant | DbError::TenantSuspended)) => Ok(LogoutResponse {}),
        Err(error) => Err(error),
    }
}
