//! The metadata by which OAuth libraries find everything, and the tokens that fit to it.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::Method;
use rowhouse_proto::PERMISSIONS;
use rowhouse_testkit::TestSystem;
use rowhouse_tokens::issuer;
use serde_json::{Value, json};

use crate::alone::Alone;
use crate::api::Api;

const METADATA: &str = "/.well-known/oauth-authorization-server";

fn claims(token: &str) -> Value {
    let claims = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_under_the_issuer() {
    let gateway = Alone::start().await;
    let metadata = gateway.api.get(METADATA).expect(200).await;
    assert_eq!(metadata.header("cache-control"), "public, max-age=300");
    let scopes: Vec<_> = PERMISSIONS.iter().map(|permission| permission.as_str()).collect();
    let under = |path: &str| format!("{}{path}", issuer::DEVELOPMENT);
    let expected = json!({
        "issuer": issuer::DEVELOPMENT,
        "token_endpoint": under("/v1/auth/token"),
        "jwks_uri": under("/.well-known/jwks.json"),
        "scopes_supported": scopes,
        "response_types_supported": ["none"],
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "service_documentation": under("/docs/"),
    });
    assert_eq!(metadata.body, expected);
    gateway.api.get(format!("{METADATA}?a=b")).refused(400, "invalid_argument").await;
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_name_the_issuer_and_their_client() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await;
    let metadata = api.get(METADATA).expect(200).await;
    assert_eq!(metadata.text("issuer"), system.gateway_url());
    let person = claims(&acme.token);
    assert_eq!((&person["iss"], &person["client_id"]), (&metadata.body["issuer"], &json!("rowhouse")));

    let body = json!({ "name": "export", "scopes": ["orders:read"] });
    let key = api.with_token(acme.token).post("/v1/api-keys", &body).expect(201).await;
    let (id, secret) = (key.text("client_id"), key.text("client_secret"));
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let path = metadata.text("token_endpoint").strip_prefix(system.gateway_url()).unwrap();
    let request = api.request(Method::POST, path);
    let token = request.body("application/x-www-form-urlencoded", form).expect(200).await;
    let program = claims(token.text("access_token"));
    assert_eq!((&program["iss"], &program["client_id"]), (&metadata.body["issuer"], &json!(id)));
    assert_eq!((&program["sub"], &program["scope"]), (&json!(id), &json!("orders:read")));
    system.shutdown().await;
}
