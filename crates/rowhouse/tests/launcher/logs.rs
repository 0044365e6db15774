//! The logs of a system.

use reqwest::Client;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::dev::{Dev, command};
use crate::run::directory;

const PASSWORD: &str = "a secret that nobody may log";

#[tokio::test]
async fn each_line_is_json_and_no_line_has_a_secret() {
    let parent = directory();
    let data = parent.path().join("data");
    let mut command = command(&data);
    command.env("ROWHOUSE_LOG_FORMAT", "json").env("ROWHOUSE_LOG", "info,rowhouse::sql=debug");
    let dev = Dev::launch(&data, &mut command).up();
    let (http, gateway) = (Client::new(), dev.endpoint("gateway"));
    let post = async |path: &str, body: Value, token: &str| -> Value {
        let request = http.post(format!("{gateway}{path}")).bearer_auth(token).json(&body);
        let request =
            if token.is_empty() { http.post(format!("{gateway}{path}")).json(&body) } else { request };
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    };
    let admin = json!({ "email": "ada@acme.example", "password": PASSWORD });
    let onboarded = post("/v1/tenants", json!({ "name": "Acme", "admin": admin }), "").await;
    let login = post("/v1/auth/login", admin, "").await;
    let secret = |name: &str| login[name].as_str().unwrap().to_owned();
    let access = secret("access_token");
    let order = json!({
        "customer": "Alice", "currency": "EUR",
        "lines": [{ "sku": "chair", "quantity": 1, "unit_price_minor": 4_950 }],
    });
    post("/v1/orders", order, &access).await;
    let key = json!({ "name": "export", "scopes": ["orders:read"] });
    let key = post("/v1/api-keys", key, &access).await;
    let totp = post("/v1/mfa/totp", json!({}), &access).await;
    let written = data.with_extension("stderr");
    dev.stop(Signal::TERM);

    let log = std::fs::read_to_string(written).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let tenant = onboarded["tenant"]["id"].as_str().unwrap();
    let of_tenant = lines.iter().filter(|line| line.to_string().contains(tenant));
    assert!(of_tenant.count() >= 3, "calls say whose they are: {log}");
    let text = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
    for secret in [
        PASSWORD.to_owned(),
        access,
        secret("refresh_token"),
        secret("device_token"),
        text(&key, "client_secret"),
        text(&totp, "secret"),
        "$2b$".to_owned(),
        "$bcrypt-sha256$".to_owned(),
        "rowhouse_otl_".to_owned(),
    ] {
        assert!(!log.contains(&secret), "the log has {secret}");
    }
}
