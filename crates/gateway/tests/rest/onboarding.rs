//! Bringing tenants into being.

use rowhouse_testkit::TestSystem;
use serde_json::{Value, json};

use crate::api::Api;

const PASSWORD: &str = "correct horse battery";

fn company(name: &str, email: &str) -> Value {
    json!({ "name": name, "admin": { "email": email, "password": PASSWORD } })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_company_can_work_at_once() {
    let system = TestSystem::start().await;
    let api = Api::of(system.gateway_url()).await;
    let mut body = company("Acmé & Söhne", "Ada@Acme.example");
    body["slug"] = json!("acme-1");
    let made = api.post("/v1/tenants", &body).expect(201).await;
    let (tenant, admin) = (&made.body["tenant"], &made.body["admin"]);
    assert_eq!(tenant["name"], "Acmé & Söhne");
    assert_eq!(tenant["slug"], "acme-1");
    assert_eq!(tenant["status"], "active");
    assert_eq!(admin["email"], "ada@acme.example");
    assert_eq!(admin["role"], "admin");
    assert!(!made.headers.contains_key("location"), "there is no such address");

    let login = json!({ "email": "ada@acme.example", "password": PASSWORD });
    let token = api.post("/v1/auth/login", &login).expect(200).await;
    let me = api.with_token(token.body["access_token"].as_str().unwrap()).get("/v1/me").expect(200).await;
    assert_eq!(me.body["user"], json!({ "id": admin["id"], "email": "ada@acme.example" }));
    assert_eq!(me.body["tenant"], json!({ "id": tenant["id"], "slug": "acme-1", "name": "Acmé & Söhne" }));
    assert_eq!(me.body["role"], "admin");

    // Without a slug, one is made from the name, and another one when that is taken.
    let first = api.post("/v1/tenants", &company("Globex", "g1@globex.example")).expect(201).await;
    let second = api.post("/v1/tenants", &company("Globex", "g2@globex.example")).expect(201).await;
    assert_eq!(first.body["tenant"]["slug"], "globex");
    assert_ne!(second.body["tenant"]["slug"], "globex");
    let mut rival = company("Initech", "i@initech.example");
    rival["slug"] = json!("globex");
    api.post("/v1/tenants", &rival).refused(409, "slug_taken").await;
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_values_are_named_all_at_once() {
    let system = TestSystem::start().await;
    let api = Api::of(system.gateway_url()).await;
    let wrong = json!({ "name": "", "slug": "-", "admin": { "email": "ada", "password": "short" } });
    let refused = api.post("/v1/tenants", &wrong).header("idempotency-key", "a b");
    let refused = refused.refused(400, "invalid_argument").await;
    assert_eq!(refused.fields(), ["name", "slug", "admin.email", "admin.password", "Idempotency-Key"]);

    let long = "a".repeat(100_000);
    for (pointer, value) in [
        ("/name", json!("a\0b")),
        ("/name", json!(" ")),
        ("/name", json!(long)),
        ("/slug", json!(long)),
        ("/slug", json!("Acme")),
        ("/slug", json!("ac")),
        ("/slug", json!("'; drop table tenancy.tenants; --")),
        ("/admin/email", json!(format!("{long}@acme.example"))),
        ("/admin/email", json!("ada@acme.example\0")),
        ("/admin/password", json!("ä".repeat(36))),
        ("/admin/password", json!("12345678\0")),
        ("/admin/password", json!(long)),
    ] {
        let mut body = company("Acme", "ada@acme.example");
        body["slug"] = json!("acme");
        *body.pointer_mut(pointer).unwrap() = value;
        let refused = api.post("/v1/tenants", &body).refused(400, "invalid_argument").await;
        assert_eq!(refused.fields(), [pointer[1..].replace('/', ".")], "{}", refused.text);
    }
    for key in ["", "a b", &"k".repeat(256)] {
        let request = api.post("/v1/tenants", &company("Acme", "ada@acme.example"));
        let refused = request.header("idempotency-key", key).refused(400, "invalid_argument").await;
        assert_eq!(refused.fields(), ["Idempotency-Key"]);
    }
    let known = api.post("/v1/auth/login", &json!({ "email": "ada@acme.example", "password": PASSWORD }));
    known.refused(401, "invalid_credentials").await;
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_with_an_account_needs_its_password() {
    let system = TestSystem::start().await;
    let api = Api::of(system.gateway_url()).await;
    api.post("/v1/tenants", &company("Acme", "ada@acme.example")).expect(201).await;

    let mut stolen = company("Evil", "ADA@acme.example");
    stolen["admin"]["password"] = json!("another password");
    api.post("/v1/tenants", &stolen).refused(401, "invalid_credentials").await;
    let login =
        |password: &str| json!({ "email": "ada@acme.example", "password": password, "tenant": "acme" });
    api.post("/v1/auth/login", &login("another password")).refused(401, "invalid_credentials").await;
    api.post("/v1/auth/login", &login(PASSWORD)).expect(200).await;

    // The refused attempt left nothing behind: not even its slug is taken.
    let second = api.post("/v1/tenants", &company("Evil", "ada@acme.example")).expect(201).await;
    assert_eq!(second.body["tenant"]["slug"], "evil");
    system.shutdown().await;
}
