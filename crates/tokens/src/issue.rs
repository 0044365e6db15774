//! Signing.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, Header};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    JwkSet, Permission, Principal, Role, SERVICE_TYPE, STATUS_TYPE, SigningKeys, TokenError, USER_AUDIENCE,
    USER_TYPE,
};

/// A service's token lives as long as one call may take, and some skew.
const SERVICE_TOKEN_LIFETIME: Duration = Duration::from_mins(1);
/// An onboarding that takes longer is one for a person to look at.
pub(crate) const STATUS_TOKEN_LIFETIME: Duration = Duration::from_hours(24);

/// Signs tokens in one issuer's name. Clones sign with the same keys, also after these were replaced.
#[derive(Clone, Debug)]
pub struct TokenIssuer {
    issuer: Arc<str>,
    keys: Arc<RwLock<Arc<SigningKeys>>>,
}

/// A new token.
#[derive(Clone)]
pub struct SignedToken {
    /// The token. A secret: never log it.
    pub token: String,
    /// How long it will be believed.
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
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<Uuid>,
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
    /// `issuer` is the name under which verifiers hold the public keys. `keys`: a set, or a single key.
    #[must_use]
    pub fn new(issuer: impl Into<Arc<str>>, keys: impl Into<SigningKeys>) -> Self {
        Self { issuer: issuer.into(), keys: Arc::new(RwLock::new(Arc::new(keys.into()))) }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.issuer
    }

    /// The keys of this moment.
    #[must_use]
    pub fn keys(&self) -> Arc<SigningKeys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on signs with these. What is being signed is finished with the ones before.
    pub fn replace(&self, keys: SigningKeys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// A person's or an API key's token for one tenant. `session` is what it ends with: the person's session, or
    /// the key. A service's token is made by [`TokenIssuer::service_token`].
    pub fn access_token(
        &self,
        principal: &Principal,
        tenant: Uuid,
        session: Uuid,
        lifetime: Duration,
    ) -> Result<SignedToken, TokenError> {
        self.access_token_after(principal, tenant, session, lifetime, 0)
    }

    /// The same, dated later than `refused_until` (seconds since 1970), which may lie a moment ahead: the session's
    /// tokens up to then are refused.
    pub fn access_token_after(
        &self,
        principal: &Principal,
        tenant: Uuid,
        session: Uuid,
        lifetime: Duration,
        refused_until: u64,
    ) -> Result<SignedToken, TokenError> {
        let (sub, role, client_id, scope) = match principal {
            Principal::User { id, role } => (*id, Some(*role), None, None),
            Principal::ApiKey { id, scopes } => (*id, None, Some(*id), Some(scope(scopes))),
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

    /// This service's own token for one call to `audience` in one tenant. It lives for a minute.
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

    /// What shows a tenant that is being set up to who set it up, and opens nothing: only [`Verifier::verify_status`] takes
    /// it. It lives for a day.
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

    /// What verifiers need: first the key that signs.
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

/// Permissions as the claim `scope` has them (RFC 8693 §4.2).
#[must_use]
pub fn scope(permissions: &[Permission]) -> String {
    permissions.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(" ")
}

fn now() -> Result<u64, TokenError> {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs()).or(Err(TokenError::Signing))
}
