//! [`Verifier`], which decides whether a token is valid.

use std::collections::HashSet;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation, get_current_timestamp};
use serde::Deserialize;
use uuid::Uuid;

use crate::cache::{Cache, digest};
use crate::issue::STATUS_TOKEN_LIFETIME;
use crate::metrics;
use crate::trust::{Keys, Trusted};
use crate::{
    FIRST_PARTY_CLIENT, Issuers, LEEWAY, Principal, Role, SERVICE_TYPE, STATUS_TYPE, TokenError,
    TokenSession, TrustStore, USER_AUDIENCE, USER_TYPE, VerifiedToken, issuer,
};

/// The longest token that is decoded. The system's own have about 500 bytes.
const LONGEST_TOKEN: usize = 4096;
/// The longest lifetime of an access token that is accepted, from any issuer.
const LONGEST_LIFETIME: u64 = 3600;

/// The services' tokens that a verifier accepts besides people's.
#[derive(Clone, Copy, Debug, Default)]
pub struct Accepts<'a> {
    /// The name that must be in `aud`: the verifying service's own. Without it no service's token is
    /// accepted.
    pub service_audience: Option<&'static str>,
    /// The issuers of services that may call on their own behalf.
    pub service_issuers: &'a [&'static str],
}

/// Verifies tokens against the trusted keys.
#[derive(Debug)]
pub struct Verifier {
    trust: Arc<TrustStore>,
    user: Validation,
    service: Option<Validation>,
    verified: Cache,
}

#[derive(Deserialize)]
struct Header<'a> {
    alg: &'a str,
    typ: Option<&'a str>,
    kid: Option<&'a str>,
    crit: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct AccessClaims {
    #[serde(rename = "iss")]
    _iss: String,
    sub: Uuid,
    tenant_id: Uuid,
    sid: Uuid,
    role: Option<Role>,
    client_id: Option<String>,
    scope: Option<String>,
    #[serde(rename = "jti")]
    _jti: String,
    iat: u64,
    exp: u64,
}

#[derive(Deserialize)]
struct ServiceClaims {
    iss: String,
    sub: String,
    tenant_id: Uuid,
    #[serde(rename = "jti")]
    _jti: String,
    iat: u64,
    exp: u64,
}

impl Verifier {
    /// Creates a verifier of the access tokens that the auth service signs in the name of `issuers`, and of the services' tokens in
    /// `accepts`.
    #[must_use]
    pub fn new(trust: Arc<TrustStore>, issuers: &Issuers, accepts: Accepts<'_>) -> Self {
        let of_services = accepts.service_issuers.iter().copied();
        let service = accepts.service_audience.map(|audience| validation(audience, of_services));
        Self { trust, user: validation(USER_AUDIENCE, issuers.accepted()), service, verified: Cache::new() }
    }

    /// Verifies a token, or finds that it was verified lately. Reads the trusted keys again if the token's key is unknown (at most every
    /// five seconds), or if they were last read more than a minute ago.
    pub async fn verify(&self, token: &str) -> Result<VerifiedToken, TokenError> {
        self.trust.refresh_old().await;
        let result = match self.check(token) {
            Err(TokenError::UnknownKey) => {
                self.trust.refresh().await;
                self.check(token)
            }
            result => result,
        };
        metrics::verified(&result);
        result
    }

    /// Returns a token that was verified lately, without a look at the trusted keys on disk. `None` says nothing about a token.
    #[must_use]
    pub fn recall(&self, token: &str) -> Option<VerifiedToken> {
        self.verified.get(&digest(token), &self.trust.keys(), get_current_timestamp())
    }

    /// Verifies a status token of the onboarding service and returns its tenant. Access tokens and services' tokens
    /// fail with [`TokenError::WrongType`] here, as status tokens do everywhere else.
    pub async fn verify_status(&self, token: &str) -> Result<Uuid, TokenError> {
        self.trust.refresh_old().await;
        let result = match self.check_status(token) {
            Err(TokenError::UnknownKey) => {
                self.trust.refresh().await;
                self.check_status(token)
            }
            result => result,
        };
        metrics::verified(&result);
        result
    }

    fn check_status(&self, token: &str) -> Result<Uuid, TokenError> {
        let header = header_of(token)?;
        let header = Header::parse(&header)?;
        let keys = self.trust.keys();
        let Trusted { issuer: key_issuer, key, .. } =
            header.kid.and_then(|kid| keys.get(kid)).ok_or(TokenError::UnknownKey)?;
        if header.typ != Some(STATUS_TYPE) {
            return Err(TokenError::WrongType);
        }
        let validation = validation(issuer::ONBOARDING, [issuer::ONBOARDING]);
        let claims: ServiceClaims =
            jsonwebtoken::decode(token, key, &validation).map_err(|error| reason(&error))?.claims;
        lifetime(claims.iat, claims.exp, STATUS_TOKEN_LIFETIME.as_secs())?;
        if claims.iss != *key_issuer || claims.sub != claims.iss {
            return Err(TokenError::WrongIssuer);
        }
        Ok(claims.tenant_id)
    }

