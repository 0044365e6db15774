//! Through the gateway.

use reqwest::{Client, Method, Response, StatusCode};
use rowhouse_testkit::{Tenant, TestOptions, TestSystem};
use serde_json::{Value, json};

struct Rest<'a> {
    http: Client,
    system: &'a TestSystem,
    token: &'a str,
}

impl<'a> Rest<'a> {
    fn of(system: &'a TestSystem, tenant: &'a Tenant) -> Self {
        Self { http: Client::new(), system, token: &tenant.token }
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let mut request =
            self.http.request(method, format!("{}{path}", self.system.gateway_url())).bearer_auth(self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await.unwrap()
    }

    async fn create(&self, customer: &str) -> Value {
        let lines = json!([{ "sku": "chair", "quantity": 2, "unit_price_minor": 4_950 }]);
        let body = json!({ "customer": customer, "currency": "EUR", "lines": lines });
        let response = self.call(Method::POST, "/v1/orders", Some(body)).await;
        assert_eq!(response.status(), StatusCode::CREATED);
        response.json().await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_on_one_connection_see_nothing_of_each_other() {
    let system = TestSystem::start_with(TestOptions { pool_size: 1, ..TestOptions::default() }).await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let (as_acme, as_globex) = (Rest::of(&system, &acme), Rest::of(&system, &globex));
    let (of_acme, of_globex) = (as_acme.create("Alice").await, as_globex.create("Gina").await);

    for (caller, own, foreign) in [(&as_acme, &of_acme, &of_globex), (&as_globex, &of_globex, &of_acme)] {
        let list: Value = caller.call(Method::GET, "/v1/orders", None).await.json().await.unwrap();
        assert_eq!(list["orders"], json!([own]));

        let foreign_path = format!("/v1/orders/{}", foreign["id"].as_str().unwrap());
        let missing_path = "/v1/orders/01890a5d-ac96-774b-bcce-b302099a8057";
        for (method, body) in [(Method::GET, None), (Method::PATCH, Some(json!({ "status": "paid" })))] {
            let foreign = caller.call(method.clone(), &foreign_path, body.clone()).await;
            let missing = caller.call(method, missing_path, body).await;
            assert_eq!((foreign.status(), missing.status()), (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND));
            assert_eq!(
                foreign.bytes().await.unwrap(),
                missing.bytes().await.unwrap(),
                "nothing may tell a foreign order from none"
            );
        }
    }
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_header_never_selects_a_tenant() {
    let system = TestSystem::start().await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    Rest::of(&system, &globex).create("Gina").await;
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

/// An answer says whose it is only through its token: the same login by another tenant is another person.
#[tokio::test(flavor = "multi_thread")]
async fn me_is_the_tokens_tenant() {
    let system = TestSystem::start().await;
    for tenant in [system.onboard("Acme").await, system.onboard("Globex").await] {
        let me: Value =
            Rest::of(&system, &tenant).call(Method::GET, "/v1/me", None).await.json().await.unwrap();
        assert_eq!(me["tenant"]["id"], tenant.id.as_str());
        assert_eq!(me["tenant"]["slug"], tenant.slug.as_str());
        assert_eq!(me["user"]["email"], tenant.admin_email.as_str());
    }
    system.shutdown().await;
}
