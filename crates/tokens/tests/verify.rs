//! Tests of verification with hand-made tokens.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use rowhouse_tokens::{
    Accepts, Issuers, Principal, Role, SigningKey, TokenError, TokenIssuer, TrustStore, Verifier, issuer,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use support::{
    FORMER, ISSUER, KEY, SESSION, TENANT, USER, World, api_key_claims, now, publish, service_claims,
    service_header, signed, user_claims, user_header, with, without,
};

#[tokio::test]
async fn an_issuers_tokens_are_accepted() {
    let world = World::new().await;
    let pem = world.auth.to_pem().unwrap();
    let auth = TokenIssuer::new(issuer::AUTH, SigningKey::from_pem(&pem).unwrap()).named(ISSUER);
    let token = auth
        .access_token(
            &Principal::User { id: USER, role: Role::Member },
            TENANT,
            SESSION,
            Duration::from_mins(10),
        )
        .unwrap();
    let verified = world.verifier.verify(&token.token).await.unwrap();
    assert_eq!(verified.principal(), &Principal::User { id: USER, role: Role::Member });
    assert_eq!(verified.tenant_id(), TENANT);
    assert_eq!(verified.session().unwrap().id, SESSION);
    assert_eq!(verified.raw(), token.token);
    assert!(!format!("{verified:?}").contains(&token.token), "a token is never printed");

    let program = Principal::ApiKey { id: KEY, scopes: vec!["orders:read".to_owned()] };
    let token = auth.access_token(&program, TENANT, KEY, Duration::from_mins(10)).unwrap().token;
    assert_eq!(world.verifier.verify(&token).await.unwrap().principal(), &program);

    let pem = world.onboarding.to_pem().unwrap();
    let onboarding = TokenIssuer::new(issuer::ONBOARDING, SigningKey::from_pem(&pem).unwrap());
    let token = onboarding.service_token("rowhouse-auth", TENANT).unwrap();
    let verified = world.verifier.verify(&token).await.unwrap();
    assert_eq!(verified.principal(), &Principal::Service { name: issuer::ONBOARDING.to_owned() });
}

#[tokio::test]
async fn a_token_has_exactly_these_parts() {
    let auth = TokenIssuer::new(ISSUER, SigningKey::generate().unwrap());
    let person = Principal::User { id: USER, role: Role::Admin };
    let scopes = ["orders:read", "orders:write"].map(str::to_owned).to_vec();
    for (principal, own, client_id) in [
        (person, "role", "rowhouse".to_owned()),
        (Principal::ApiKey { id: KEY, scopes }, "scope", KEY.to_string()),
    ] {
        let token = auth.access_token(&principal, TENANT, SESSION, Duration::from_mins(10)).unwrap().token;
        let mut parts =
            token.split('.').map(|part| serde_json::from_slice(&BASE64.decode(part).unwrap_or_default()));
        let header: Value = parts.next().unwrap().unwrap();
        let claims: Value = parts.next().unwrap().unwrap();
        let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&header), ["alg", "kid", "typ"]);
        assert_eq!((&header["alg"], &header["typ"]), (&json!("EdDSA"), &json!("at+jwt")));
        let expected = ["aud", "client_id", "exp", "iat", "iss", "jti", own, "sid", "sub", "tenant_id"];
        assert_eq!(names(&claims), expected);
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 600);
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!(ISSUER), &json!("rowhouse")));
        assert_eq!(claims["client_id"], client_id);
    }
}

/// Tokens that are valid for another ten minutes when the issuer changes.
#[tokio::test]
async fn tokens_of_the_issuer_before_are_accepted() {
    let world = World::new().await;
    for claims in [user_claims(), api_key_claims()] {
        let former = with(claims, "iss", json!(FORMER));
        world.verifier.verify(&signed(&world.auth, &user_header(&world.auth), &former)).await.unwrap();
        // Not those that another service signs in its name.
        let forged = signed(&world.onboarding, &user_header(&world.onboarding), &former);
        assert_eq!(world.refusal(&forged).await, TokenError::WrongIssuer);
    }
}

#[tokio::test]
async fn an_audience_may_be_one_of_several() {
    let world = World::new().await;
    let claims = with(user_claims(), "aud", json!(["elsewhere", "rowhouse"]));
    world.verifier.verify(&signed(&world.auth, &user_header(&world.auth), &claims)).await.unwrap();
}

#[tokio::test]
async fn headers_that_are_refused() {
    let world = World::new().await;
    let (key, header) = (&world.auth, user_header(&world.auth));
    for (spoiled, reason) in [
        (with(header.clone(), "alg", json!("none")), TokenError::UnsupportedAlgorithm),
        (with(header.clone(), "alg", json!("HS256")), TokenError::UnsupportedAlgorithm),
        (with(header.clone(), "alg", json!("RS256")), TokenError::UnsupportedAlgorithm),
        (with(header.clone(), "alg", json!("eddsa")), TokenError::UnsupportedAlgorithm),
        (without(header.clone(), "alg"), TokenError::Malformed),
        (with(header.clone(), "crit", json!(["exp"])), TokenError::Malformed),
        (with(header.clone(), "typ", json!("JWT")), TokenError::WrongType),
        (without(header.clone(), "typ"), TokenError::WrongType),
        (with(header.clone(), "kid", json!("another")), TokenError::UnknownKey),
        (without(header.clone(), "kid"), TokenError::UnknownKey),
        // The token is signed by auth, but its header names onboarding's key.
        (with(header.clone(), "kid", json!(world.onboarding.kid())), TokenError::BadSignature),
    ] {
        assert_eq!(world.refusal(&signed(key, &spoiled, &user_claims())).await, reason, "{spoiled}");
    }
}

