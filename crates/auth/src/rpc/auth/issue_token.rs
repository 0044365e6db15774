//! The method that exchanges an API key for an access token.

use std::time::Duration;

use chrono::Utc;
use rowhouse_chassis::client::Client;
use rowhouse_proto::auth::v1::{IssueTokenRequest, IssueTokenResponse};
use rowhouse_tenancy::{DbError, SystemOrigin, TenantContext};
use rowhouse_tokens::{Permission, Principal, scope};
use tonic::Request;
use uuid::Uuid;

use crate::domain::{Action, Actor, AuditEntry, OpaqueToken, TokenKind, effective_scopes, parse_scopes};
use crate::error::Error;
use crate::rpc::Rpc;
use crate::store::api_keys::{Grant, find_grant, touch_api_key};
use crate::store::audit_log::record;

/// Exchanges an API key for an access token, which ends with the key. Other services never see API keys.
pub(super) async fn issue_token(
    rpc: &Rpc,
    request: &Request<IssueTokenRequest>,
) -> Result<IssueTokenResponse, Error> {
    let client = Client::of(request);
    let IssueTokenRequest { client_id, client_secret, scope: asked } = request.get_ref();
    // An invented key is refused before a tenant is entered, so strangers fill no log.
    let key = OpaqueToken::parse(&rpc.encryption, TokenKind::ApiKey, client_secret)
        .or(Err(Error::InvalidClient))?;
    let named = Uuid::try_parse(client_id).is_ok_and(|id| id == key.id());

    let cx = TenantContext::system(SystemOrigin::Authentication, key.tenant());
    // The refusal is recorded, so it is not an error of the transaction.
    let exchanged = rpc.db.tx(&cx, "auth.issue_token", async |tx| {
        let outcome = match find_grant(tx, key.id(), key.digest()).await? {
            Some(grant) if named => granted(&grant, asked).map(|scopes| (scopes, grant)),
            _ => Err(Error::InvalidClient),
        };
        let actor = Actor::ApiKey(key.id());
        let entry = match &outcome {
            Ok((granted, grant)) => {
                if grant.looks_unused {
                    touch_api_key(tx, key.id()).await?;
                }
                AuditEntry::success(actor, Action::ApiKeyExchange, &client).with("scopes", scope(granted))
            }
            Err(Error::InvalidScope) => {
                AuditEntry::denied(actor, Action::ApiKeyExchange, &client).with("reason", "scope")
            }
            Err(_) => AuditEntry::failure(Actor::Anonymous, Action::ApiKeyExchange, &client)
                .with("reason", if named { "deleted_or_expired" } else { "other_client_id" }),
        };
        record(tx, entry.on("api_key", key.id())).await?;
        Ok::<_, Error>(outcome)
    });
    let (scopes, Grant { expires_at, refused_until, .. }) = match exchanged.await {
        Err(Error::Db(DbError::UnknownTenant)) => return Err(Error::InvalidClient),
        exchanged => exchanged??,
    };
    let granted = scope(&scopes);
    let scopes = scopes.iter().map(ToString::to_string).collect();
    let principal = Principal::ApiKey { id: key.id(), scopes };
    // The token does not outlive the key.
    let left = expires_at.and_then(|end| (end - Utc::now()).to_std().ok()).unwrap_or(Duration::MAX);
    let (tenant, lifetime) = (key.tenant().as_uuid(), rpc.token_lifetime.min(left));
    let signed = rpc.issuer.access_token_after(&principal, tenant, key.id(), lifetime, refused_until)?;
    Ok(IssueTokenResponse {
        access_token: signed.token,
        token_type: "Bearer".to_owned(),
        expires_in: signed.expires_in.as_secs().cast_signed(),
        scope: granted,
    })
}

/// Returns the granted scopes: those that were requested, or all of the key's, as far as the key's creator has them
/// at the moment. Without any, the key is treated as revoked.
fn granted(grant: &Grant, asked: &str) -> Result<Vec<Permission>, Error> {
    let asked = parse_scopes(asked.split_whitespace()).or(Err(Error::InvalidScope))?;
    let of_key = effective_scopes(&grant.scopes, grant.creator);
    if of_key.is_empty() {
        return Err(Error::InvalidClient);
    }
    if asked.is_empty() {
        return Ok(of_key);
    }
    if asked.iter().all(|scope| of_key.contains(scope)) { Ok(asked) } else { Err(Error::InvalidScope) }
}

#[cfg(test)]
mod tests {
    use rowhouse_proto::orders::v1::permission;
    use rowhouse_tokens::Role;

    use super::*;

    fn grant(scopes: &[&str], creator: Option<Role>) -> Grant {
        let scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
        Grant { scopes, expires_at: None, creator, refused_until: 0, looks_unused: true }
    }

    #[test]
    fn a_token_has_no_scope_that_the_key_has_not() {
        let (read, write) = (permission::ORDERS_READ, permission::ORDERS_WRITE);
        let key = grant(&["orders:read", "orders:write", "orders:burn"], Some(Role::Member));
        assert_eq!(granted(&key, "").unwrap(), [read, write]);
        assert_eq!(granted(&key, " orders:write  orders:write ").unwrap(), [write]);
        assert!(granted(&grant(&["orders:read"], Some(Role::Owner)), "orders:read orders:write").is_err());
        assert!(granted(&key, "orders:burn").is_err());
        assert!(granted(&grant(&[], Some(Role::Owner)), "orders:read").is_err());
    }

    #[test]
    fn a_token_has_no_scope_that_the_creator_has_not() {
        let scopes = ["orders:read", "orders:write"];
        let key = grant(&scopes, Some(Role::Viewer));
        assert_eq!(granted(&key, "").unwrap(), [permission::ORDERS_READ]);
        assert!(matches!(granted(&key, "orders:write"), Err(Error::InvalidScope)));
        assert!(matches!(granted(&grant(&scopes, None), ""), Err(Error::InvalidClient)));
    }
}
