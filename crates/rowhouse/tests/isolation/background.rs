//! A tenant's background work and its results, through the gateway: set-up, jobs, exports, webhooks.

use reqwest::{Client, Method, StatusCode};
use rowhouse_jobs::WorkerArgs;
use rowhouse_testkit::{Tenant, TestOptions, TestSystem};
use serde_json::{Value, json};

use crate::caller::{Caller, MISSING, id};

/// The ids of the objects.
pub(crate) struct Things {
    pub(crate) tenant: String,
    pub(crate) export: String,
    /// The job that wrote the export.
    pub(crate) job: String,
    pub(crate) endpoint: String,
    pub(crate) delivery: String,
}

impl Things {
    /// Creates one of each, and waits for those that end.
    pub(crate) async fn of(caller: &Caller<'_>) -> Self {
        // Nothing listens there.
        let endpoint = json!({ "url": "http://127.0.0.1:9/hooks", "events": ["*"] });
        let endpoint = caller.post("/v1/webhook-endpoints", &endpoint).await;
        caller.place_order("Alice").await;
        let deliveries = caller.get("/v1/webhook-deliveries").await;
        let export = caller.post("/v1/exports", &json!({ "resource": "orders", "format": "csv" })).await;
        let export = caller.until(&format!("/v1/exports/{}", id(&export)), "status", "succeeded").await;
        let job = export["job_id"].as_str().unwrap().to_owned();
        caller.until(&format!("/v1/jobs/{job}"), "status", "succeeded").await;
        // The endpoint has failed once, and shows that from now on.
        while caller.get("/v1/webhook-endpoints").await["webhook_endpoints"][0]["failing_since"].is_null() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        Self {
            tenant: caller.tenant.id.clone(),
            export: id(&export),
            job,
            endpoint: id(&endpoint),
            delivery: id(&deliveries["webhook_deliveries"][0]),
        }
    }

    fn ids(&self) -> [&str; 5] {
        [&self.tenant, &self.export, &self.job, &self.endpoint, &self.delivery]
    }

    /// Returns every path with an id, with the id that it takes.
    fn addressed(&self) -> Vec<(Method, &'static str, &str, Option<Value>)> {
        vec![
            (Method::GET, "/v1/tenants/{id}", &self.tenant, None),
            (Method::GET, "/v1/exports/{id}", &self.export, None),
            (Method::GET, "/v1/exports/{id}/file", &self.export, None),
            (Method::GET, "/v1/jobs/{id}", &self.job, None),
            (Method::POST, "/v1/jobs/{id}/cancel", &self.job, None),
            (
                Method::PATCH,
                "/v1/webhook-endpoints/{id}",
                &self.endpoint,
                Some(json!({ "enabled": false, "url": "http://127.0.0.1:10/mine" })),
            ),
            (Method::POST, "/v1/webhook-endpoints/{id}/rotate-secret", &self.endpoint, Some(json!({}))),
            (Method::POST, "/v1/webhook-endpoints/{id}/test", &self.endpoint, None),
            (Method::POST, "/v1/webhook-deliveries/{id}/redeliver", &self.delivery, None),
            (Method::DELETE, "/v1/webhook-endpoints/{id}", &self.endpoint, None),
        ]
    }

    /// Returns everything that the tenant sees of them, except the delivery, which is retried.
    async fn seen(&self, caller: &Caller<'_>) -> Vec<(StatusCode, String)> {
        let mut seen = Vec::new();
        for (method, path, id, _) in self.addressed() {
            if method == Method::GET {
                seen.push(caller.call(method, &path.replace("{id}", id), None).await);
            }
        }
        seen.push(caller.call(Method::GET, "/v1/webhook-endpoints", None).await);
        assert!(seen.iter().all(|(status, _)| status.is_success()), "{seen:?}");
        seen
    }
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
    let (of_acme, of_globex) = (Things::of(&as_acme).await, Things::of(&as_globex).await);
    let before = (of_acme.seen(&as_acme).await, of_globex.seen(&as_globex).await);

