//! Hand-made tokens, and a verifier of them.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use ed25519_dalek::Signer;
use ed25519_dalek::pkcs8::DecodePrivateKey;
use rowhouse_tokens::{Accepts, JwkSet, SigningKey, TokenError, TrustStore, Verifier, issuer};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) const TENANT: Uuid = Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_b302_099a_8057);
pub(crate) const USER: Uuid = Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_b302_099a_8058);
pub(crate) const SESSION: Uuid = Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_b302_099a_8059);

pub(crate) const ISSUER: &str = "https://api.example.com";
/// The issuer before it changed.
pub(crate) const FORMER: &str = "https://old.example.com";
pub(crate) const KEY: Uuid = Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_b302_099a_805a);

/// A trust directory with one key each of auth and onboarding, and a verifier for the auth service.
pub(crate) struct World {
    pub(crate) directory: TempDir,
    pub(crate) auth: SigningKey,
    pub(crate) onboarding: SigningKey,
    pub(crate) verifier: Verifier,
}

impl World {
    pub(crate) async fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let (auth, onboarding) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        publish(&directory, issuer::AUTH, &[&auth]);
        publish(&directory, issuer::ONBOARDING, &[&onboarding]);
        let trust = TrustStore::load(directory.path().to_owned()).await.unwrap();
        let accepts =
            Accepts { service_audience: Some("rowhouse-auth"), service_issuers: &[issuer::ONBOARDING] };
        let issuers = format!("{ISSUER},{FORMER}").parse().unwrap();
        Self { directory, auth, onboarding, verifier: Verifier::new(Arc::new(trust), &issuers, accepts) }
    }

    pub(crate) async fn refusal(&self, token: &str) -> TokenError {
        self.verifier.verify(token).await.expect_err("the token was accepted")
    }
}

pub(crate) fn publish(directory: &TempDir, issuer: &str, keys: &[&SigningKey]) {
    let set = JwkSet { keys: keys.iter().map(|key| key.jwk().clone()).collect() };
    let path = directory.path().join(format!("{issuer}.jwks.json"));
    std::fs::write(path, serde_json::to_vec(&set).unwrap()).unwrap();
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub(crate) fn user_header(key: &SigningKey) -> Value {
    json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": key.kid() })
}

pub(crate) fn user_claims() -> Value {
    json!({
        "iss": ISSUER, "aud": "rowhouse", "sub": USER, "client_id": "rowhouse", "tenant_id": TENANT, "sid": SESSION,
        "role": "admin",
        "jti": "1", "iat": now(), "exp": now() + 600,
    })
}

pub(crate) fn api_key_claims() -> Value {
    let claims = with(without(user_claims(), "role"), "scope", json!("orders:read orders:write"));
    with(with(claims, "sub", json!(KEY)), "client_id", json!(KEY))
}

pub(crate) fn service_header(key: &SigningKey) -> Value {
    json!({ "typ": "service+jwt", "alg": "EdDSA", "kid": key.kid() })
}

pub(crate) fn service_claims() -> Value {
    json!({
        "iss": "rowhouse-onboarding", "aud": "rowhouse-auth", "sub": "rowhouse-onboarding", "tenant_id": TENANT,
        "jti": "1", "iat": now(), "exp": now() + 60,
    })
}

pub(crate) fn signed(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let message = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
    let private = ed25519_dalek::SigningKey::from_pkcs8_pem(&key.to_pem().unwrap()).unwrap();
    let signature = private.sign(message.as_bytes());
    format!("{message}.{}", BASE64.encode(signature.to_bytes()))
}

pub(crate) fn with(mut value: Value, field: &str, content: Value) -> Value {
    value[field] = content;
    value
}

pub(crate) fn without(mut value: Value, field: &str) -> Value {
    value.as_object_mut().unwrap().remove(field).unwrap();
    value
}
