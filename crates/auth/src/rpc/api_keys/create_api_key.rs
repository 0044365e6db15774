//! The method that creates an API key.

use chrono::{DateTime, Utc};
use prost::Message;
use rowhouse_chassis::access::{Denied, context};
use rowhouse_chassis::client::Client;
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::idempotency::{IdempotencyKey, Repeatable, answered_once};
use rowhouse_chassis::limits::API_KEYS;
use rowhouse_proto::auth::v1::{CreateApiKeyRequest, CreateApiKeyResponse, permission};
use rowhouse_tenancy::TenantContext;
use rowhouse_tokens::Permission;
use tonic::Request;
use uuid::Uuid;

use super::to_proto;
use crate::domain::{
    Action, Actor, ApiKeyName, AuditEntry, OpaqueToken, TokenKind, UserId, hint, parse_expiry, parse_scopes,
};
use crate::error::Error;
use crate::rpc::{Rpc, locked_role, person};
use crate::store::api_keys::{NewApiKey, count_keys, insert_api_key};
use crate::store::audit_log::record;
use crate::store::idempotency_keys::{keep, recall};

/// Creates an API key. It gets no permission that its creator does not have.
pub(super) async fn create_api_key(
    rpc: &Rpc,
    request: &Request<CreateApiKeyRequest>,
) -> Result<CreateApiKeyResponse, Error> {
    let cx = context(request)?;
    let caller = person(&cx)?;
    let client = Client::of(request);
    let CreateApiKeyRequest { name, scopes, expires_at, idempotency_key } = request.get_ref();
    let mut violations = Violations::default();
    let name = violations.check("name", name.parse::<ApiKeyName>());
    let scopes = match parse_scopes(scopes.iter().map(String::as_str)) {
        Ok(scopes) if scopes.is_empty() => Err("send at least one scope, such as orders:read".to_owned()),
        scopes => scopes,
    };
    let scopes = violations.check("scopes", scopes);
    let expires_at = violations.check("expires_at", parse_expiry(*expires_at));
    let key = idempotency_key.as_ref().map(|key| key.parse::<IdempotencyKey>()).transpose();
    let key = violations.check("idempotency_key", key);
    let (Some(name), Some(scopes), Some(expires_at), Some(key)) = (name, scopes, expires_at, key) else {
        return Err(violations.into());
    };
    let encoded = CreateApiKeyRequest { idempotency_key: None, ..request.get_ref().clone() }.encode_to_vec();
    let call = key.map(|key| Repeatable::new(&key, "CreateApiKey", caller.as_uuid().as_bytes(), &encoded));
    let new = New { name, scopes, expires_at, caller, client };
    answered_once(|| create(rpc, &cx, &new, call.as_ref())).await
}

struct New {
    name: ApiKeyName,
    scopes: Vec<Permission>,
    expires_at: Option<DateTime<Utc>>,
    caller: UserId,
    client: Client,
}

async fn create(
    rpc: &Rpc,
    cx: &TenantContext,
    New { name, scopes, expires_at, caller, client }: &New,
    call: Option<&Repeatable>,
) -> Result<CreateApiKeyResponse, Error> {
    let (caller, expires_at) = (*caller, *expires_at);

    let id = Uuid::now_v7();
    let key = OpaqueToken::generate(&rpc.encryption, TokenKind::ApiKey, cx.tenant(), id)?;
    let secret = key.expose();
    rpc.db
        .tx(cx, "auth.create_api_key", async |tx| {
            let own = locked_role(tx, caller, permission::API_KEYS_MANAGE).await?;
            if let Some(denied) = scopes.iter().find(|scope| !own.may(**scope)) {
                return Err(Denied::Permission(*denied).into());
            }
            if let Some(first) = recall(tx, &rpc.encryption, call).await? {
                return Ok(completed(first));
            }
            API_KEYS.allows(count_keys(tx).await? + 1)?;
            let (hint, digest) = (hint(&secret), key.digest());
            let new = NewApiKey { id, name, hint, digest, scopes, created_by: caller, expires_at };
            let created = insert_api_key(tx, new).await?;
            let entry = AuditEntry::success(Actor::User(caller), Action::ApiKeyCreate, client)
                .on("api_key", id)
                .with("name", name.as_str())
                .with("scopes", rowhouse_tokens::scope(scopes));
            record(tx, entry).await?;
            let client_secret = secret.clone();
            let answer = CreateApiKeyResponse {
                api_key: Some(to_proto(created)),
                client_secret,
                client_id: id.to_string(),
            };
            keep(tx, &rpc.encryption, call, &answer).await?;
            Ok::<_, Error>(answer)
        })
        .await
}

/// Completes an answer that an earlier release stored without the client's id, which is the key's.
fn completed(mut kept: CreateApiKeyResponse) -> CreateApiKeyResponse {
    if let (true, Some(key)) = (kept.client_id.is_empty(), &kept.api_key) {
        kept.client_id.clone_from(&key.id);
    }
    kept
}

#[cfg(test)]
mod tests {
    use rowhouse_proto::auth::v1::ApiKey;

    use super::*;

    #[test]
    fn an_answer_from_before_client_ids_gets_the_keys_id() {
        let key = ApiKey { id: "the-id".to_owned(), ..ApiKey::default() };
        let kept = CreateApiKeyResponse { api_key: Some(key), ..CreateApiKeyResponse::default() };
        assert_eq!(completed(kept).client_id, "the-id");
    }
}
