//! Signing.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, Header};
use serde::Serialize;
use uuid::Uuid;

use crate::{JwkSet, Role, SERVICE_TYPE, SigningKey, TokenError, USER_AUDIENCE, USER_TYPE};

/// A service's token lives as long as one call may take, and some skew.
const SERVICE_TOKEN_LIFETIME: Duration = Duration::from_mins(1);

/// Signs tokens in one issuer's name.
#[derive(Debug)]
pub struct TokenIssuer {
    issuer: String,
    key: SigningKey,
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
struct UserClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: Uuid,
    tenant_id: Uuid,
    role: Role,
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
    /// `issuer` is the name under which verifiers hold the public key.
    #[must_use]
    pub fn new(issuer: impl Into<String>, key: SigningKey) -> Self {
        Self { issuer: issuer.into(), key }
    }

    /// A person's token for one tenant.
    pub fn access_token(
        &self,
        user: Uuid,
        tenant: Uuid,
        role: Role,
        lifetime: Duration,
    ) -> Result<SignedToken, TokenError> {
        let iat = now()?;
        let claims = UserClaims {
            iss: &self.issuer,
            aud: USER_AUDIENCE,
            sub: user,
            tenant_id: tenant,
            role,
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

    /// What verifiers need.
    #[must_use]
    pub fn public_keys(&self) -> JwkSet {
        JwkSet { keys: vec![self.key.jwk().clone()] }
    }

    fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, TokenError> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(typ.to_owned());
        header.kid = Some(self.key.kid().to_owned());
        jsonwebtoken::encode(&header, claims, &self.key.encoding).or(Err(TokenError::Signing))
    }
}

fn now() -> Result<u64, TokenError> {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs()).or(Err(TokenError::Signing))
}
