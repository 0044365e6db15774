//! The method that ends a session.

use rowhouse_chassis::client::Client;
use rowhouse_proto::auth::v1::{DeleteSessionRequest, DeleteSessionResponse, error_code, permission};
use tonic::Request;

use crate::domain::{Action, Actor, AuditEntry, EndReason};
use crate::error::Error;
use crate::rpc::{Rpc, context, current_role, parse_id, person};
use crate::store::audit_log::record;
use crate::store::memberships::find_active_role;
use crate::store::sessions::{SessionSelection, end_sessions, find_state};

/// Ends a session of the caller or, with the permission, of a member whose role is not above the caller's. Without
/// the permission, other people's sessions are treated as missing.
pub(super) async fn delete_session(
    rpc: &Rpc,
    request: &Request<DeleteSessionRequest>,
) -> Result<DeleteSessionResponse, Error> {
    let cx = context(request)?;
    let caller = person(&cx)?;
    let client = Client::of(request);
    let id = parse_id(&request.get_ref().id, error_code::SESSION_NOT_FOUND)?;
    let deleted = rpc.db.tx(&cx, "auth.delete_session", async |tx| {
        let missing = Error::Missing(error_code::SESSION_NOT_FOUND);
        let Some((user, _)) = find_state(tx, id).await? else { return Err(missing) };
        if user != caller {
            let own = match current_role(tx, caller, permission::SESSIONS_MANAGE).await {
                Err(Error::Denied(_)) => return Err(missing),
                own => own?,
            };
            if find_active_role(tx, user).await?.is_some_and(|role| !own.reaches(role)) {
                return Err(Error::AboveOwnRole);
            }
        }
        if end_sessions(tx, SessionSelection::One(id), EndReason::Revoked).await?.is_empty() {
            return Err(missing);
        }
        let entry = AuditEntry::success(Actor::User(caller), Action::SessionEnd, &client)
            .on("session", id)
            .with("user_id", user.to_string())
            .with("reason", EndReason::Revoked.as_str());
        record(tx, entry).await?;
        Ok::<_, Error>(())
    });
    deleted.await?;
    Ok(DeleteSessionResponse {})
}
