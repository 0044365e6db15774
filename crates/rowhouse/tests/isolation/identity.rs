//! Auth's data of a tenant, through the gateway: members, invitations, sessions, API keys, the audit log.

use reqwest::{Client, Method, StatusCode};
use rowhouse_testkit::{Tenant, TestOptions, TestSystem};
use serde_json::json;

use crate::caller::{Caller, MISSING, id};

/// A tenant's objects, by their paths.
pub(crate) struct Things(Vec<(&'static str, String)>);

pub(crate) async fn things(caller: &Caller<'_>) -> Things {
    let invited =
        caller.post("/v1/invitations", &json!({ "email": "bob@example.com", "role": "member" })).await;
    let key = caller.post("/v1/api-keys", &json!({ "name": "export", "scopes": ["orders:read"] })).await;
    let members = caller.get("/v1/members").await;
    let sessions = caller.get("/v1/sessions").await;
    Things(vec![
        ("/v1/invitations", id(&invited)),
        ("/v1/api-keys", id(&key)),
        ("/v1/members", id(&members["members"][0])),
        ("/v1/sessions", id(&sessions["sessions"][0])),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_on_one_connection_see_nothing_of_each_other() {
    let system = TestSystem::start_with(TestOptions { pool_size: 1, ..TestOptions::default() }).await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    see_nothing_of_each_other(&system, &acme, &globex).await;
    system.shutdown().await;
}

pub(crate) async fn see_nothing_of_each_other(system: &TestSystem, acme: &Tenant, globex: &Tenant) {
    let (as_acme, as_globex) = (Caller::of(system, acme), Caller::of(system, globex));
    let (of_acme, of_globex) = (things(&as_acme).await, things(&as_globex).await);

    for (caller, own, foreign) in [(&as_acme, &of_acme, &of_globex), (&as_globex, &of_globex, &of_acme)] {
        for ((path, own), (_, foreign)) in own.0.iter().zip(&foreign.0) {
            let listed = caller.get(path).await.to_string();
            assert!(listed.contains(own) && !listed.contains(foreign), "{path}: {listed}");

            let delete = async |id: &str| caller.call(Method::DELETE, &format!("{path}/{id}"), None).await;
            let refused = delete(foreign).await;
            assert_eq!(refused.0, StatusCode::NOT_FOUND, "{path}: {}", refused.1);
            assert_eq!(refused, delete(MISSING).await, "nothing may tell a foreign one from none: {path}");
        }
        let role = json!({ "role": "viewer" });
        let patch =
            async |id: &str| caller.call(Method::PATCH, &format!("/v1/members/{id}"), Some(&role)).await;
        let member = &foreign.0[2].1;
        let refused = patch(member).await;
        assert_eq!((refused.0, &refused), (StatusCode::NOT_FOUND, &patch(MISSING).await));

        let log = caller.get("/v1/audit-log?page_size=100").await;
        let own_session = &own.0[3].1;
        let text = log.to_string();
        assert!(text.contains(own_session.as_str()), "one's own login is in the log: {text}");
        for (_, id) in &foreign.0 {
            assert!(!text.contains(id.as_str()), "{text}");
        }
    }
    // All of it still exists.
    for (caller, own) in [(&as_acme, &of_acme), (&as_globex, &of_globex)] {
        for (path, id) in &own.0 {
            assert!(caller.get(path).await.to_string().contains(id.as_str()), "{path}");
        }
    }
}

/// One person in both tenants: each token shows its own tenant's membership.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_in_two_tenants_is_two_members() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let onboard = json!({
        "name": "Second", "slug": "second-of-ada",
        "admin": { "email": &acme.admin_email, "password": &acme.password },
    });
    let url = format!("{}/v1/tenants", system.gateway_url());
    let response = Client::new().post(&url).json(&onboard).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    let token = system.login(&acme.admin_email, &acme.password, Some("second-of-ada")).await;
    let second = Tenant { token, ..acme.clone() };
    let (as_acme, as_second) = (Caller::of(&system, &acme), Caller::of(&system, &second));
    let (one, other) = (as_acme.get("/v1/members").await, as_second.get("/v1/members").await);
    assert_eq!(one["members"][0]["user_id"], other["members"][0]["user_id"]);
    assert_ne!(one["members"][0]["id"], other["members"][0]["id"]);
    let (one, other) = (as_acme.get("/v1/sessions").await, as_second.get("/v1/sessions").await);
    assert_eq!(one["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(other["sessions"].as_array().unwrap().len(), 1);
    assert_ne!(one["sessions"][0]["id"], other["sessions"][0]["id"]);
    system.shutdown().await;
}