    for (caller, own, foreign) in [(&as_acme, &of_acme, &of_globex), (&as_globex, &of_globex, &of_acme)] {
        for (path, own) in [
            ("/v1/jobs?page_size=100", &own.job),
            ("/v1/webhook-endpoints", &own.endpoint),
            ("/v1/webhook-deliveries", &own.delivery),
        ] {
            let listed = caller.get(path).await.to_string();
            assert!(listed.contains(own.as_str()), "{path}: {listed}");
            assert!(foreign.ids().iter().all(|id| !listed.contains(id)), "{path}: {listed}");
        }
        let filtered = format!("/v1/webhook-deliveries?webhook_endpoint_id={}", foreign.endpoint);
        assert_eq!(caller.get(&filtered).await["webhook_deliveries"], json!([]));

        for (method, path, foreign, body) in foreign.addressed() {
            let ask =
                async |id: &str| caller.call(method.clone(), &path.replace("{id}", id), body.as_ref()).await;
            let refused = ask(foreign).await;
            assert_eq!(refused.0, StatusCode::NOT_FOUND, "{method} {path}: {}", refused.1);
            assert_eq!(refused, ask(MISSING).await, "nothing may tell a foreign one from none: {path}");
        }
    }
    assert_eq!(before, (of_acme.seen(&as_acme).await, of_globex.seen(&as_globex).await), "it was touched");
    for (caller, own) in [(&as_acme, &of_acme), (&as_globex, &of_globex)] {
        let deliveries = caller.get("/v1/webhook-deliveries").await;
        assert_eq!(id(&deliveries["webhook_deliveries"][0]), own.delivery);
    }
}

/// A page token of one tenant's list selects a position in another's own list.
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_page_token_leads_to_ones_own_list() {
    let system = TestSystem::start().await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let (as_acme, as_globex) = (Caller::of(&system, &acme), Caller::of(&system, &globex));
    for caller in [&as_acme, &as_globex] {
        for number in 0..2 {
            let body = json!({ "url": format!("http://127.0.0.1:9/{number}"), "events": ["*"] });
            caller.post("/v1/webhook-endpoints", &body).await;
        }
        caller.place_order("Alice").await;
    }
    for (path, list) in [
        ("/v1/jobs", "jobs"),
        ("/v1/webhook-endpoints", "webhook_endpoints"),
        ("/v1/webhook-deliveries", "webhook_deliveries"),
    ] {
        let ids = |page: &Value| page[list].as_array().unwrap().iter().map(id).collect::<Vec<_>>();
        let page = as_acme.get(&format!("{path}?page_size=1")).await;
        let token = page["next_page_token"].as_str().unwrap();
        assert_ne!(token, "", "{path}");
        let all = ids(&as_acme.get(&format!("{path}?page_size=100")).await);
        let (status, text) = as_globex.call(Method::GET, &format!("{path}?page_token={token}"), None).await;
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        assert!(all.iter().all(|id| !text.contains(id.as_str())), "{path}: {text}");
    }
    system.shutdown().await;
}

/// A caller that onboarded a tenant sees it by a token that gives no other access. No worker runs, so the tenants
/// stay as they are.
#[tokio::test(flavor = "multi_thread")]
async fn a_status_token_shows_one_tenant() {
    let options = TestOptions {
        jobs: WorkerArgs::NONE,
        request_timeout: std::time::Duration::from_secs(3),
        ..TestOptions::default()
    };
    let system = TestSystem::start_with(options).await;
    let url = format!("{}/v1/tenants", system.gateway_url());
    let mut tenants = Vec::new();
    for name in ["Acme", "Globex"] {
        let admin = json!({ "email": format!("ada@{name}.example"), "password": "correct horse battery" });
        let request = Client::new().post(&url).json(&json!({ "name": name, "admin": admin }));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        let accepted: Value = response.json().await.unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        tenants.push(Tenant {
            id: id(&accepted["tenant"]),
            slug: text(&accepted["tenant"]["slug"]),
            admin_email: text(&accepted["admin"]["email"]),
            password: String::new(),
            token: text(&accepted["status_token"]),
        });
    }
    for (own, foreign) in [(&tenants[0], &tenants[1]), (&tenants[1], &tenants[0])] {
        let caller = Caller::of(&system, own);
        let ask = async |id: &str| caller.call(Method::GET, &format!("/v1/tenants/{id}"), None).await;
        assert_eq!(ask(&own.id).await.0, StatusCode::OK);
        let refused = ask(&foreign.id).await;
        assert_eq!(refused.0, StatusCode::NOT_FOUND, "{}", refused.1);
        assert_eq!(refused, ask(MISSING).await);
        let request = Client::new().get(format!("{url}/{}", foreign.id)).bearer_auth(&own.token);
        let selecting = request.header("x-tenant-id", &foreign.id).send().await.unwrap();
        assert_eq!(selecting.status(), StatusCode::FORBIDDEN);
    }
    system.shutdown().await;
}
