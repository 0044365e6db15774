//! The logs of a system.

use reqwest::Client;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::dev::{Dev, command};
use crate::run::{directory, stderr, until};

const PASSWORD: &str = "a secret that nobody may log";

/// The secrets of a use of the system, which must not be in the log, and the id of its tenant.
struct Used {
    tenant: String,
    secrets: Vec<String>,
}

/// Signs up, logs in, places an order, creates an API key and a second factor, and is refused an order with the key: one request each.
async fn use_it(dev: &Dev) -> Used {
    let (http, gateway) = (Client::new(), dev.endpoint("gateway"));
    let send = async |path: &str, body: Value, token: &str| {
        let request = http.post(format!("{gateway}{path}")).json(&body);
        let request = if token.is_empty() { request } else { request.bearer_auth(token) };
        request.send().await.unwrap()
    };
    let post = async |path: &str, body: Value, token: &str| -> Value {
        send(path, body, token).await.error_for_status().unwrap().json().await.unwrap()
    };
    let admin = json!({ "email": "ada@acme.example", "password": PASSWORD });
    let onboarded = post("/v1/tenants", json!({ "name": "Acme", "admin": admin }), "").await;
    let login = post("/v1/auth/login", admin, "").await;
    let text = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
    let access = text(&login, "access_token");
    let order = json!({
        "customer": "Alice", "currency": "EUR",
        "lines": [{ "sku": "chair", "quantity": 1, "unit_price_minor": 4_950 }],
    });
    post("/v1/orders", order.clone(), &access).await;
    let key = json!({ "name": "export", "scopes": ["orders:read"] });
    let key = post("/v1/api-keys", key, &access).await;
    let exchange = json!({
        "grant_type": "client_credentials", "client_id": key["client_id"], "client_secret": key["client_secret"],
    });
    let of_key = text(&post("/v1/auth/token", exchange, "").await, "access_token");
    assert_eq!(send("/v1/orders", order, &of_key).await.status(), 403);
    let totp = post("/v1/mfa/totp", json!({}), &access).await;
    let secrets = vec![
        PASSWORD.to_owned(),
        text(&login, "refresh_token"),
        text(&login, "device_token"),
        text(&key, "client_secret"),
        text(&totp, "secret"),
        access,
        of_key,
        "$2b$".to_owned(),
        "$bcrypt-sha256$".to_owned(),
        "rowhouse_otl_".to_owned(),
    ];
    Used { tenant: text(&onboarded["tenant"], "id"), secrets }
}

fn assert_has_none_of(log: &str, secrets: &[String]) {
    for secret in secrets {
        assert!(!log.contains(secret), "the log has {secret}");
    }
}

#[tokio::test]
async fn each_line_is_json_and_no_line_has_a_secret() {
    let parent = directory();
    let data = parent.path().join("data");
    let mut command = command(&data);
    command.env("ROWHOUSE_LOG_FORMAT", "json").env("ROWHOUSE_LOG", "info,rowhouse::sql=debug");
    let dev = Dev::launch(&data, &mut command).up();
    let used = use_it(&dev).await;
    let written = data.with_extension("stderr");
    dev.stop(Signal::TERM);

    let log = std::fs::read_to_string(written).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let of_tenant = lines.iter().filter(|line| line.to_string().contains(&used.tenant));
    assert!(of_tenant.count() >= 3, "calls say whose they are: {log}");
    assert_has_none_of(&log, &used.secrets);
}

#[tokio::test]
async fn lines_for_people_are_short_and_there_is_one_for_each_request() {
    let parent = directory();
    let data = parent.path().join("data");
    let dev = Dev::start(&data);
    let used = use_it(&dev).await;
    let orders = format!("{}/v1/orders", dev.endpoint("gateway"));
    assert_eq!(Client::new().get(&orders).send().await.unwrap().status(), 401);
    let written = data.with_extension("stderr");
    dev.stop(Signal::TERM);

    let log = std::fs::read_to_string(written).unwrap();
    assert_has_none_of(&log, &used.secrets);
    for line in log.lines() {
        // The time of day, such as `14:03:59.123`.
        let form = line.get(..13).unwrap_or_default().replace(|digit: char| digit.is_ascii_digit(), "0");
        assert_eq!(form, "00:00:00.000 ", "{line}");
    }
    for request in [
        "onboarding.v1.OnboardingService/OnboardTenant Ok",
        "auth.v1.AuthService/Login Ok",
        "orders.v1.OrderService/CreateOrder Ok",
        "orders.v1.OrderService/CreateOrder PermissionDenied",
        "auth.v1.ApiKeyService/CreateApiKey Ok",
        // No service has seen it.
        "GET /v1/orders 401",
    ] {
        let lines: Vec<_> = log.lines().filter(|line| line.contains(request)).collect();
        let [line] = lines.as_slice() else { panic!("{request} has {} lines: {log}", lines.len()) };
        // Its time, what was asked, what became of it, how long it took, and nothing else.
        let latency = line[13..].strip_prefix(request).and_then(|rest| rest.strip_suffix(" ms"));
        let latency = latency.unwrap_or_else(|| panic!("{line}")).trim();
        assert!(latency.parse::<f64>().is_ok_and(|latency| latency > 0.0), "{line}");
    }
    let of_gateway = log.lines().filter(|line| line.contains(" /v1/"));
    assert_eq!(of_gateway.count(), 1, "a service has written the line: {log}");
}

