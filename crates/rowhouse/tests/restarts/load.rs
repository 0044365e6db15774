//! [`Load`], clients that create and read orders without a pause.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::front::Front;

const PASSWORD: &str = "correct horse battery";
const TENANTS: usize = 3;
const CLIENTS_PER_TENANT: usize = 4;
/// Tokens live for ten minutes.
const TOKEN_AGE: Duration = Duration::from_mins(5);

/// Clients in several tenants, until [`Load::finish`].
pub(crate) struct Load {
    clients: JoinSet<()>,
    record: Arc<Record>,
}

/// What happened.
#[derive(Default)]
pub(crate) struct Record {
    stop: AtomicBool,
    answered: AtomicUsize,
    failures: Mutex<Vec<String>>,
    /// The customers of the orders that were acknowledged, each of which is unique.
    acknowledged: Mutex<Vec<String>>,
    /// The time of the latest order that was acknowledged.
    latest: Mutex<Option<Instant>>,
}

impl Load {
    /// Creates the tenants, and starts the clients.
    pub(crate) async fn start(front: &Arc<Front>) -> Self {
        let record = Arc::new(Record::default());
        let mut clients = JoinSet::new();
        for tenant in 0..TENANTS {
            let admin = json!({ "email": email(tenant), "password": PASSWORD });
            let body = json!({ "name": format!("Company {tenant}"), "admin": admin });
            let place = front.place();
            let made = place.client.post(place.url("/v1/tenants")).json(&body).send().await.unwrap();
            assert!(made.status().is_success(), "{}", made.text().await.unwrap());
            for number in 0..CLIENTS_PER_TENANT {
                let client = Client {
                    name: format!("{tenant}-{number}"),
                    email: email(tenant),
                    front: Arc::clone(front),
                    record: Arc::clone(&record),
                };
                clients.spawn(client.run());
            }
        }
        Self { clients, record }
    }

    pub(crate) fn answered(&self) -> usize {
        self.record.answered.load(Ordering::Relaxed)
    }

    /// Returns the number of requests that failed until now.
    pub(crate) fn failed(&self) -> usize {
        self.record.failures.lock().unwrap().len()
    }

    /// Returns the time of the latest order that was acknowledged.
    pub(crate) fn latest_order(&self) -> Option<Instant> {
        *self.record.latest.lock().unwrap()
    }

    /// Stops the clients. Returns the failures and the customers of the acknowledged orders.
    pub(crate) async fn finish(self) -> (Vec<String>, Vec<String>) {
        self.record.stop.store(true, Ordering::Relaxed);
        self.clients.join_all().await;
        let take = |list: &Mutex<Vec<String>>| std::mem::take(&mut *list.lock().unwrap());
        (take(&self.record.failures), take(&self.record.acknowledged))
    }
}

fn email(tenant: usize) -> String {
    format!("owner-{tenant}@example.com")
}

struct Client {
    name: String,
    email: String,
    front: Arc<Front>,
    record: Arc<Record>,
}

impl Client {
    async fn run(self) {
        let mut token = self.log_in().await;
        let mut logged_in = Instant::now();
        let mut latest = None;
        for number in 0.. {
            if self.record.stop.load(Ordering::Relaxed) {
                return;
            }
            if token.is_none() || logged_in.elapsed() > TOKEN_AGE {
                (token, logged_in) = (self.log_in().await, Instant::now());
            }
            let Some(token) = &token else { continue };
            let path = match (number % 6, &latest) {
                (0 | 3, _) => "/v1/orders".to_owned(),
                (1 | 4, Some(id)) => format!("/v1/orders/{id}"),
                (2, _) => "/v1/orders?page_size=5".to_owned(),
                _ => "/v1/me".to_owned(),
            };
            match number % 6 {
                0 | 3 => {
                    let customer = format!("{}-{number}", self.name);
                    let lines = json!([{ "sku": "chair", "quantity": 1, "unit_price_minor": 100 }]);
                    let order = json!({ "customer": &customer, "currency": "EUR", "lines": lines });
                    let place = self.front.place();
                    let mut request = place.client.post(place.url(&path)).bearer_auth(token).json(&order);
                    if number % 6 == 0 {
                        request = request.header("idempotency-key", &customer);
                    }
                    if let Some(made) = self.send(request, StatusCode::CREATED).await {
                        latest = made["id"].as_str().map(ToOwned::to_owned);
                        self.record.acknowledged.lock().unwrap().push(customer);
                        *self.record.latest.lock().unwrap() = Some(Instant::now());
                    }
                }
                _ => {
                    let place = self.front.place();
                    self.send(place.client.get(place.url(&path)).bearer_auth(token), StatusCode::OK).await;
                }
            }
        }
    }

    async fn log_in(&self) -> Option<String> {
        let place = self.front.place();
        let body = json!({ "email": self.email, "password": PASSWORD });
        let answer =
            self.send(place.client.post(place.url("/v1/auth/login")).json(&body), StatusCode::OK).await;
        answer?["access_token"].as_str().map(ToOwned::to_owned)
    }

    /// Returns the answer if it is the expected one, and otherwise records a failure.
    async fn send(&self, request: RequestBuilder, expected: StatusCode) -> Option<Value> {
        let failure = match request.send().await {
            Ok(answer) => {
                let (status, path) = (answer.status(), answer.url().path().to_owned());
                match answer.text().await {
                    Ok(text) if status == expected => {
                        self.record.answered.fetch_add(1, Ordering::Relaxed);
                        return Some(serde_json::from_str(&text).unwrap());
                    }
                    Ok(text) => format!("{path}: {status} {text}"),
                    Err(error) => format!("{path}: {error:?}"),
                }
            }
            Err(error) => format!("{error:?}"),
        };
        self.record.failures.lock().unwrap().push(failure);
        // The time that a client waits before it tries again; a retry is another request.
        tokio::time::sleep(Duration::from_millis(100)).await;
        None
    }
}
