//! The audit log: it contains the actions and no secrets, and is private.

use std::time::Duration;

use rowhouse_testkit::TestSystem;
use serde_json::{Value, json};

use crate::api::Api;

async fn entries(api: &Api, query: &str) -> Vec<Value> {
    let page = api.get(format!("/v1/audit-log?{query}")).expect(200).await;
    page.body["entries"].as_array().unwrap().clone()
}

/// Waits for an entry, since a stranger's action is recorded after the answer.
async fn arrives(api: &Api, query: &str) -> Value {
    let found = async {
        loop {
            if let Some(entry) = entries(api, query).await.first() {
                break entry.clone();
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), found)
        .await
        .unwrap_or_else(|_| panic!("no entry of {query}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_are_recorded() {
    let system = TestSystem::start().await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let api = Api::of(system.gateway_url()).await;
    let (ada, stranger) = (api.with_token(acme.token.as_str()), api.with_token(globex.token));
    let me = ada.get("/v1/me").expect(200).await;
    let body = json!({ "email": acme.admin_email, "password": acme.password });
    let login = api.post("/v1/auth/login", &body).header("x-forwarded-for", "203.0.113.9");
    let login = login.header("user-agent", "phone/1").expect(200).await;
    let key = json!({ "name": "export", "scopes": ["orders:read"] });
    let key = ada.post("/v1/api-keys", &key).header("user-agent", "laptop/2").expect(201).await;

    let signed_in = entries(&ada, "action=sign_in").await;
    let signed_in = &signed_in[0];
    assert_eq!(signed_in["actor"], json!({ "type": "user", "id": me.body["user"]["id"] }));
    assert_eq!((&signed_in["outcome"], &signed_in["target"]["type"]), (&json!("success"), &json!("session")));
    assert_eq!(
        (&signed_in["ip_address"], &signed_in["user_agent"]),
        (&json!("203.0.113.9"), &json!("phone/1"))
    );
    assert_eq!(signed_in["details"]["method"], "password");

    let all = entries(&ada, "").await;
    assert_eq!(
        (&all[0]["action"], &all[0]["user_agent"]),
        (&json!("api_key.create"), &json!("laptop/2")),
        "newest first"
    );
    assert_eq!(all[0]["target"], json!({ "type": "api_key", "id": key.body["id"] }));
    let text = json!(all).to_string();
    for secret in [
        acme.password.as_str(),
        acme.token.as_str(),
        key.text("client_secret"),
        login.text("refresh_token"),
        login.text("device_token"),
    ] {
        assert!(!text.contains(secret), "{secret}");
    }

    let mut paged = Vec::new();
    let mut token = String::new();
    loop {
        let page = ada.get(format!("/v1/audit-log?page_size=2&page_token={token}")).expect(200).await;
        paged.extend(page.body["entries"].as_array().unwrap().iter().map(|entry| entry["id"].clone()));
        token = page.text("next_page_token").to_owned();
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(paged, all.iter().map(|entry| entry["id"].clone()).collect::<Vec<_>>());

    let foreign = json!(entries(&stranger, "").await).to_string();
    assert!(!foreign.contains("phone/1") && !foreign.contains(me.body["user"]["id"].as_str().unwrap()));
    for (query, field) in
        [("action=", "action"), ("page_token=x", "page_token"), ("tenant_id=x", "tenant_id")]
    {
        let refused = ada.get(format!("/v1/audit-log?{query}")).refused(400, "invalid_argument").await;
        assert_eq!(refused.fields(), [field]);
    }
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_recorded() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await;
    let ada = api.with_token(acme.token.as_str());
    let wrong = json!({ "email": acme.admin_email, "password": "wrong password", "tenant": acme.slug });
    let wrong = api.post("/v1/auth/login", &wrong).header("x-forwarded-for", "198.51.100.7");
    wrong.refused(401, "invalid_credentials").await;
    let failed = async {
        loop {
            let signed_in = entries(&ada, "action=sign_in").await;
            if let Some(entry) = signed_in.into_iter().find(|entry| entry["outcome"] == "failure") {
                break entry;
            }
        }
    };
    let failed = tokio::time::timeout(Duration::from_secs(10), failed).await.unwrap();
    assert_eq!(failed["ip_address"], "198.51.100.7");
    assert!(!failed.to_string().contains("wrong password"));

    let change = json!({ "current": "wrong password", "new": "staple the correct horse" });
    ada.post("/v1/auth/password/change", &change).refused(401, "invalid_credentials").await;
    let changed = arrives(&ada, "action=password.change").await;
    assert_eq!(changed["outcome"], "failure");
    system.shutdown().await;
}
