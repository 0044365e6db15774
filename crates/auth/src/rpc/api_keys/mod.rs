//! The service of a tenant's API keys.

mod create_api_key;
mod delete_api_key;
mod list_api_keys;

use rowhouse_chassis::grpc::{Reply, reply};
use rowhouse_chassis::wire::timestamp;
use rowhouse_proto::auth::v1;
use rowhouse_proto::auth::v1::api_key_service_server::ApiKeyService;
use rowhouse_proto::auth::v1::{
    CreateApiKeyRequest, CreateApiKeyResponse, DeleteApiKeyRequest, DeleteApiKeyResponse, ListApiKeysRequest,
    ListApiKeysResponse,
};
use tonic::Request;

use super::Rpc;
use crate::store::api_keys::ApiKey;

#[tonic::async_trait]
impl ApiKeyService for Rpc {
    async fn create_api_key(&self, request: Request<CreateApiKeyRequest>) -> Reply<CreateApiKeyResponse> {
        reply("auth.create_api_key", create_api_key::create_api_key(self, &request).await)
    }

    async fn list_api_keys(&self, request: Request<ListApiKeysRequest>) -> Reply<ListApiKeysResponse> {
        reply("auth.list_api_keys", list_api_keys::list_api_keys(self, &request).await)
    }

    async fn delete_api_key(&self, request: Request<DeleteApiKeyRequest>) -> Reply<DeleteApiKeyResponse> {
        reply("auth.delete_api_key", delete_api_key::delete_api_key(self, &request).await)
    }
}

fn to_proto(key: ApiKey) -> v1::ApiKey {
    v1::ApiKey {
        id: key.id.to_string(),
        name: key.name,
        hint: key.hint,
        scopes: key.scopes,
        created_by: key.created_by.to_string(),
        created_at: Some(timestamp(key.created_at)),
        expires_at: key.expires_at.map(timestamp),
        last_used_at: key.last_used_at.map(timestamp),
        revoked_at: key.revoked_at.map(timestamp),
        revoke_reason: key.revoke_reason.unwrap_or_default(),
    }
}