    fn check(&self, token: &str) -> Result<VerifiedToken, TokenError> {
        let header = header_of(token)?;
        let (keys, digest) = (self.trust.keys(), digest(token));
        if let Some(known) = self.verified.get(&digest, &keys, get_current_timestamp()) {
            return Ok(known);
        }
        let verified = self.check_with(&keys, &header, token)?;
        self.verified.insert(digest, &verified, &keys);
        Ok(verified)
    }

    fn check_with(&self, keys: &Keys, header: &[u8], token: &str) -> Result<VerifiedToken, TokenError> {
        let header = Header::parse(header)?;
        let Trusted { issuer: key_issuer, key, .. } =
            header.kid.and_then(|kid| keys.get(kid)).ok_or(TokenError::UnknownKey)?;
        match header.typ {
            Some(USER_TYPE) => {
                let claims: AccessClaims =
                    jsonwebtoken::decode(token, key, &self.user).map_err(|error| reason(&error))?.claims;
                lifetime(claims.iat, claims.exp, LONGEST_LIFETIME)?;
                // The issuer is a URL, and its keys are those of the auth service.
                if key_issuer != issuer::AUTH {
                    return Err(TokenError::WrongIssuer);
                }
                let session = TokenSession { id: claims.sid, issued_at: claims.iat.cast_signed() };
                let (tenant, expires_at) = (claims.tenant_id, claims.exp.cast_signed());
                Ok(VerifiedToken::new(claims.principal()?, tenant, Some(session), expires_at, token))
            }
            Some(SERVICE_TYPE) => {
                let validation = self.service.as_ref().ok_or(TokenError::WrongType)?;
                let claims: ServiceClaims =
                    jsonwebtoken::decode(token, key, validation).map_err(|error| reason(&error))?.claims;
                lifetime(claims.iat, claims.exp, LONGEST_LIFETIME)?;
                if claims.iss != *key_issuer || claims.sub != claims.iss {
                    return Err(TokenError::WrongIssuer);
                }
                let principal = Principal::Service { name: claims.iss };
                Ok(VerifiedToken::new(principal, claims.tenant_id, None, claims.exp.cast_signed(), token))
            }
            _ => Err(TokenError::WrongType),
        }
    }
}

impl<'a> Header<'a> {
    fn parse(json: &'a [u8]) -> Result<Self, TokenError> {
        let header: Self = serde_json::from_slice(json).or(Err(TokenError::Malformed))?;
        if header.alg != "EdDSA" {
            return Err(TokenError::UnsupportedAlgorithm);
        }
        if header.crit.is_some() { Err(TokenError::Malformed) } else { Ok(header) }
    }
}

impl AccessClaims {
    /// Returns the caller: a person, who has a role, or an API key, which has scopes. A token with both is invalid, and so is one
    /// of another client.
    fn principal(&self) -> Result<Principal, TokenError> {
        let Self { sub, role, client_id, scope, .. } = self;
        match (role, client_id.as_deref(), scope) {
            (Some(role), Some(FIRST_PARTY_CLIENT), None) => Ok(Principal::User { id: *sub, role: *role }),
            (None, Some(client), Some(scope)) if client.parse() == Ok(*sub) => {
                let scopes = scope.split_whitespace().map(ToOwned::to_owned).collect();
                Ok(Principal::ApiKey { id: *sub, scopes })
            }
            _ => Err(TokenError::InvalidClaims),
        }
    }
}

fn validation<'a>(audience: &str, issuers: impl IntoIterator<Item = &'a str>) -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.leeway = LEEWAY;
    validation.validate_nbf = true;
    validation.aud = Some(HashSet::from([audience.to_owned()]));
    validation.iss = Some(issuers.into_iter().map(str::to_owned).collect());
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation
}

/// Decodes the JSON of the header. The library's own parser accepts more, and does not report which part
/// was refused.
fn header_of(token: &str) -> Result<Vec<u8>, TokenError> {
    if token.len() > LONGEST_TOKEN {
        return Err(TokenError::Malformed);
    }
    let mut parts = token.split('.');
    let (Some(header), Some(_), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(TokenError::Malformed);
    };
    URL_SAFE_NO_PAD.decode(header).or(Err(TokenError::Malformed))
}

fn lifetime(iat: u64, exp: u64, longest: u64) -> Result<(), TokenError> {
    if exp.saturating_sub(iat) > longest || iat > exp {
        return Err(TokenError::InvalidClaims);
    }
    if iat > get_current_timestamp().saturating_add(LEEWAY) {
        return Err(TokenError::NotYetValid);
    }
    Ok(())
}

fn reason(error: &jsonwebtoken::errors::Error) -> TokenError {
    match error.kind() {
        ErrorKind::InvalidSignature => TokenError::BadSignature,
        ErrorKind::ExpiredSignature => TokenError::Expired,
        ErrorKind::ImmatureSignature => TokenError::NotYetValid,
        ErrorKind::InvalidIssuer => TokenError::WrongIssuer,
        ErrorKind::InvalidAudience => TokenError::WrongAudience,
        ErrorKind::InvalidAlgorithm => TokenError::UnsupportedAlgorithm,
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidSubject | ErrorKind::Json(_) => {
            TokenError::InvalidClaims
        }
        _ => TokenError::Malformed,
    }
}
