//! A new encryption key while the services run, `rowhouse keys re-encrypt`, and the end of the old key.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::{Client, Method, StatusCode};
use rowhouse_testkit::receiver::Receiver;
use rustix::process::Signal;
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use crate::dev::Dev;
use crate::run::{directory, rowhouse, stderr, stdout, until};

const PASSWORD: &str = "correct horse battery";
/// The seconds for which a code is shown.
const STEP: u64 = 30;
/// The services that have encryption keys: auth and orders.
const SERVICES: usize = 2;

/// Sends a request as a person.
async fn send(
    gateway: &str,
    token: Option<&str>,
    (method, path, key): (Method, &str, &str),
    body: Value,
) -> (StatusCode, Value) {
    let mut request = Client::new().request(method, format!("{gateway}{path}"));
    if !body.is_null() {
        request = request.json(&body);
    }
    if let Some(token) = token {
        request = request.bearer_auth(token).header("idempotency-key", key);
    }
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap_or_default())
}

async fn post(gateway: &str, token: Option<&str>, path: &str, body: Value) -> Value {
    let (status, answer) = send(gateway, token, (Method::POST, path, "once"), body).await;
    assert!(status.is_success(), "{path}: {status} {answer}");
    answer
}

fn login() -> Value {
    json!({ "email": "bill@initech.example", "password": PASSWORD })
}

fn order() -> Value {
    json!({ "customer": "Alice", "currency": "EUR", "lines": [{ "sku": "chair", "quantity": 2, "unit_price_minor": 4950 }] })
}

/// Writes the file as a mounted Secret changes, at once.
fn replace(file: &Path, keys: &[&str]) {
    let next = file.with_extension("next");
    fs::write(&next, keys.concat()).unwrap();
    fs::rename(next, file).unwrap();
}

/// Waits until every service has read the keys for the given time.
fn keys_have_changed(dev: &Dev, times: usize) {
    let line = "the encryption keys have changed: there are 2";
    let said = || (dev.stderr().matches(line).count() == times * SERVICES).then_some(());
    until("the services have read the keys", said);
}

/// Returns the code of an authenticator application, some steps from now.
fn code(secret: &str, steps: i64) -> String {
    // The code of the step before would be too old when this step ends.
    let now = until("a step that does not end at once", || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        (now % STEP < STEP - 5).then_some(now)
    });
    let totp = Builder::new().with_secret(Secret::try_from_base32(secret).unwrap()).build().unwrap();
    totp.generate(now.saturating_add_signed(steps * STEP.cast_signed())).to_string()
}

/// Logs in with the second factor.
async fn login_with(gateway: &str, code: String) -> Value {
    let (status, asked) = send(gateway, None, (Method::POST, "/v1/auth/login", ""), login()).await;
    assert_eq!((status, &asked["code"]), (StatusCode::UNAUTHORIZED, &json!("mfa_required")), "{asked}");
    let second = json!({ "mfa_token": asked["mfa_token"], "code": code });
    post(gateway, None, "/v1/auth/mfa", second).await
}

/// Places an order, and checks that its event is signed with the secret of the endpoint.
async fn delivered(receiver: &Receiver, secret: &str, gateway: &str, token: Option<&str>, number: usize) {
    let another = number.to_string();
    let (status, placed) = send(gateway, token, (Method::POST, "/v1/orders", &another), order()).await;
    assert_eq!(status, StatusCode::CREATED, "{placed}");
    let events = receiver.first(number).await;
    let event = &events[number - 1];
    assert_eq!(event.order().0, placed["id"].as_str().unwrap());
    assert!(event.is_signed_with(secret), "the signature of the event {number}");
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
async fn a_key_is_replaced_while_the_services_run_and_the_old_one_can_be_removed() {
    let parent = directory();
    let data = parent.path().join("data");
    let file = data.join("keys/encryption.keys");
    let receiver = Receiver::start().await;
    let dev = Dev::start(&data);
    dev.paste();
    let gateway = dev.endpoint("gateway");
    let session = post(&gateway, None, "/v1/auth/login", login()).await;
    let token = session["access_token"].as_str();
    let placed = post(&gateway, token, "/v1/orders", order()).await;
    let endpoint = json!({ "url": receiver.url, "events": ["order.created"] });
    let endpoint = post(&gateway, token, "/v1/webhook-endpoints", endpoint).await;
    let signing = endpoint["secret"].as_str().unwrap();
    let key =
        post(&gateway, token, "/v1/api-keys", json!({ "name": "export", "scopes": ["orders:read"] })).await;
    let exchange = json!({
        "grant_type": "client_credentials", "client_id": key["client_id"], "client_secret": key["client_secret"],
    });
    let totp = post(&gateway, token, "/v1/mfa/totp", Value::Null).await;
    let device = totp["secret"].as_str().unwrap();

    // The new key is appended, and comes first when all have it. The secrets of before are still read.
    let old = fs::read_to_string(&file).unwrap();
    let new = std::process::Command::new("openssl").args(["rand", "-base64", "32"]).output().unwrap();
    let new = stdout(&new);
    replace(&file, &[&old, &new]);
    keys_have_changed(&dev, 1);
    replace(&file, &[&new, &old]);
    keys_have_changed(&dev, 2);
    // A code can be used once, and no older one after it.
    post(&gateway, token, "/v1/mfa/totp/confirm", json!({ "code": code(device, -1) })).await;
    login_with(&gateway, code(device, 0)).await;
    delivered(&receiver, signing, &gateway, token, 1).await;

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
    // Rows of work that is about to be done may be left for a moment.
    let done = until("the end of the old key", || {
        Some(reencrypt(&data, &["--retire"])).filter(|done| done.status.success())
    });
    assert_eq!(columns(&done, "old"), [""; 0], "{}", stdout(&done));
    assert!(columns(&done, "current").len() >= 4, "{}", stdout(&done));
    let retired = fs::read_to_string(&file).unwrap();
    assert!(!retired.contains(old.trim()) && retired.contains("\ndigest:"), "the old key is gone");
    keys_have_changed(&dev, 3);
    login_with(&gateway, code(device, 1)).await;
    delivered(&receiver, signing, &gateway, token, 2).await;
    dev.stop(Signal::TERM);

    let dev = Dev::start(&data);
    let gateway = dev.endpoint("gateway");
    let refresh = json!({ "refresh_token": session["refresh_token"] });
    let session = post(&gateway, None, "/v1/auth/refresh", refresh).await;
    let token = session["access_token"].as_str();
    assert_eq!(post(&gateway, token, "/v1/orders", order()).await["id"], placed["id"], "the first answer");
    post(&gateway, None, "/v1/auth/token", exchange).await;
    delivered(&receiver, signing, &gateway, token, 3).await;
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
