//! The method that deletes an API key.

use rowhouse_chassis::access::context;
use rowhouse_chassis::client::Client;
use rowhouse_proto::auth::v1::{DeleteApiKeyRequest, DeleteApiKeyResponse, error_code, permission};
use tonic::Request;

use crate::domain::{Action, Actor, AuditEntry};
use crate::error::Error;
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
    let client = Client::of(request);
    let id = parse_id(&request.get_ref().id, error_code::API_KEY_NOT_FOUND)?;
    let deleted = rpc.db.tx(&cx, "auth.delete_api_key", async |tx| {
        current_role(tx, caller, permission::API_KEYS_MANAGE).await?;
        let name = remove(tx, id).await?.ok_or(Error::Missing(error_code::API_KEY_NOT_FOUND))?;
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
