//! A tenant's credentials, and every way to use them.

use reqwest::{Client, RequestBuilder};
use rowhouse_proto::orders::v1::ListOrdersRequest;
use rowhouse_proto::orders::v1::order_service_client::OrderServiceClient;
use rowhouse_testkit::{ServiceName, Tenant, TestSystem};
use serde_json::{Value, json};
use tonic::metadata::MetadataValue;
use tonic::{Code, Request};

/// A tenant's tokens and keys.
pub(crate) struct Credentials {
    http: Client,
    gateway: String,
    orders: String,
    tenant: Tenant,
    /// An API key's id, the key, and an access token for it.
    key: (String, String, String),
    refresh_token: String,
}

impl Credentials {
    /// Creates all of a tenant's credentials.
    pub(crate) async fn of(system: &TestSystem, tenant: &Tenant) -> Self {
        let mut credentials = Self {
            http: system.http().clone(),
            gateway: system.gateway_url().to_owned(),
            orders: system.endpoint(ServiceName::Orders).to_owned(),
            tenant: tenant.clone(),
            key: Default::default(),
            refresh_token: String::new(),
        };
        let session = credentials.answer(credentials.login()).await;
        text(&session, "refresh_token").clone_into(&mut credentials.refresh_token);
        let scopes = json!({ "name": "program", "scopes": ["orders:read"] });
        let key =
            credentials.answer(credentials.post("/v1/api-keys", &scopes).bearer_auth(&tenant.token)).await;
        credentials.key = (text(&key, "client_id").into(), text(&key, "client_secret").into(), String::new());
        let exchanged = credentials.answer(credentials.exchange()).await;
        text(&exchanged, "access_token").clone_into(&mut credentials.key.2);
        let order = json!({
            "customer": "Ada", "currency": "EUR",
            "lines": [{ "sku": "chair", "quantity": 1, "unit_price_minor": 1 }],
        });
        credentials.answer(credentials.post("/v1/orders", &order).bearer_auth(&tenant.token)).await;
        credentials
    }

    fn get(&self, path: &str, token: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.gateway)).bearer_auth(token)
    }

    fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.gateway)).json(body)
    }

    fn login(&self) -> RequestBuilder {
        let Tenant { admin_email, password, slug, .. } = &self.tenant;
        let body = json!({ "email": admin_email, "password": password, "tenant": slug });
        self.post("/v1/auth/login", &body)
    }

    fn exchange(&self) -> RequestBuilder {
        let (id, secret, _) = &self.key;
        let body = json!({ "grant_type": "client_credentials", "client_id": id, "client_secret": secret });
        self.post("/v1/auth/token", &body)
    }

    fn refresh(&self) -> RequestBuilder {
        self.post("/v1/auth/refresh", &json!({ "refresh_token": self.refresh_token }))
    }

    async fn answer(&self, request: RequestBuilder) -> Value {
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{status}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Returns the status of listing orders with the old token.
    pub(crate) async fn list(&self) -> u16 {
        self.get("/v1/orders", &self.tenant.token).send().await.unwrap().status().as_u16()
    }

    async fn list_by_grpc(&self) -> Code {
        let mut client = OrderServiceClient::connect(self.orders.clone()).await.unwrap();
        let mut request = Request::new(ListOrdersRequest::default());
        let bearer = MetadataValue::try_from(format!("Bearer {}", self.tenant.token)).unwrap();
        request.metadata_mut().insert("authorization", bearer);
        client.list_orders(request).await.map_or_else(|status| status.code(), |_| Code::Ok)
    }

    /// Tries each of them, and asserts whether it works.
    pub(crate) async fn assert(&mut self, open: bool) {
        let token = &self.tenant.token;
        let order = json!({
            "customer": "Eve", "currency": "EUR",
            "lines": [{ "sku": "chair", "quantity": 1, "unit_price_minor": 1 }],
        });
        let mut requests = vec![
            ("login", self.login()),
            ("exchange", self.exchange()),
            ("a program's list", self.get("/v1/orders", &self.key.2)),
        ];
        for path in ["/v1/orders", "/v1/me", "/v1/members", "/v1/sessions", "/v1/api-keys", "/v1/audit-log"] {
            requests.push((path, self.get(path, token)));
        }
        requests.push(("order", self.post("/v1/orders", &order).bearer_auth(token)));
        for (use_of, request) in requests {
            let response = request.send().await.unwrap();
            let (status, body) = (response.status(), response.text().await.unwrap());
            if open {
                assert!(status.is_success(), "{use_of}: {status}: {body}");
            } else {
                assert!(matches!(status.as_u16(), 400..=403), "{use_of}: {status}: {body}");
            }
        }
        assert_eq!(self.list_by_grpc().await, if open { Code::Ok } else { Code::PermissionDenied });
        // Last, since a refresh token can be used once.
        let response = self.refresh().send().await.unwrap();
        assert_eq!(response.status().is_success(), open, "refresh: {}", response.status());
        if open {
            let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
            text(&body, "refresh_token").clone_into(&mut self.refresh_token);
        }
    }

    /// Returns the entries of an action in the tenant's audit log, the newest first.
    pub(crate) async fn log(&self, action: &str) -> Vec<Value> {
        let page = self.answer(self.get(&format!("/v1/audit-log?action={action}"), &self.tenant.token)).await;
        page["entries"].as_array().unwrap().clone()
    }
}

fn text<'a>(body: &'a Value, field: &str) -> &'a str {
    body[field].as_str().unwrap_or_else(|| panic!("{field} in {body}"))
}
