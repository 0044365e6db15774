//! A tenant as its owner uses it over REST, and the server that receives its events.

use reqwest::{Method, StatusCode};
use rowhouse_testkit::{Tenant, TestSystem};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::{Duration, sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub(crate) struct Company {
    pub(crate) tenant: Tenant,
    http: reqwest::Client,
    gateway: String,
}

impl Company {
    pub(crate) async fn onboard(system: &TestSystem, name: &str) -> Self {
        let tenant = system.onboard(name).await;
        Self { tenant, http: system.http().clone(), gateway: system.gateway_url().to_owned() }
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, String) {
        let mut request =
            self.http.request(method, format!("{}{path}", self.gateway)).bearer_auth(&self.tenant.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    async fn succeed(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let (status, text) = self.send(method, path, body).await;
        assert!(status.is_success(), "{path}: {status}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Places an order, and returns its id.
    pub(crate) async fn order(&self, customer: &str) -> String {
        let lines = json!([{ "sku": "chair", "quantity": 1, "unit_price_minor": 100 }]);
        let order = json!({ "customer": customer, "currency": "EUR", "lines": lines });
        let placed = self.succeed(Method::POST, "/v1/orders", Some(order)).await;
        placed["id"].as_str().unwrap().to_owned()
    }

    /// Returns an order's customer, or `None` if there is no such order.
    pub(crate) async fn get(&self, order: &str) -> Option<String> {
        let (status, text) = self.send(Method::GET, &format!("/v1/orders/{order}"), None).await;
        if status == StatusCode::NOT_FOUND {
            return None;
        }
        assert_eq!(status, StatusCode::OK, "{text}");
        let order: Value = serde_json::from_str(&text).unwrap();
        Some(order["customer"].as_str().unwrap().to_owned())
    }

    /// Returns the customers of the latest orders.
    pub(crate) async fn customers(&self) -> Vec<String> {
        let page = self.succeed(Method::GET, "/v1/orders", None).await;
        let orders = page["orders"].as_array().unwrap();
        orders.iter().map(|order| order["customer"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) async fn list_status(&self) -> u16 {
        self.send(Method::GET, "/v1/orders", None).await.0.as_u16()
    }

    pub(crate) async fn add_webhook(&self, url: &str) {
        let endpoint = json!({ "url": url, "events": ["order.created"] });
        self.succeed(Method::POST, "/v1/webhook-endpoints", Some(endpoint)).await;
    }

    /// Exports all orders, and returns the file, with a line for each.
    pub(crate) async fn export(&self) -> String {
        let request = json!({ "resource": "orders", "format": "jsonl" });
        let made = self.succeed(Method::POST, "/v1/exports", Some(request)).await;
        let path = format!("/v1/exports/{}", made["id"].as_str().unwrap());
        let succeeded = async {
            while self.succeed(Method::GET, &path, None).await["status"] != "succeeded" {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, succeeded).await.expect("the export ends");
        self.send(Method::GET, &format!("{path}/file"), None).await.1
    }
}

/// A server that accepts every event.
pub(crate) struct Receiver {
    pub(crate) url: String,
    received: mpsc::UnboundedReceiver<String>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/events", listener.local_addr().unwrap());
        let (sender, received) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = String::new();
                while !is_whole(&request) {
                    let mut some = [0; 4096];
                    let read = stream.read(&mut some).await.unwrap();
                    assert!(read > 0, "half a request: {request}");
                    request.push_str(&String::from_utf8_lossy(&some[..read]));
                }
                stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await.unwrap();
                drop(sender.send(request));
            }
        });
        Self { url, received }
    }

    /// Returns the next request, head and body.
    pub(crate) async fn next(&mut self) -> String {
        timeout(PATIENCE, self.received.recv()).await.expect("an event").unwrap()
    }
}

/// Returns whether a request's body, a JSON document, has arrived.
fn is_whole(request: &str) -> bool {
    request.split_once("\r\n\r\n").is_some_and(|(_, body)| serde_json::from_str::<Value>(body).is_ok())
}
