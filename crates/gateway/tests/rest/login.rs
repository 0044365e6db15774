//! The method that logs a person in.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rowhouse_testkit::TestSystem;
use serde_json::{Value, json};

use crate::api::Api;

fn decoded(token: &str, part: usize) -> Value {
    let part = token.split('.').nth(part).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_for_one_tenant_and_ten_minutes() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await;
    for (tenant, email) in [
        (None, acme.admin_email.clone()),
        (Some(&acme.slug), acme.admin_email.to_uppercase()),
        (Some(&acme.id), format!(" {} ", acme.admin_email)),
    ] {
        let mut body = json!({ "email": email, "password": acme.password });
        if let Some(tenant) = tenant {
            body["tenant"] = json!(tenant);
        }
        let answer = api.post("/v1/auth/login", &body).expect(200).await;
        assert_eq!(answer.body["token_type"], "Bearer");
        let expires_in = answer.body["expires_in"].as_u64().unwrap();
        assert!((1..=600).contains(&expires_in));

        let token = answer.body["access_token"].as_str().unwrap();
        let (header, claims) = (decoded(token, 0), decoded(token, 1));
        assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!("EdDSA")));
        assert_eq!((&claims["tenant_id"], &claims["role"]), (&json!(acme.id), &json!("owner")));
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), expires_in);
        for claim in ["iss", "aud", "sub", "sid", "jti"] {
            assert!(claims[claim].is_string(), "{claims}");
        }
        let keys = api.get("/.well-known/jwks.json").expect(200).await;
        assert!(keys.body["keys"].as_array().unwrap().iter().any(|key| key["kid"] == header["kid"]));
        api.with_token(token).get("/v1/me").expect(200).await;
    }
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_do_not_reveal_what_was_wrong() {
    let system = TestSystem::start().await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let api = Api::of(system.gateway_url()).await;
    let right = json!({ "email": acme.admin_email, "password": acme.password });
    let mut answers = Vec::new();
    for (number, (field, value)) in [
        ("password", json!("wrong password")),
        ("password", json!("x")),
        ("password", json!("ä".repeat(50_000))),
        ("password", json!("12345678\0")),
        ("email", json!("nobody@acme.example")),
        ("tenant", json!(globex.slug)),
        ("tenant", json!(globex.id)),
        ("tenant", json!("no-such-tenant")),
        ("tenant", json!("' OR 1=1 --")),
    ]
    .into_iter()
    .enumerate()
    {
        let mut body = right.clone();
        body[field] = value;
        // Each attempt is the first one from its address.
        let attempt =
            api.post("/v1/auth/login", &body).header("x-forwarded-for", format!("203.0.113.{number}"));
        answers.push(attempt.refused(401, "invalid_credentials").await.text);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    for (field, value) in [
        ("email", json!("")),
        ("email", json!("a".repeat(100_000))),
        ("password", json!("")),
        ("tenant", json!("")),
    ] {
        let mut body = right.clone();
        body[field] = value;
        let refused = api.post("/v1/auth/login", &body).refused(400, "invalid_argument").await;
        assert_eq!(refused.fields(), [field]);
    }
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_of_several_tenants_names_one() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await;
    let admin = json!({ "email": acme.admin_email, "password": acme.password });
    let second = api.post("/v1/tenants", &json!({ "name": "Zeta", "admin": admin })).expect(201).await;

    let asked = api.post("/v1/auth/login", &admin).refused(409, "tenant_required").await;
    let mut tenants = asked.body["tenants"].as_array().unwrap().clone();
    tenants.sort_by_key(|tenant| tenant["name"].to_string());
    let zeta = json!({ "id": second.body["tenant"]["id"], "slug": "zeta", "name": "Zeta" });
    assert_eq!(tenants, [json!({ "id": acme.id, "slug": acme.slug, "name": "Acme" }), zeta]);
    let wrong = json!({ "email": acme.admin_email, "password": "wrong password" });
    let refused = api.post("/v1/auth/login", &wrong).refused(401, "invalid_credentials").await;
    assert!(refused.body.get("tenants").is_none());

    for tenant in tenants {
        let mut login = admin.clone();
        login["tenant"] = tenant["slug"].clone();
        let token = api.post("/v1/auth/login", &login).expect(200).await;
        let me = api.with_token(token.body["access_token"].as_str().unwrap()).get("/v1/me").expect(200).await;
        assert_eq!(me.body["tenant"], tenant);
    }
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_makes_only_the_guesser_wait() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await;
    let wrong = json!({ "email": acme.admin_email, "password": "wrong password", "tenant": acme.slug });
    let guess = async || {
        let attempt = api.post("/v1/auth/login", &wrong).header("x-forwarded-for", "198.51.100.7");
        attempt.send().await
    };
    let mut attempts = 1;
    let held_up = loop {
        let answer = guess().await;
        if answer.status != 401 {
            break answer;
        }
        attempts += 1;
        assert!(attempts <= 50, "nobody is held up");
    };
    assert_eq!(
        (held_up.status, &held_up.body["code"]),
        (429, &json!("too_many_attempts")),
        "{}",
        held_up.text
    );
    assert!((1..=900).contains(&held_up.header("retry-after").parse::<u64>().unwrap()));
    assert!(attempts > 5, "a person may mistype their password");
    // The person logs in from their own network all the same.
    api.login(&acme.admin_email, &acme.password, &acme.slug).await;
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_recognised() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await;
    let login = api.login(&acme.admin_email, &acme.password, &acme.slug).await;
    let device = login.text("device_token");
    let body = |device: &str| json!({ "email": acme.admin_email, "password": acme.password, "tenant": acme.slug, "device_token": device });
    assert!(api.post("/v1/auth/login", &body(device)).expect(200).await.body["device_token"].is_string());
    // Another person's device token has no effect.
    api.post("/v1/auth/login", &body("made up")).expect(200).await;
    let refresh = json!({ "refresh_token": login.text("refresh_token") });
    let refreshed = api.post("/v1/auth/refresh", &refresh).expect(200).await;
    assert!(refreshed.body.get("device_token").is_none());
    system.shutdown().await;
}