#[tokio::test]
async fn json_lines_are_flat_and_there_is_one_for_each_request() {
    let parent = directory();
    let data = parent.path().join("data");
    let mut command = command(&data);
    command.args(["--log-format", "json", "--admin-listen", "127.0.0.1:0"]);
    let dev = Dev::launch(&data, &mut command).up();
    dev.paste();
    let (http, gateway) = (Client::new(), dev.endpoint("gateway"));
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let refused = http
        .get(format!("{gateway}/v1/orders"))
        .header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"))
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 401);

    let requests = || -> Vec<Value> {
        let log = dev.stderr();
        let lines = log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")));
        lines.filter(|line: &Value| line["target"] == "rowhouse::request").collect()
    };
    let of = |method: &str| -> Vec<Value> {
        requests()
            .into_iter()
            .filter(|line| line["rpc"].as_str().is_some_and(|rpc| rpc.ends_with(method)))
            .collect()
    };
    until("the line of the refused request", || {
        requests().iter().any(|line| line["status"] == 401).then_some(())
    });
    let placed = of("CreateOrder");
    let [placed] = placed.as_slice() else { panic!("{placed:?}") };
    for field in ["service", "tenant_id", "trace_id", "span_id", "timestamp", "level", "code", "latency_ms"] {
        assert!(!placed[field].is_null(), "{field} of {placed}");
    }
    assert!(
        requests().iter().all(|line| line["request"] != "POST /v1/orders"),
        "the service has written the line"
    );
    let refused = requests().into_iter().find(|line| line["status"] == 401).unwrap();
    assert_eq!((refused["trace_id"].as_str(), refused["client"].as_str()), (Some(trace), Some("127.0.0.1")));

    // The filter changes while it runs, and the gateway's own lines appear.
    let admin = dev.endpoint("admin") + "/log-filter";
    let put = async |filter: &'static str| http.put(&admin).body(filter).send().await.unwrap();
    assert_eq!(http.get(&admin).send().await.unwrap().text().await.unwrap(), "info\n");
    let wrong = put("info,=").await;
    assert_eq!(wrong.status(), 400);
    assert!(wrong.text().await.unwrap().contains("is not a log filter"));
    assert_eq!(put("info,rowhouse::request=debug").await.status(), 204);
    let login = json!({ "email": "nobody@acme.example", "password": PASSWORD });
    let login = http.post(format!("{gateway}/v1/auth/login")).json(&login).send().await.unwrap();
    assert_eq!(login.status(), 401);
    let of_gateway = || requests().iter().any(|line| line["request"] == "POST /v1/auth/login").then_some(());
    until("the gateway's line", of_gateway);
    dev.stop(Signal::TERM);
}

/// A log filter is a text of somebody else's that is logged as it is, in the message and in a field.
#[tokio::test]
async fn a_newline_in_a_logged_value_forges_no_line() {
    const FORGED: &str = "12:34:56.789 forged";
    for format in ["text", "json"] {
        let parent = directory();
        let data = parent.path().join("data");
        let mut command = command(&data);
        command.args(["--log-format", format, "--admin-listen", "127.0.0.1:0"]);
        let dev = Dev::launch(&data, &mut command).up();
        let filter = format!("info,[a\n{FORGED}\r\n{FORGED}]=debug");
        let put = Client::new().put(dev.endpoint("admin") + "/log-filter").body(filter).send().await.unwrap();
        assert_eq!(put.status(), 204, "{format}: {:?}", put.text().await);
        let log = until("the line of the filter", || {
            Some(dev.stderr()).filter(|log| log.contains("was changed from") && log.ends_with('\n'))
        });
        assert!(log.contains(FORGED), "{format}: {log}");
        for line in log.lines() {
            assert!(!line.starts_with(FORGED), "{format}: {log}");
            assert!(format == "text" || serde_json::from_str::<Value>(line).is_ok(), "{format}: {line}");
        }
        dev.stop(Signal::TERM);
    }
}

#[test]
fn a_start_that_fails_is_a_json_line_as_well() {
    let parent = directory();
    let mut command = command(&parent.path().join("data"));
    let command = command.args(["--log-format", "json", "--log", "off"]).env("PG_BIN_DIR", parent.path());
    let output = command.output().unwrap();
    let line: Value =
        serde_json::from_slice(&output.stderr).unwrap_or_else(|_| panic!("{}", stderr(&output)));
    assert_eq!((&line["level"], &line["service"]), (&json!("ERROR"), &json!("rowhouse")));
    assert!(line["message"].as_str().unwrap().contains("there is no initdb"), "{line}");
    assert_eq!(output.status.code(), Some(1));
}
