//! Making an API key.

use rowhouse_chassis::error::Violations;
use rowhouse_chassis::limits::API_KEYS;
use rowhouse_proto::auth::v1::{CreateApiKeyRequest, CreateApiKeyResponse};
use rowhouse_tokens::Permission;
use tonic::Request;
use uuid::Uuid;

use super::to_proto;
use crate::domain::{
    Action, Actor, ApiKeyName, AuditEntry, OpaqueToken, TokenKind, hint, parse_expiry, parse_scopes,
};
use crate::error::Error;
use crate::rpc::{Rpc, held_role, permitted, person};
use crate::store::api_keys::{NewApiKey, count_keys, insert_api_key};
use crate::store::audit_log::record;

/// A key does not get what its maker has not.
pub(super) async fn create_api_key(
    rpc: &Rpc,
    request: &Request<CreateApiKeyRequest>,
) -> Result<CreateApiKeyResponse, Error> {
    let cx = permitted(request, Permission::ApiKeysManage)?;
    let caller = person(&cx)?;
    let client = rpc.proxies.client(request);
    let CreateApiKeyRequest { name, scopes, expires_at } = request.get_ref();
    let mut violations = Violations::default();
    let name = violations.check("name", name.parse::<ApiKeyName>());
    let scopes = match parse_scopes(scopes.iter().map(String::as_str)) {
        Ok(scopes) if scopes.is_empty() => Err("send at least one scope, such as orders:read".to_owned()),
        scopes => scopes,
    };
    let scopes = violations.check("scopes", scopes);
    let expires_at = violations.check("expires_at", parse_expiry(*expires_at));
    let (Some(name), Some(scopes), Some(expires_at)) = (name, scopes, expires_at) else {
        return Err(violations.into());
    };

    let id = Uuid::now_v7();
    let key = OpaqueToken::generate(&rpc.sealing, TokenKind::ApiKey, cx.tenant(), id)?;
    let secret = key.expose();
    let created = rpc.db.tx(&cx, "auth.create_api_key", async |tx| {
        let own = held_role(tx, caller, Permission::ApiKeysManage).await?;
        if let Some(denied) = scopes.iter().find(|scope| !own.may(**scope)) {
            return Err(Error::NotPermitted(*denied));
        }
        API_KEYS.allows(count_keys(tx).await? + 1)?;
        let (hint, digest) = (hint(&secret), key.digest());
        let new =
            NewApiKey { id, name: &name, hint, digest, scopes: &scopes, created_by: caller, expires_at };
        let created = insert_api_key(tx, new).await?;
        let entry = AuditEntry::success(Actor::User(caller), Action::ApiKeyCreate, &client)
            .on("api_key", id)
            .with("name", name.as_str())
            .with("scopes", rowhouse_tokens::scope(&scopes));
        record(tx, entry).await?;
        Ok::<_, Error>(created)
    });
    Ok(CreateApiKeyResponse { api_key: Some(to_proto(created.await?)), client_secret: secret })
}
