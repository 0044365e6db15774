//! The method that deletes an API key.

use rowhouse_chassis::access::context;
use rowhouse_proto::auth::v1::{DeleteApiKeyRequest, DeleteApiKeyResponse};
use rowhouse_tokens::Permission;
use tonic::Request;

use crate::domain::{Action, Actor, AuditEntry};
use crate::error::{Error, Missing};
use crate::rpc::{Rpc, current_role, parse_id, person};
use crate::store::api_keys::delete_api_key as remove;
use crate::store::audit_log::record;
use crate::store::sessions::revoke_tokens;

/// Deletes an API key. Its access tokens are refused at once.
pub(super) async fn delete_api_key(
    rpc: &Rpc,
    request: &Request<DeleteApiKeyRequest>,
) -> Result<DeleteApiKeyResponse, Error> {
    let cx = context(request)?;
    let caller = person(&cx)?;
    let client = rpc.proxies.client(request);
    let id = parse_id(&request.get_ref().id, Missing::ApiKey)?;
    let deleted = rpc.db.tx(&cx, "auth.delete_api_key", async |tx| {
        current_role(tx, caller, Permission::ApiKeysManage).await?;
        let name = remove(tx, id).await?.ok_or(Error::NotFound(Missing::ApiKey))?;
        revoke_tokens(tx, &[id], None).await?;
        let entry = AuditEntry::success(Actor::User(caller), Action::ApiKeyDelete, &client)
            .on("api_key", id)
            .with("name", name);
        record(tx, entry).await?;
        Ok::<_, Error>(())
    });
    deleted.await?;
    Ok(DeleteApiKeyResponse {})
}
