//! Through the gateway.

use reqwest::{Client, Method, StatusCode};
use rowhouse_testkit::{Tenant, TestOptions, TestSystem};
use serde_json::{Value, json};

use crate::caller::{Caller, MISSING, id};

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_on_one_connection_see_nothing_of_each_other() {
    let system = TestSystem::start_with(TestOptions { pool_size: 1, ..TestOptions::default() }).await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    see_nothing_of_each_other(&system, &acme, &globex).await;
    system.shutdown().await;
}

pub(crate) async fn see_nothing_of_each_other(system: &TestSystem, acme: &Tenant, globex: &Tenant) {
    let (as_acme, as_globex) = (Caller::of(system, acme), Caller::of(system, globex));
    let (of_acme, of_globex) = (as_acme.place_order("Alice").await, as_globex.place_order("Gina").await);

    for (caller, own, foreign) in [(&as_acme, &of_acme, &of_globex), (&as_globex, &of_globex, &of_acme)] {
        assert_eq!(caller.get("/v1/orders").await["orders"], json!([own]));
        for (method, body) in [
            (Method::GET, None),
            (Method::PATCH, Some(json!({ "status": "paid" }))),
            (Method::PATCH, Some(json!({ "priority": "high" }))),
        ] {
            let ask = async |id: &str| {
                caller.call(method.clone(), &format!("/v1/orders/{id}"), body.as_ref()).await
            };
            let refused = ask(&id(foreign)).await;
            assert_eq!(refused.0, StatusCode::NOT_FOUND, "{}", refused.1);
            assert_eq!(refused, ask(MISSING).await, "nothing may tell a foreign order from none");
        }
    }
    for (caller, own) in [(&as_acme, &of_acme), (&as_globex, &of_globex)] {
        assert_eq!(&caller.get(&format!("/v1/orders/{}", id(own))).await, own, "it was touched");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_header_never_selects_a_tenant() {
    let system = TestSystem::start().await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    Caller::of(&system, &globex).place_order("Gina").await;
    let url = format!("{}/v1/orders", system.gateway_url());
    let ask = |tenant: String| {
        Client::new().get(&url).bearer_auth(&acme.token).header("x-tenant-id", tenant).send()
    };

    assert_eq!(ask(acme.id.clone()).await.unwrap().status(), StatusCode::OK);
    let refused = ask(globex.id.clone()).await.unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert_eq!(refused.json::<Value>().await.unwrap()["code"], "tenant_mismatch");
    system.shutdown().await;
}

/// Only the token determines the tenant: the same login in another tenant is another person.
#[tokio::test(flavor = "multi_thread")]
async fn me_is_the_tokens_tenant() {
    let system = TestSystem::start().await;
    for tenant in [system.onboard("Acme").await, system.onboard("Globex").await] {
        let me = Caller::of(&system, &tenant).get("/v1/me").await;
        assert_eq!(me["tenant"]["id"], tenant.id.as_str());
        assert_eq!(me["tenant"]["slug"], tenant.slug.as_str());
        assert_eq!(me["user"]["email"], tenant.admin_email.as_str());
    }
    system.shutdown().await;
}
