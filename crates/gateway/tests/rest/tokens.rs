//! The tokens that the gateway accepts, without a call.

use serde_json::{Value, json};

use crate::alone::{Alone, TENANT, encode};
use crate::api::Api;

/// Returns whether a token is accepted. The services are not running: an accepted token ends in 503.
async fn believed(api: &Api) -> bool {
    let answer = api.get("/v1/me").send().await;
    match answer.status {
        503 => true,
        401 => {
            let sent = answer.body["code"] != "token_missing";
            let expected = if sent {
                "Bearer realm=\"rowhouse\", error=\"invalid_token\""
            } else {
                "Bearer realm=\"rowhouse\""
            };
            assert_eq!(answer.header("www-authenticate"), expected);
            false
        }
        other => panic!("{other}: {}", answer.text),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_auths_own_access_tokens_are_believed() {
    let gateway = Alone::start().await;
    let with = |token: String| gateway.api.with_token(token);
    assert!(believed(&with(gateway.token())).await);
    assert!(!believed(&gateway.api).await);

    let (header, claims) = (gateway.header(), Alone::claims());
    let changed = |part: &Value, name: &str, value: Value| {
        let mut part = part.clone();
        part[name] = value;
        part
    };
    let without = |name: &str| {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().remove(name);
        gateway.sign(&header, &claims)
    };
    let none = json!({ "alg": "none", "typ": "at+jwt" });
    let unsigned = |header: &Value| format!("{}.{}.", encode(header), encode(&claims));
    let forged = |algorithm: &str| {
        let header = changed(&header, "alg", json!(algorithm));
        format!("{}.{}.{}", encode(&header), encode(&claims), "A".repeat(86))
    };
    let other = Alone::start().await;
    let issued = claims["iat"].as_u64().unwrap();
    for (what, token) in [
        ("garbage", "garbage".to_owned()),
        ("empty", String::new()),
        ("three dots", "...".to_owned()),
        ("too long", "a".repeat(5000)),
        ("alg none", unsigned(&none)),
        ("alg none with a key", unsigned(&changed(&header, "alg", json!("none")))),
        ("alg None", forged("None")),
        ("HS256", forged("HS256")),
        ("RS256", forged("RS256")),
        ("a made-up signature", forged("EdDSA")),
        ("another's key", other.token()),
        ("another's signature under our key's name", other.sign(&header, &claims)),
        ("another type", gateway.sign(&changed(&header, "typ", json!("JWT")), &claims)),
        ("a service's", gateway.sign(&changed(&header, "typ", json!("service+jwt")), &claims)),
        ("another issuer", gateway.sign(&header, &changed(&claims, "iss", json!("rowhouse-onboarding")))),
        ("another audience", gateway.sign(&header, &changed(&claims, "aud", json!("rowhouse-orders")))),
        ("a role that is none", gateway.sign(&header, &changed(&claims, "role", json!("root")))),
        ("issued in the future", gateway.sign(&header, &changed(&claims, "iat", json!(issued + 300)))),
        ("not yet valid", gateway.sign(&header, &changed(&claims, "nbf", json!(issued + 300)))),
        ("no tenant", without("tenant_id")),
        ("no end", without("exp")),
        ("no subject", without("sub")),
        ("no session", without("sid")),
    ] {
        assert!(!believed(&with(token)).await, "{what}");
    }
    other.stopped().await;
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_is_told_from_a_wrong_one() {
    let gateway = Alone::start().await;
    let mut claims = Alone::claims();
    for (name, past) in [("iat", 700), ("exp", 100)] {
        claims[name] = json!(claims["iat"].as_u64().unwrap() - past);
    }
    let expired = gateway.api.with_token(gateway.sign(&gateway.header(), &claims));
    expired.get("/v1/me").refused(401, "token_expired").await;
    gateway.api.with_token("garbage").get("/v1/me").refused(401, "token_invalid").await;
    gateway.api.get("/v1/me").refused(401, "token_missing").await;
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn authorization_and_x_tenant_id_are_read_strictly() {
    let gateway = Alone::start().await;
    let api = &gateway.api;
    let ask = |value: &str| api.get("/v1/me").header("authorization", value);
    for scheme in ["Bearer", "bearer", "BEARER"] {
        ask(&format!("{scheme} {}", gateway.token())).expect(503).await;
    }
    for missing in ["", "Bearer", "Basic YTpi", "é", &gateway.token()] {
        ask(missing).refused(401, "token_missing").await;
    }
    let twice = ask(&format!("Bearer {}", gateway.token())).header("authorization", "Bearer x");
    assert_eq!(twice.refused(400, "invalid_argument").await.fields(), ["authorization"]);

    let api = api.with_token(gateway.token());
    let ask = |tenant: &str| api.get("/v1/me").header("x-tenant-id", tenant);
    for own in [TENANT, &TENANT.to_uppercase(), &TENANT.replace('-', "")] {
        ask(own).expect(503).await;
    }
    let other = "01990a5d-ac96-774b-bcce-b302099a8058";
    ask(other).refused(403, "tenant_mismatch").await;
    ask(TENANT).header("x-tenant-id", other).refused(403, "tenant_mismatch").await;
    for unreadable in ["", "acme", "é", "' OR 1=1 --"] {
        assert_eq!(ask(unreadable).refused(400, "invalid_argument").await.fields(), ["x-tenant-id"]);
    }
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_optional_token_must_be_valid() {
    let gateway = Alone::start().await;
    for (path, body) in [
        ("/v1/tenants", json!({ "name": "Acme", "admin": { "email": "ada@acme.example" } })),
        ("/v1/invitations/accept", json!({ "token": "x" })),
    ] {
        let ask = |value: &str| gateway.api.post(path, &body).header("authorization", value);
        gateway.api.post(path, &body).expect(503).await;
        let right = format!("Bearer {}", gateway.token());
        ask(&right).expect(503).await;
        ask(&right).header("x-tenant-id", TENANT).expect(503).await;
        ask("Bearer garbage").refused(401, "token_invalid").await;
        for missing in ["", "Bearer", "Basic YTpi"] {
            ask(missing).refused(401, "token_missing").await;
        }
        let other = ask(&right).header("x-tenant-id", "01990a5d-ac96-774b-bcce-b302099a8058");
        other.refused(403, "tenant_mismatch").await;
    }
    gateway.stopped().await;
}
