//! The method that ends all sessions but the current one.

use rowhouse_chassis::access::Denied;
use rowhouse_chassis::client::Client;
use rowhouse_proto::auth::v1::{DeleteOtherSessionsRequest, DeleteOtherSessionsResponse};
use tonic::Request;

use crate::domain::{Action, Actor, AuditEntry, EndReason};
use crate::error::Error;
use crate::rpc::{Rpc, context, person};
use crate::store::audit_log::record;
use crate::store::identities::{end_all_sessions, lock_identity};

/// Ends the sessions in all of the person's tenants, as a change of the password does: a person who lost a device
/// does not know where it was logged in.
pub(super) async fn delete_other_sessions(
    rpc: &Rpc,
    request: &Request<DeleteOtherSessionsRequest>,
) -> Result<DeleteOtherSessionsResponse, Error> {
    let cx = context(request)?;
    let user = person(&cx)?;
    let own = cx.session().map(|session| session.id).ok_or(Denied::PeopleOnly)?;
    let client = Client::of(request);
    let deleted = rpc.db.tx(&cx, "auth.delete_other_sessions", async |tx| {
        // Concurrent logins with a checked password have ended by now, so their sessions are ended here.
        lock_identity(tx, user).await?;
        let ended = end_all_sessions(tx, user, EndReason::Revoked, Some(own)).await?;
        let entry = AuditEntry::success(Actor::User(user), Action::SessionEndOthers, &client)
            .on("user", user.as_uuid())
            .with("ended", ended.to_string());
        record(tx, entry).await?;
        Ok::<_, Error>(ended)
    });
    Ok(DeleteOtherSessionsResponse { ended: deleted.await? })
}
