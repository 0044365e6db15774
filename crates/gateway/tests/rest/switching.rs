//! A person who switches between their tenants.

use rowhouse_testkit::TestSystem;
use serde_json::json;

use crate::api::Api;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_goes_over_to_another_tenant() {
    let system = TestSystem::start().await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let api = Api::of(system.gateway_url()).await;
    let admin = json!({ "email": acme.admin_email, "password": acme.password });
    let second = json!({ "name": "Second", "slug": "second", "admin": admin });
    let second = api.post("/v1/tenants", &second).expect(201).await;

    let login = api.login(&acme.admin_email, &acme.password, &acme.slug).await;
    let switch = |token: &str, tenant: &str| {
        let (api, body) = (api.clone(), json!({ "refresh_token": token, "tenant": tenant }));
        async move { api.post("/v1/auth/switch", &body).send().await }
    };
    let refresh_token = login.text("refresh_token");
    for stranger in [globex.slug.as_str(), globex.id.as_str(), "no-such-tenant"] {
        let refused = switch(refresh_token, stranger).await;
        assert_eq!((refused.status, &refused.body["code"]), (403, &json!("permission_denied")), "{stranger}");
    }
    let refused = switch(refresh_token, "").await;
    assert_eq!((refused.status, refused.fields()), (400, vec!["tenant"]));
    let refused = switch("x", "second").await;
    assert_eq!((refused.status, &refused.body["code"]), (401, &json!("refresh_token_invalid")));

    let switched = switch(refresh_token, "second").await;
    assert_eq!(switched.status, 200, "{}", switched.text);
    let there = api.with_token(switched.text("access_token"));
    assert_eq!(there.get("/v1/me").expect(200).await.body["tenant"]["id"], second.body["tenant"]["id"]);
    // The session in the first tenant has ended.
    api.with_token(login.text("access_token")).get("/v1/me").refused(401, "token_revoked").await;
    assert_eq!(switch(refresh_token, "second").await.status, 401);

    let back = switch(switched.text("refresh_token"), &acme.id).await;
    let here = api.with_token(back.text("access_token")).get("/v1/me").expect(200).await;
    assert_eq!(here.body["tenant"]["id"], acme.id);
    system.shutdown().await;
}
