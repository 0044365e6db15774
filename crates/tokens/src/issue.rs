//! [`TokenIssuer`], which signs tokens.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, Header};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    FIRST_PARTY_CLIENT, JwkSet, Principal, Role, SERVICE_TYPE, STATUS_TYPE, SigningKeys, TokenError,
    USER_AUDIENCE, USER_TYPE,
};

/// The lifetime of a service's token: as long as one call may take, and some clock skew.
const SERVICE_TOKEN_LIFETIME: Duration = Duration::from_mins(1);
/// The lifetime of a status token. An onboarding that takes longer needs an operator.
pub(crate) const STATUS_TOKEN_LIFETIME: Duration = Duration::from_hours(24);

/// Signs tokens in the name of one issuer. Clones share the keys, also after a replacement.
#[derive(Clone, Debug)]
pub struct TokenIssuer {
    issuer: Arc<str>,
    keys: Arc<RwLock<Arc<SigningKeys>>>,
}

/// A signed token and its lifetime.
#[derive(Clone)]
pub struct SignedToken {
    /// The token. A secret: never log it.
    pub token: String,
    /// The time for which the token is valid.
    pub expires_in: Duration,
}

#[derive(Serialize)]
struct AccessClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: Uuid,
    tenant_id: Uuid,
    sid: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    client_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    jti: Uuid,
    iat: u64,
    exp: u64,
}

#[derive(Serialize)]
struct ServiceClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    tenant_id: Uuid,
    jti: Uuid,
    iat: u64,
    exp: u64,
}

impl TokenIssuer {
    /// Creates an issuer. `issuer` is the claim `iss` of its tokens; `keys` is a set or a single key.
    #[must_use]
    pub fn new(issuer: impl Into<Arc<str>>, keys: impl Into<SigningKeys>) -> Self {
        Self { issuer: issuer.into(), keys: Arc::new(RwLock::new(Arc::new(keys.into()))) }
    }

    /// Returns an issuer with the same keys, also after a replacement, and this claim `iss`.
    #[must_use]
    pub fn named(&self, issuer: impl Into<Arc<str>>) -> Self {
        Self { issuer: issuer.into(), keys: Arc::clone(&self.keys) }
    }

    /// Returns the issuer's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.issuer
    }

    /// Returns the current keys.
    #[must_use]
    pub fn keys(&self) -> Arc<SigningKeys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the keys. A signature in progress still uses the previous ones.
    pub fn replace(&self, keys: SigningKeys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// Signs the access token of a person or an API key for one tenant. `session` is the id that revokes it: the person's
    /// session, or the key. [`TokenIssuer::service_token`] signs a service's token.
    pub fn access_token(
        &self,
        principal: &Principal,
        tenant: Uuid,
        session: Uuid,
        lifetime: Duration,
    ) -> Result<SignedToken, TokenError> {
        self.access_token_after(principal, tenant, session, lifetime, 0)
    }

    /// Signs an access token whose `iat` is later than `refused_until` (seconds since 1970), which may be slightly in the
    /// future: the session's tokens up to that time are refused.
    pub fn access_token_after(
        &self,
        principal: &Principal,
        tenant: Uuid,
        session: Uuid,
        lifetime: Duration,
        refused_until: u64,
    ) -> Result<SignedToken, TokenError> {
        let (sub, role, client_id, scope) = match principal {
            Principal::User { id, role } => (*id, Some(*role), FIRST_PARTY_CLIENT.to_owned(), None),
            Principal::ApiKey { id, scopes } => (*id, None, id.to_string(), Some(scope(scopes))),
            Principal::Service { .. } => return Err(TokenError::Signing),
        };
        let iat = now()?.max(refused_until.saturating_add(1));
        let claims = AccessClaims {
            iss: &self.issuer,
            aud: USER_AUDIENCE,
            sub,
            tenant_id: tenant,
            sid: session,
            role,
            client_id,
            scope,
            jti: Uuid::now_v7(),
            iat,
            exp: iat.saturating_add(lifetime.as_secs()),
        };
        Ok(SignedToken { token: self.sign(USER_TYPE, &claims)?, expires_in: lifetime })
    }

    /// Signs this service's own token for one call to `audience` in one tenant. It is valid for a minute.
    pub fn service_token(&self, audience: &str, tenant: Uuid) -> Result<String, TokenError> {
        let iat = now()?;
        self.sign(
            SERVICE_TYPE,
            &ServiceClaims {
                iss: &self.issuer,
                aud: audience,
                sub: &self.issuer,
                tenant_id: tenant,
                jti: Uuid::now_v7(),
                iat,
                exp: iat.saturating_add(SERVICE_TOKEN_LIFETIME.as_secs()),
            },
        )
    }

    /// Signs a status token, with which the caller that onboarded a tenant can follow the set-up. It gives no other access: only
    /// [`Verifier::verify_status`] accepts it. It is valid for a day.
    ///
    /// [`Verifier::verify_status`]: crate::Verifier::verify_status
    pub fn status_token(&self, tenant: Uuid) -> Result<String, TokenError> {
        let iat = now()?;
        self.sign(
            STATUS_TYPE,
            &ServiceClaims {
                iss: &self.issuer,
                aud: &self.issuer,
                sub: &self.issuer,
                tenant_id: tenant,
                jti: Uuid::now_v7(),
                iat,
                exp: iat.saturating_add(STATUS_TOKEN_LIFETIME.as_secs()),
            },
        )
    }

    /// Returns the public keys, the one that signs first.
    #[must_use]
    pub fn public_keys(&self) -> JwkSet {
        self.keys().public_keys()
    }

    fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, TokenError> {
        let keys = self.keys();
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(typ.to_owned());
        header.kid = Some(keys.current.kid().to_owned());
        jsonwebtoken::encode(&header, claims, &keys.current.encoding).or(Err(TokenError::Signing))
    }
}

/// Formats permissions, or their names, as the claim `scope` (RFC 8693 §4.2).
#[must_use]
pub fn scope(permissions: &[impl AsRef<str>]) -> String {
    permissions.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(" ")
}

fn now() -> Result<u64, TokenError> {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs()).or(Err(TokenError::Signing))
}
