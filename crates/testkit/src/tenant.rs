//! Onboarding a tenant and logging in over REST.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use reqwest::Response;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::TestSystem;

const PASSWORD: &str = "correct horse battery";
const PATIENCE: Duration = Duration::from_secs(60);

/// A tenant that was onboarded over REST, and its logged-in administrator.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// The tenant's id, a UUID.
    pub id: String,
    /// The tenant's slug, unique in the process.
    pub slug: String,
    /// The administrator's email address.
    pub admin_email: String,
    /// The administrator's password.
    pub password: String,
    /// The administrator's access token.
    pub token: String,
}

impl TestSystem {
    /// Onboards a tenant with this name and a unique slug, and logs its administrator in.
    pub async fn onboard(&self, name: &str) -> Tenant {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let slug =
            format!("{}-{number}", name.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
        let admin_email = format!("admin@{slug}.example");
        let admin = json!({ "email": &admin_email, "password": PASSWORD });
        let onboarded =
            self.post("/v1/tenants", &json!({ "name": name, "slug": &slug, "admin": &admin })).await;
        let id = onboarded["tenant"]["id"].as_str().expect("a tenant has an id").to_owned();
        if let Some(status_token) = onboarded["status_token"].as_str() {
            self.until_active(&id, status_token).await;
        }
        let token = self.login(&admin_email, PASSWORD, Some(&slug)).await;
        Tenant { id, slug, admin_email, password: PASSWORD.to_owned(), token }
    }

    /// Waits until the tenant is active. On a busy machine the set-up can take longer than the request.
    async fn until_active(&self, id: &str, status_token: &str) {
        let path = format!("/v1/tenants/{id}");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let request = self.http().get(format!("{}{path}", self.gateway_url())).bearer_auth(status_token);
            let tenant = succeeded(&path, request.send().await.unwrap()).await;
            if tenant["status"] == "active" {
                return;
            }
            assert!(Instant::now() < deadline, "{tenant}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Logs in and returns the access token. `tenant` is the slug or id, for a person with several tenants.
    pub async fn login(&self, email: &str, password: &str, tenant: Option<&str>) -> String {
        let mut body = json!({ "email": email, "password": password });
        if let Some(tenant) = tenant {
            body["tenant"] = tenant.into();
        }
        let answer = self.post("/v1/auth/login", &body).await;
        answer["access_token"].as_str().expect("a login gives a token").to_owned()
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let response =
            self.http().post(format!("{}{path}", self.gateway_url())).json(body).send().await.unwrap();
        succeeded(path, response).await
    }
}

async fn succeeded(path: &str, response: Response) -> Value {
    let status = response.status();
    let text = response.text().await.unwrap();
    assert!(status.is_success(), "{path}: {status}: {text}");
    serde_json::from_str(&text).unwrap()
}