#[tokio::test]
async fn claims_that_are_refused() {
    let world = World::new().await;
    let claims = user_claims();
    for (spoiled, reason) in [
        (with(claims.clone(), "exp", json!(now() - 60)), TokenError::Expired),
        (with(claims.clone(), "nbf", json!(now() + 60)), TokenError::NotYetValid),
        (
            with(with(claims.clone(), "iat", json!(now() + 60)), "exp", json!(now() + 120)),
            TokenError::NotYetValid,
        ),
        (with(claims.clone(), "exp", json!(now() + 86_400)), TokenError::InvalidClaims),
        (with(claims.clone(), "iss", json!("rowhouse-onboarding")), TokenError::WrongIssuer),
        (with(claims.clone(), "iss", json!("rowhouse-auth")), TokenError::WrongIssuer),
        (with(claims.clone(), "iss", json!("https://elsewhere.example")), TokenError::WrongIssuer),
        (with(claims.clone(), "iss", json!(format!("{ISSUER}/"))), TokenError::WrongIssuer),
        (with(claims.clone(), "client_id", json!("another")), TokenError::InvalidClaims),
        (with(claims.clone(), "client_id", json!(USER)), TokenError::InvalidClaims),
        (with(claims.clone(), "scope", json!("orders:read")), TokenError::InvalidClaims),
        (with(api_key_claims(), "client_id", json!("rowhouse")), TokenError::InvalidClaims),
        (with(api_key_claims(), "client_id", json!(USER)), TokenError::InvalidClaims),
        (without(api_key_claims(), "client_id"), TokenError::InvalidClaims),
        (without(api_key_claims(), "scope"), TokenError::InvalidClaims),
        (with(claims.clone(), "aud", json!("rowhouse-auth")), TokenError::WrongAudience),
        (with(claims.clone(), "aud", json!([])), TokenError::WrongAudience),
        (with(claims.clone(), "sub", json!("alice")), TokenError::InvalidClaims),
        (with(claims.clone(), "tenant_id", json!("acme")), TokenError::InvalidClaims),
        (with(claims.clone(), "role", json!("root")), TokenError::InvalidClaims),
    ] {
        let token = signed(&world.auth, &user_header(&world.auth), &spoiled);
        assert_eq!(world.refusal(&token).await, reason, "{spoiled}");
    }
    for claim in ["iss", "aud", "sub", "client_id", "tenant_id", "role", "jti", "iat", "exp"] {
        let token = signed(&world.auth, &user_header(&world.auth), &without(user_claims(), claim));
        assert_eq!(world.refusal(&token).await, TokenError::InvalidClaims, "without {claim}");
    }
}

#[tokio::test]
async fn neither_kind_is_accepted_as_the_other() {
    let world = World::new().await;
    // A service signs a person's token.
    let token = signed(&world.onboarding, &user_header(&world.onboarding), &user_claims());
    assert_eq!(world.refusal(&token).await, TokenError::WrongIssuer);
    // A person's claims have a service's header.
    let token = signed(&world.auth, &service_header(&world.auth), &user_claims());
    assert_eq!(world.refusal(&token).await, TokenError::WrongIssuer);
    // A service's token is for another callee.
    let claims = with(service_claims(), "aud", json!("rowhouse-orders"));
    let token = signed(&world.onboarding, &service_header(&world.onboarding), &claims);
    assert_eq!(world.refusal(&token).await, TokenError::WrongAudience);
    // A service claims to be another one.
    let claims = with(service_claims(), "sub", json!("rowhouse-orders"));
    let token = signed(&world.onboarding, &service_header(&world.onboarding), &claims);
    assert_eq!(world.refusal(&token).await, TokenError::WrongIssuer);
    // A service's token is used where only people may call.
    let trust = TrustStore::load(world.directory.path().to_owned()).await.unwrap();
    let people_only = Verifier::new(Arc::new(trust), &Issuers::development(), Accepts::default());
    let token = signed(&world.onboarding, &service_header(&world.onboarding), &service_claims());
    assert_eq!(people_only.verify(&token).await.unwrap_err(), TokenError::WrongType);
    world.verifier.verify(&token).await.unwrap();
}

