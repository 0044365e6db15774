//! `rowhouse keys re-encrypt`: a new encryption key, and the end of the old one.

use std::fs;
use std::path::Path;
use std::process::Output;

use reqwest::{Client, Method, StatusCode};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::dev::Dev;
use crate::run::{directory, rowhouse, stderr, stdout, until};

const PASSWORD: &str = "correct horse battery";

/// Sends a request as a person.
async fn send(
    gateway: &str,
    token: Option<&str>,
    (method, path): (Method, &str),
    body: Value,
) -> (StatusCode, Value) {
    let mut request = Client::new().request(method, format!("{gateway}{path}"));
    if !body.is_null() {
        request = request.json(&body);
    }
    if let Some(token) = token {
        request = request.bearer_auth(token).header("idempotency-key", "once");
    }
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap_or_default())
}

async fn post(gateway: &str, token: Option<&str>, path: &str, body: Value) -> Value {
    let (status, answer) = send(gateway, token, (Method::POST, path), body).await;
    assert!(status.is_success(), "{path}: {status} {answer}");
    answer
}

fn login() -> Value {
    json!({ "email": "bill@initech.example", "password": PASSWORD })
}

fn order() -> Value {
    json!({ "customer": "Alice", "currency": "EUR", "lines": [{ "sku": "chair", "quantity": 2, "unit_price_minor": 4950 }] })
}

fn reencrypt(data: &Path, arguments: &[&str]) -> Output {
    let mut command = rowhouse(&["keys", "re-encrypt", "--output", "json", "--data-dir"]);
    command.arg(data).arg("--encryption-keys").arg(data.join("keys/encryption.keys")).args(arguments);
    command.output().unwrap()
}

/// Returns the columns with rows of a key in this state.
fn columns(output: &Output, state: &str) -> Vec<String> {
    let document: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", stderr(output)));
    let items = document["items"].as_array().unwrap().iter().filter(|item| item["state"] == state);
    items.map(|item| item["column"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_encryption_key_can_be_removed() {
    let parent = directory();
    let data = parent.path().join("data");
    let file = data.join("keys/encryption.keys");
    let dev = Dev::start(&data);
    dev.paste();
    let gateway = dev.endpoint("gateway");
    let session = post(&gateway, None, "/v1/auth/login", login()).await;
    let token = session["access_token"].as_str();
    let placed = post(&gateway, token, "/v1/orders", order()).await;
    let endpoint = json!({ "url": "https://hooks.example.com/in", "events": ["order.created"] });
    post(&gateway, token, "/v1/webhook-endpoints", endpoint).await;
    let key =
        post(&gateway, token, "/v1/api-keys", json!({ "name": "export", "scopes": ["orders:read"] })).await;
    let exchange = json!({
        "grant_type": "client_credentials", "client_id": key["client_id"], "client_secret": key["client_secret"],
    });
    post(&gateway, token, "/v1/mfa/totp", Value::Null).await;
    dev.stop(Signal::TERM);

    let old = fs::read_to_string(&file).unwrap();
    let new = std::process::Command::new("openssl").args(["rand", "-base64", "32"]).output().unwrap();
    fs::write(&file, [new.stdout.as_slice(), old.as_bytes()].concat()).unwrap();
    let dev = Dev::start(&data);
    let seen = reencrypt(&data, &["--dry-run"]);
    assert_eq!(seen.status.code(), Some(1), "{}", stderr(&seen));
    for column in [
        "auth.totp.sealed_secret",
        "auth.idempotency_keys.response",
        "orders.webhook_endpoints.sealed_secret",
        "orders.idempotency_keys.response",
    ] {
        assert!(columns(&seen, "old").iter().any(|old| old == column), "{column} in {}", stdout(&seen));
    }
    // What is about to be done may be left for a moment.
    let done = until("the end of the old key", || {
        Some(reencrypt(&data, &["--retire"])).filter(|done| done.status.success())
    });
    assert_eq!(columns(&done, "old"), [""; 0], "{}", stdout(&done));
    assert!(columns(&done, "current").len() >= 4, "{}", stdout(&done));
    let retired = fs::read_to_string(&file).unwrap();
    assert!(!retired.contains(old.trim()) && retired.contains("\ndigest:"), "the old key is gone");
    dev.stop(Signal::TERM);

    let dev = Dev::start(&data);
    let gateway = dev.endpoint("gateway");
    let refresh = json!({ "refresh_token": session["refresh_token"] });
    let session = post(&gateway, None, "/v1/auth/refresh", refresh).await;
    let token = session["access_token"].as_str();
    assert_eq!(post(&gateway, token, "/v1/orders", order()).await["id"], placed["id"], "the first answer");
    post(&gateway, None, "/v1/auth/token", exchange).await;
    // The second factor's secret is decrypted to compare the code.
    let (status, answer) =
        send(&gateway, token, (Method::POST, "/v1/mfa/totp/confirm"), json!({ "code": "000000" })).await;
    assert!(status.is_client_error(), "{status} {answer}");
    let recorded =
        rowhouse(&["actions", "--search", "keys.re_encrypt", "--data-dir"]).arg(&data).output().unwrap();
    assert!(stdout(&recorded).contains("  keys.re_encrypt "), "{}", stderr(&recorded));
    dev.stop(Signal::TERM);
}

#[test]
fn a_file_that_is_not_keys_is_refused() {
    let parent = directory();
    let file = parent.path().join("encryption.keys");
    fs::write(&file, "short\n").unwrap();
    let mut command = rowhouse(&["keys", "re-encrypt", "--database-url", "postgres://nobody@127.0.0.1:1/x"]);
    let refused = command.arg("--encryption-keys").arg(&file).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("is not a file of encryption keys"), "{}", stderr(&refused));
}
