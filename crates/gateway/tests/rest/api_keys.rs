//! API keys, and the access tokens that programs get for them.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use diesel_async::SimpleAsyncConnection;
use reqwest::Method;
use rowhouse_testkit::TestSystem;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::api::{Answer, Api};

const NOBODY: &str = "01990a5d-ac96-774b-bcce-b302099a8058";

fn order() -> Value {
    json!({ "customer": "Alice", "currency": "EUR", "lines": [{ "sku": "chair", "quantity": 1, "unit_price_minor": 100 }] })
}

/// Exchanges an API key by a form, as OAuth libraries do.
async fn exchange(api: &Api, id: &str, secret: &str, scope: &str) -> Answer {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    form.append_pair("client_id", id).append_pair("client_secret", secret).append_pair("scope", scope);
    let request = api.request(Method::POST, "/v1/auth/token");
    request.body("application/x-www-form-urlencoded", form.finish()).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_once() {
    let system = TestSystem::start().await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let api = Api::of(system.gateway_url()).await;
    let (ada, stranger) = (api.with_token(acme.token), api.with_token(globex.token));
    let me = ada.get("/v1/me").expect(200).await;

    let body =
        json!({ "name": "export", "scopes": ["orders:read"], "expires_at": "2099-01-01T01:00:00+01:00" });
    let made = ada.post("/v1/api-keys", &body).expect(201).await;
    assert_eq!(made.text("client_id"), made.text("id"));
    assert!(
        made.text("client_secret").ends_with(made.text("hint").strip_prefix('…').unwrap()),
        "{}",
        made.text
    );
    assert_eq!((made.text("name"), &made.body["scopes"]), ("export", &json!(["orders:read"])));
    assert_eq!((made.text("expires_at"), &made.body["last_used_at"]), ("2099-01-01T00:00:00Z", &Value::Null));
    assert_eq!(made.body["created_by"], me.body["user"]["id"]);
    let forever = json!({ "name": "forever", "scopes": ["orders:read", "orders:write"] });
    let forever = ada.post("/v1/api-keys", &forever).expect(201).await;
    assert_eq!(forever.body["expires_at"], Value::Null);

    let list = ada.get("/v1/api-keys").expect(200).await;
    let names: Vec<_> = list.body["api_keys"].as_array().unwrap().iter().map(|key| &key["name"]).collect();
    assert_eq!(names, ["forever", "export"], "newest first");
    assert!(!list.text.contains(made.text("client_secret")));
    let page = ada.get("/v1/api-keys?page_size=1").expect(200).await;
    let next = format!("/v1/api-keys?page_size=1&page_token={}", page.text("next_page_token"));
    let rest = ada.get(next).expect(200).await;
    assert_eq!((&rest.body["api_keys"][0]["name"], rest.text("next_page_token")), (&json!("export"), ""));

    assert_eq!(stranger.get("/v1/api-keys").expect(200).await.body["api_keys"], json!([]));
    let foreign = stranger.delete(made.path_in("/v1/api-keys")).refused(404, "api_key_not_found").await;
    let unknown = stranger.delete(format!("/v1/api-keys/{NOBODY}")).refused(404, "api_key_not_found").await;
    assert_eq!(foreign.body, unknown.body);
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_so_many_keys_and_the_answer_names_the_limit() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let ada = Api::of(system.gateway_url()).await.with_token(&acme.token);
    let many = format!(
        "INSERT INTO auth.api_keys (tenant_id, id, name, hint, digest, scopes, created_by)
         SELECT '{0}', gen_random_uuid(), 'key ' || n, '…', sha256(n::text::bytea), '{{orders:read}}', '{0}'
         FROM generate_series(1, 99) n",
        acme.id
    );
    system.database().admin().await.batch_execute(&many).await.unwrap();
    let body = json!({ "name": "export", "scopes": ["orders:read"] });
    let last = ada.post("/v1/api-keys", &body).expect(201).await;
    let refused = ada.post("/v1/api-keys", &body).refused(409, "limit_exceeded").await;
    assert_eq!(refused.body["limit"], json!({ "name": "api_keys", "maximum": 100 }), "{}", refused.text);
    ada.delete(last.path_in("/v1/api-keys")).expect(204).await;
    ada.post("/v1/api-keys", &body).expect(201).await;
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_values_are_named() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let ada = Api::of(system.gateway_url()).await.with_token(acme.token);
    for (name, value, field) in [
        ("name", json!(""), "name"),
        ("name", json!("x".repeat(101)), "name"),
        ("scopes", json!([]), "scopes"),
        ("scopes", json!(["orders:delete"]), "scopes"),
        ("expires_at", json!("2020-01-01T00:00:00Z"), "expires_at"),
    ] {
        let mut body = json!({ "name": "export", "scopes": ["orders:read"] });
        body[name] = value;
        let refused = ada.post("/v1/api-keys", &body).refused(400, "invalid_argument").await;
        assert_eq!(refused.fields(), [field], "{}", refused.text);
    }
    let tomorrow = json!({ "name": "export", "scopes": ["orders:read"], "expires_at": "tomorrow" });
    let refused = ada.post("/v1/api-keys", &tomorrow).refused(400, "invalid_argument").await;
    assert_eq!(refused.fields(), ["expires_at"]);
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_may_what_its_key_says() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await;
    let ada = api.with_token(acme.token);
    let body = json!({ "name": "export", "scopes": ["orders:read", "orders:write"] });
    let key = ada.post("/v1/api-keys", &body).expect(201).await;
    let (id, secret) = (key.text("client_id"), key.text("client_secret"));

    let all = exchange(&api, id, secret, "").await;
    assert_eq!(all.status, 200, "{}", all.text);
    assert_eq!((all.text("token_type"), all.header("pragma")), ("Bearer", "no-cache"));
    let mut scopes: Vec<_> = all.text("scope").split(' ').collect();
    scopes.sort_unstable();
    assert_eq!(scopes, ["orders:read", "orders:write"]);
    assert!((1..=600).contains(&all.body["expires_in"].as_u64().unwrap()));
    let program = api.with_token(all.text("access_token"));
    program.post("/v1/orders", &order()).expect(201).await;
    assert_eq!(ada.get("/v1/orders").expect(200).await.body["orders"].as_array().unwrap().len(), 1);
    for path in ["/v1/me", "/v1/members", "/v1/api-keys", "/v1/audit-log", "/v1/sessions"] {
        program.get(path).refused(403, "permission_denied").await;
    }

    let less = exchange(&api, id, secret, "orders:read").await;
    assert_eq!(less.text("scope"), "orders:read");
    let reader = api.with_token(less.text("access_token"));
    reader.get("/v1/orders").expect(200).await;
    let refused = reader.post("/v1/orders", &order()).refused(403, "permission_denied").await;
    assert_eq!(
        refused.header("www-authenticate"),
        "Bearer realm=\"rowhouse\", error=\"insufficient_scope\", scope=\"orders:write\""
    );
    // No permission would help here.
    assert!(!reader.get("/v1/me").refused(403, "permission_denied").await.has("www-authenticate"));
    assert!(ada.get("/v1/api-keys").expect(200).await.body["api_keys"][0]["last_used_at"].is_string());

    let object = json!({ "grant_type": "client_credentials", "client_id": id, "client_secret": secret, "scope": "orders:read" });
    assert_eq!(api.post("/v1/auth/token", &object).expect(200).await.text("scope"), "orders:read");
    let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("{id}:{secret}")));
    let request = api.request(Method::POST, "/v1/auth/token").header("authorization", basic);
    request.body("application/x-www-form-urlencoded", "grant_type=client_credentials").expect(200).await;
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_and_a_deleted_one_look_alike() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await;
    let ada = api.with_token(acme.token);
    let body = json!({ "name": "export", "scopes": ["orders:read"] });
    let key = ada.post("/v1/api-keys", &body).expect(201).await;
    let other = ada.post("/v1/api-keys", &body).expect(201).await;
    let (id, secret) = (key.text("client_id"), key.text("client_secret"));
    let token = exchange(&api, id, secret, "").await;
    let program = api.with_token(token.text("access_token"));
    program.get("/v1/orders").expect(200).await;

    for scope in ["orders:write", "orders:read orders:write", "root"] {
        let refused = exchange(&api, id, secret, scope).await;
        assert_eq!((refused.status, &refused.body["error"]), (400, &json!("invalid_scope")), "{scope}");
    }

    ada.delete(key.path_in("/v1/api-keys")).expect(204).await;
    program.get("/v1/orders").refused(401, "token_revoked").await;
    let mut answers = Vec::new();
    for (id, secret) in [
        (id, secret),
        (id, other.text("client_secret")),
        (NOBODY, secret),
        ("x", secret),
        (id, "x"),
        (id, "rowhouse_ak_AAAA"),
    ] {
        let refused = exchange(&api, id, secret, "").await;
        assert_eq!(
            (refused.status, &refused.body["error"]),
            (400, &json!("invalid_client")),
            "{id} {secret}"
        );
        assert!(!refused.has("www-authenticate"), "{}", refused.text);
        answers.push(refused.text);
        // One that authenticates by the header is asked to do so again.
        let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("{id}:{secret}")));
        let request = api.request(Method::POST, "/v1/auth/token").header("authorization", basic);
        let request = request.body("application/x-www-form-urlencoded", "grant_type=client_credentials");
        let refused = request.refused_by_oauth(401, "invalid_client").await;
        assert_eq!(refused.header("www-authenticate"), "Basic realm=\"rowhouse\"");
        answers.push(refused.text);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    ada.delete(key.path_in("/v1/api-keys")).refused(404, "api_key_not_found").await;
    assert_eq!(exchange(&api, other.text("client_id"), other.text("client_secret"), "").await.status, 200);
    system.shutdown().await;
}