#[tokio::test]
async fn malformed_tokens_are_refused() {
    let world = World::new().await;
    let token = signed(&world.auth, &user_header(&world.auth), &user_claims());
    let parts: Vec<_> = token.split('.').collect();
    let forged = BASE64.encode(with(user_claims(), "role", json!("owner")).to_string());
    for (spoiled, reason) in [
        (String::new(), TokenError::Malformed),
        ("a.b".to_owned(), TokenError::Malformed),
        ("a.b.c.d".to_owned(), TokenError::Malformed),
        ("\u{0}.\u{0}.\u{0}".to_owned(), TokenError::Malformed),
        (format!("{}.{}.", parts[0], parts[1]), TokenError::BadSignature),
        (format!("{}.{forged}.{}", parts[0], parts[2]), TokenError::BadSignature),
        (format!("{token}{}", "A".repeat(5_000)), TokenError::Malformed),
    ] {
        let refused = world.refusal(&spoiled).await;
        assert!(refused == reason || refused == TokenError::Malformed, "{spoiled}: {refused:?}");
    }
}

#[tokio::test]
async fn invalid_trusted_keys_are_an_error_at_start() {
    let directory = TempDir::new().unwrap();
    let load = || TrustStore::load(directory.path().to_owned());
    assert!(load().await.unwrap_err().to_string().contains("keys generate"));

    let path = directory.path().join("rowhouse-auth.jwks.json");
    for (content, word) in [
        ("{", "rowhouse-auth.jwks.json"),
        (r#"{"keys":[{"kty":"RSA","crv":"","alg":"RS256","use":"sig","kid":"1","x":""}]}"#, "another kind"),
    ] {
        std::fs::write(&path, content).unwrap();
        let refused = load().await.unwrap_err().to_string();
        assert!(refused.contains(word), "{refused}");
    }

    let key = SigningKey::generate().unwrap();
    publish(&directory, issuer::AUTH, &[&key]);
    publish(&directory, issuer::ONBOARDING, &[&key]);
    assert!(load().await.unwrap_err().to_string().contains("is also"), "a key has one owner");
}

/// Status tokens are refused as access tokens, and access tokens as status tokens.
#[tokio::test]
async fn a_status_token_is_not_an_access_token() {
    let world = World::new().await;
    let pem = world.onboarding.to_pem().unwrap();
    let onboarding = TokenIssuer::new(issuer::ONBOARDING, SigningKey::from_pem(&pem).unwrap());
    let status = onboarding.status_token(TENANT).unwrap();
    assert_eq!(world.verifier.verify_status(&status).await.unwrap(), TENANT);
    assert_eq!(world.refusal(&status).await, TokenError::WrongType);

    let access = signed(&world.auth, &user_header(&world.auth), &user_claims());
    let service = onboarding.service_token("rowhouse-auth", TENANT).unwrap();
    for token in [&access, &service] {
        world.verifier.verify(token).await.unwrap();
        assert_eq!(world.verifier.verify_status(token).await, Err(TokenError::WrongType));
    }

    let header = |key: &SigningKey| json!({ "typ": "status+jwt", "alg": "EdDSA", "kid": key.kid() });
    let claims = json!({
        "iss": "rowhouse-onboarding", "aud": "rowhouse-onboarding", "sub": "rowhouse-onboarding", "tenant_id": TENANT,
        "jti": "1", "iat": now(), "exp": now() + 86_400,
    });
    let key = &world.onboarding;
    world.verifier.verify_status(&signed(key, &header(key), &claims)).await.unwrap();
    for (token, reason) in [
        (signed(&world.auth, &header(&world.auth), &claims), TokenError::WrongIssuer),
        (
            signed(&world.auth, &header(&world.auth), &with(claims.clone(), "iss", json!("rowhouse-auth"))),
            TokenError::WrongIssuer,
        ),
        (
            signed(key, &header(key), &with(claims.clone(), "aud", json!("rowhouse-auth"))),
            TokenError::WrongAudience,
        ),
        (
            signed(key, &header(key), &with(claims.clone(), "aud", json!("rowhouse"))),
            TokenError::WrongAudience,
        ),
        (signed(key, &header(key), &with(claims.clone(), "sub", json!(USER))), TokenError::WrongIssuer),
        (signed(key, &header(key), &with(claims.clone(), "exp", json!(now() - 60))), TokenError::Expired),
        (
            signed(key, &header(key), &with(claims.clone(), "exp", json!(now() + 90_000))),
            TokenError::InvalidClaims,
        ),
        (signed(key, &header(key), &without(claims.clone(), "tenant_id")), TokenError::InvalidClaims),
        (signed(key, &with(header(key), "alg", json!("none")), &claims), TokenError::UnsupportedAlgorithm),
    ] {
        assert_eq!(world.verifier.verify_status(&token).await, Err(reason));
    }
}

#[tokio::test]
async fn a_token_that_differs_in_a_byte_from_a_known_one_is_refused() {
    let world = World::new().await;
    let token = signed(&world.auth, &user_header(&world.auth), &user_claims());
    world.verifier.verify(&token).await.unwrap();
    for at in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        // The last character of a signature has bits that mean nothing, but they have to be zero.
        world.refusal(&changed).await;
    }
    world.verifier.verify(&token).await.unwrap();
}
