//! One tenant's owner at the gateway.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use rowhouse_testkit::{Tenant, TestSystem};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// The id of no object.
pub(crate) const MISSING: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Caller<'a> {
    system: &'a TestSystem,
    pub(crate) tenant: &'a Tenant,
    http: Client,
}

impl<'a> Caller<'a> {
    pub(crate) fn of(system: &'a TestSystem, tenant: &'a Tenant) -> Self {
        Self { system, tenant, http: Client::new() }
    }

    /// Returns a request without a token.
    pub(crate) fn stranger(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.system.gateway_url()))
    }

    /// Returns the status and the unchanged body of the answer.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> (StatusCode, String) {
        let mut request = self.stranger(method, path).bearer_auth(&self.tenant.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    async fn succeed(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let mut request = self.stranger(method, path).bearer_auth(&self.tenant.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        succeed(request).await
    }

    pub(crate) async fn delete(&self, path: &str) {
        let (status, text) = self.call(Method::DELETE, path, None).await;
        assert!(status.is_success(), "{path}: {status}: {text}");
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.succeed(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        self.succeed(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Value {
        self.succeed(Method::PATCH, path, Some(body)).await
    }

    pub(crate) async fn place_order(&self, customer: &str) -> Value {
        let lines = json!([{ "sku": "chair", "quantity": 2, "unit_price_minor": 4_950 }]);
        self.post("/v1/orders", &json!({ "customer": customer, "currency": "EUR", "lines": lines })).await
    }

    /// Waits until the field has the value, and returns the answer.
    pub(crate) async fn until(&self, path: &str, field: &str, value: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.get(path).await;
            if answer[field] == value {
                return answer;
            }
            assert!(Instant::now() < deadline, "{path}: {answer}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Returns the answer to a request that must succeed.
pub(crate) async fn succeed(request: RequestBuilder) -> Value {
    let response = request.send().await.unwrap();
    let (url, status, text) = (response.url().clone(), response.status(), response.text().await.unwrap());
    assert!(status.is_success(), "{url}: {status}: {text}");
    serde_json::from_str(&text).unwrap()
}

pub(crate) fn id(value: &Value) -> String {
    value["id"].as_str().unwrap_or_else(|| panic!("no id in {value}")).to_owned()
}
