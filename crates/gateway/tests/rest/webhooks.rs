//! Webhooks.

use std::time::Duration;

use reqwest::Method;
use rowhouse_testkit::TestSystem;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::api::Api;
use crate::people::join;

const PATIENCE: Duration = Duration::from_secs(30);
const NOBODY: &str = "01990a5d-ac96-774b-bcce-b302099a8058";

/// A tenant's own server.
struct Receiver {
    url: String,
    received: mpsc::UnboundedReceiver<(Vec<String>, Value)>,
}

impl Receiver {
    /// Answers with the statuses in turn, and then always with 204.
    async fn start(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let (sender, received) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut statuses = statuses.iter();
            while let Ok((stream, _)) = listener.accept().await {
                let status = statuses.next().copied().unwrap_or(204);
                let request = answer(stream, status).await;
                if sender.send(request).is_err() {
                    return;
                }
            }
        });
        Self { url, received }
    }

    async fn next(&mut self) -> (Vec<String>, Value) {
        timeout(PATIENCE, self.received.recv()).await.unwrap().unwrap()
    }
}

async fn answer(stream: TcpStream, status: u16) -> (Vec<String>, Value) {
    let mut stream = BufReader::new(stream);
    let (mut head, mut length) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        let line = line.trim_end().to_lowercase();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
        head.push(line);
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    let response = format!("HTTP/1.1 {status} Whatever\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(response.as_bytes()).await.unwrap();
    (head, serde_json::from_slice(&body).unwrap())
}

fn order() -> Value {
    json!({ "customer": "Alice", "currency": "EUR", "lines": [{ "sku": "chair", "quantity": 1, "unit_price_minor": 100 }] })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_told_and_the_delivery_is_logged() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await.with_token(&acme.token);
    let mut receiver = Receiver::start(&[503]).await;
    let body = json!({ "url": receiver.url, "events": ["*"] });
    let made = api.post("/v1/webhook-endpoints", &body).expect(201).await;
    assert!(made.text("secret").starts_with("whsec_"));
    let list = api.get("/v1/webhook-endpoints").expect(200).await;
    assert_eq!(list.body["webhook_endpoints"][0]["id"], made.body["id"]);
    assert!(!list.text.contains("whsec_"), "it is shown once");

    let placed = api.post("/v1/orders", &order()).expect(201).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let (head, event) = receiver.next().await;
        assert_eq!(head[0], "post /hooks http/1.1");
        assert!(head.iter().any(|line| line.starts_with("webhook-signature: v1,")), "{head:?}");
        ids.push(head.iter().find(|line| line.starts_with("webhook-id: ")).unwrap().clone());
        assert_eq!((&event["type"], &event["data"]), (&json!("order.created"), &placed.body));
    }
    assert_eq!(ids[0], ids[1]);

    let path = format!("/v1/webhook-deliveries?webhook_endpoint_id={}", made.text("id"));
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let delivery = loop {
        let list = api.get(&path).expect(200).await;
        let delivery = list.body["webhook_deliveries"][0].clone();
        if delivery["status"] == "delivered" {
            break delivery;
        }
        assert!(tokio::time::Instant::now() < deadline, "{}", list.text);
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!((&delivery["attempt_count"], &delivery["order_id"]), (&json!(2), &placed.body["id"]));
    let statuses: Vec<_> =
        delivery["attempts"].as_array().unwrap().iter().map(|it| &it["http_status"]).collect();
    assert_eq!(statuses, [204, 503], "latest first");
    assert_eq!(ids[0], format!("webhook-id: {}", delivery["event_id"].as_str().unwrap()));

    let redeliver = format!("/v1/webhook-deliveries/{}/redeliver", delivery["id"].as_str().unwrap());
    let again = api.request(Method::POST, &redeliver).expect(202).await;
    assert_eq!(again.text("status"), "pending");
    let (head, _) = receiver.next().await;
    assert!(head.contains(&ids[0]), "the same event");
    api.get("/v1/webhook-deliveries?status=failed").expect(200).await;
    assert_eq!(api.get("/v1/webhook-deliveries?status=lost").expect(400).await.fields(), ["status"]);

    // A change of the status is another event, unless no endpoint subscribes any more.
    let order_path = format!("/v1/orders/{}", placed.text("id"));
    api.patch(&order_path, &json!({ "status": "paid" })).expect(200).await;
    assert_eq!(receiver.next().await.1["type"], "order.updated");
    let path = made.path_in("/v1/webhook-endpoints");
    let path = path.as_str();
    let changed =
        api.patch(path, &json!({ "events": ["order.created"], "enabled": false })).expect(200).await;
    assert_eq!(
        (&changed.body["events"], &changed.body["enabled"]),
        (&json!(["order.created"]), &json!(false))
    );
    api.delete(path).expect(204).await;
    api.delete(path).refused(404, "webhook_endpoint_not_found").await;
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenant_does_not_see_it() {
    let system = TestSystem::start().await;
    let (acme, globex) = (system.onboard("Acme").await, system.onboard("Globex").await);
    let api = Api::of(system.gateway_url()).await;
    let (ada, stranger) = (api.with_token(&acme.token), api.with_token(&globex.token));
    let receiver = Receiver::start(&[]).await;
    let body = json!({ "url": receiver.url, "events": ["order.created"] });
    let made = ada.post("/v1/webhook-endpoints", &body).expect(201).await;
    ada.post("/v1/orders", &order()).expect(201).await;
    let delivery = ada.get("/v1/webhook-deliveries").expect(200).await.body["webhook_deliveries"][0].clone();
    let endpoint = made.path_in("/v1/webhook-endpoints");
    let endpoint = endpoint.as_str();
    let redeliver = format!("/v1/webhook-deliveries/{}/redeliver", delivery["id"].as_str().unwrap());

    for (foreign, id) in
        [(endpoint.to_owned(), made.text("id")), (redeliver, delivery["id"].as_str().unwrap())]
    {
        let unknown = foreign.replace(id, NOBODY);
        let is_endpoint = foreign == endpoint;
        let send = |path: String| {
            if is_endpoint {
                stranger.patch(path, &json!({ "enabled": false }))
            } else {
                stranger.request(Method::POST, path)
            }
        };
        let code = if is_endpoint { "webhook_endpoint_not_found" } else { "webhook_delivery_not_found" };
        let (first, second) =
            (send(foreign).refused(404, code).await, send(unknown).refused(404, code).await);
        assert_eq!(first.body, second.body);
    }
    stranger.delete(endpoint).refused(404, "webhook_endpoint_not_found").await;
    assert_eq!(stranger.get("/v1/webhook-endpoints").expect(200).await.body["webhook_endpoints"], json!([]));
    assert_eq!(
        stranger.get("/v1/webhook-deliveries").expect(200).await.body["webhook_deliveries"],
        json!([])
    );
    let foreign = format!("/v1/webhook-deliveries?webhook_endpoint_id={}", made.text("id"));
    assert_eq!(stranger.get(foreign).expect(200).await.body["webhook_deliveries"], json!([]));
    let kept = ada.get("/v1/webhook-endpoints").expect(200).await;
    assert_eq!(kept.body["webhook_endpoints"][0]["enabled"], true);

    let member = join(&system, &ada, &acme, "max@acme.example", "member").await;
    let member = api.with_token(member.text("access_token"));
    member.get("/v1/webhook-endpoints").refused(403, "permission_denied").await;
    member.post("/v1/webhook-endpoints", &body).refused(403, "permission_denied").await;
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_values_are_named() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await.with_token(acme.token);
    for (body, field) in [
        (json!({ "url": "acme", "events": ["*"] }), "url"),
        (json!({ "url": "ftp://acme.example", "events": ["*"] }), "url"),
        (json!({ "url": "https://ada:secret@acme.example", "events": ["*"] }), "url"),
        (json!({ "url": "https://acme.example", "events": [] }), "events"),
        (json!({ "url": "https://acme.example", "events": ["order.deleted"] }), "events"),
        (json!({ "url": "https://acme.example", "events": ["*"], "secret": "x" }), "secret"),
    ] {
        let refused = api.post("/v1/webhook-endpoints", &body).expect(400).await;
        if refused.body["code"] == "url_not_allowed" {
            assert_eq!(field, "url", "{}", refused.text);
        } else {
            assert!(refused.fields()[0].starts_with(field), "{}", refused.text);
        }
    }

    let body = json!({ "url": "http://127.0.0.1:9", "events": ["order.created"] });
    let made = api.post("/v1/webhook-endpoints", &body).expect(201).await;
    let path = made.path_in("/v1/webhook-endpoints");
    let path = path.as_str();
    for (body, field) in [
        (json!({}), "url"),
        (json!({ "url": null }), "url"),
        (json!({ "events": null }), "events"),
        (json!({ "events": [] }), "events"),
        (json!({ "enabled": null }), "enabled"),
        (json!({ "enabled": "no" }), "enabled"),
        (json!({ "url": "acme", "enabled": false }), "url"),
    ] {
        let refused = api.patch(path, &body).expect(400).await;
        assert_eq!(refused.fields(), [field], "{}", refused.text);
    }
    let kept = api.patch(path, &json!({ "enabled": true })).expect(200).await;
    for field in ["url", "events", "enabled"] {
        assert_eq!(kept.body[field], made.body[field], "{field}");
    }
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_replaced_and_an_endpoint_is_tested() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await.with_token(&acme.token);
    let mut receiver = Receiver::start(&[]).await;
    let body = json!({ "url": receiver.url, "events": ["order.created"] });
    let made = api.post("/v1/webhook-endpoints", &body).expect(201).await;
    assert_eq!(made.body["previous_secret_expires_at"], json!(null));
    let path = made.path_in("/v1/webhook-endpoints");
    let path = path.as_str();
    let rotated = api.post(format!("{path}/rotate-secret"), &json!({})).expect(200).await;
    assert_eq!(rotated.body["id"], made.body["id"]);
    assert_ne!(rotated.body["secret"], made.body["secret"]);
    assert!(rotated.body["previous_secret_expires_at"].is_string(), "{}", rotated.text);

    let sent = api.request(Method::POST, format!("{path}/test")).expect(202).await;
    assert_eq!(
        (sent.text("status"), &sent.body["event_type"], &sent.body["order_id"]),
        ("pending", &json!("webhook.test"), &json!(null))
    );
    let (head, event) = receiver.next().await;
    assert_eq!(event["type"], "webhook.test");
    let signatures = head.iter().find_map(|line| line.strip_prefix("webhook-signature: ")).unwrap();
    assert_eq!(signatures.split(' ').filter(|signature| signature.starts_with("v1,")).count(), 2);

    for (seconds, fields) in [(json!(-1), ["overlap_seconds"]), (json!(604_801), ["overlap_seconds"])] {
        let body = json!({ "overlap_seconds": seconds });
        let refused = api.post(format!("{path}/rotate-secret"), &body).expect(400).await;
        assert_eq!(refused.fields(), fields);
    }
    api.patch(path, &json!({ "enabled": false })).expect(200).await;
    api.request(Method::POST, format!("{path}/test")).refused(409, "webhook_endpoint_disabled").await;
    let nowhere = format!("/v1/webhook-endpoints/{NOBODY}");
    for way in ["rotate-secret", "test"] {
        let path = format!("{nowhere}/{way}");
        let call = if way == "test" { api.request(Method::POST, path) } else { api.post(path, &json!({})) };
        call.refused(404, "webhook_endpoint_not_found").await;
    }
    system.shutdown().await;
}

/// Nobody watches an endpoint that works. When the system disables one, the audit log records it and administrators
/// get an email.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_disabled_is_logged_and_mailed() {
    let system = TestSystem::start().await;
    let acme = system.onboard("Acme").await;
    let api = Api::of(system.gateway_url()).await.with_token(&acme.token);
    let mut receiver = Receiver::start(&[410]).await;
    let body = json!({ "url": receiver.url, "events": ["*"] });
    let made = api.post("/v1/webhook-endpoints", &body).expect(201).await;
    api.post("/v1/orders", &order()).expect(201).await;
    receiver.next().await;

    let mail = system.mail_to(&acme.admin_email, "A webhook endpoint was disabled").await;
    assert!(mail.body.contains(made.text("id")) && mail.body.contains("410"), "{}", mail.body);
    let list = api.get("/v1/webhook-endpoints").expect(200).await;
    let endpoint = &list.body["webhook_endpoints"][0];
    assert_eq!((&endpoint["enabled"], &endpoint["disabled_reason"]), (&json!(false), &json!("gone")));
    let log = api.get("/v1/audit-log?action=webhook_endpoint.disable").expect(200).await;
    let entries = log.body["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "{}", log.text);
    assert_eq!(entries[0]["actor"]["type"], "system");
    assert_eq!(entries[0]["target"]["id"], made.body["id"]);
    assert_eq!(entries[0]["details"]["reason"], "gone");
    system.shutdown().await;
}
