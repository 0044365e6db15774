//! [`Load`], clients that create and read orders without a pause, and others that sign up.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::front::Front;
use crate::newcomers::{self, Export};

const PASSWORD: &str = "correct horse battery";
const TENANTS: usize = 3;
const CLIENTS_PER_TENANT: usize = 4;
/// The number of sign-ups at once.
const NEWCOMERS: usize = 2;
/// Tokens live for ten minutes.
const TOKEN_AGE: Duration = Duration::from_mins(5);

/// Clients in several tenants, until [`Load::finish`].
pub(crate) struct Load {
    clients: JoinSet<()>,
    record: Arc<Record>,
}

/// The outcomes of the requests.
#[derive(Default)]
pub(crate) struct Record {
    stop: AtomicBool,
    answered: AtomicUsize,
    failures: Mutex<Vec<String>>,
    pub(crate) acknowledged: Mutex<Acknowledged>,
    /// The time of the latest order that was acknowledged.
    latest: Mutex<Option<Instant>>,
}

/// The work that was acknowledged, and so must not be lost.
#[derive(Default)]
pub(crate) struct Acknowledged {
    /// The customers of the orders, each of which is unique.
    pub(crate) orders: Vec<String>,
    /// The addresses of those who signed up.
    pub(crate) sign_ups: Vec<String>,
    pub(crate) exports: Vec<Export>,
}

impl fmt::Display for Acknowledged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { orders, sign_ups, exports } = self;
        write!(f, "{} orders, {} sign-ups and {} exports", orders.len(), sign_ups.len(), exports.len())
    }
}

impl Record {
    pub(crate) fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

impl Load {
    /// Creates the tenants, and starts the clients.
    pub(crate) async fn start(front: &Arc<Front>) -> Self {
        let record = Arc::new(Record::default());
        let mut clients = JoinSet::new();
        let client = |name: String, email: String| Client {
            name,
            email,
            front: Arc::clone(front),
            record: Arc::clone(&record),
        };
        for tenant in 0..TENANTS {
            let email = format!("owner-{tenant}@example.com");
            client(format!("Company {tenant}"), email.clone()).sign_up().await.expect("a tenant");
            for number in 0..CLIENTS_PER_TENANT {
                clients.spawn(client(format!("{tenant}-{number}"), email.clone()).use_orders());
            }
        }
        for number in 0..NEWCOMERS {
            clients.spawn(newcomers::sign_up_repeatedly(client(format!("newcomer-{number}"), String::new())));
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

    /// Stops the clients. Returns the failures, and what was acknowledged.
    pub(crate) async fn finish(self) -> (Vec<String>, Acknowledged) {
        self.record.stop.store(true, Ordering::Relaxed);
        self.clients.join_all().await;
        let failures = std::mem::take(&mut *self.record.failures.lock().unwrap());
        (failures, std::mem::take(&mut *self.record.acknowledged.lock().unwrap()))
    }
}

#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) front: Arc<Front>,
    pub(crate) record: Arc<Record>,
}

impl Client {
    /// Creates and reads orders until the end.
    async fn use_orders(self) {
        let mut token = self.log_in().await;
        let mut logged_in = Instant::now();
        let mut latest = None;
        for number in 0.. {
            if self.record.is_over() {
                return;
            }
            if token.is_none() || logged_in.elapsed() > TOKEN_AGE {
                (token, logged_in) = (self.log_in().await, Instant::now());
            }
            let Some(token) = &token else { continue };
            let path = match (number % 6, &latest) {
                (1 | 4, Some(id)) => format!("/v1/orders/{id}"),
                (2, _) => "/v1/orders?page_size=5".to_owned(),
                _ => "/v1/me".to_owned(),
            };
            match number % 6 {
                0 | 3 => {
                    let customer = format!("{}-{number}", self.name);
                    if let Some(order) = self.place_order(token, &customer, number % 6 == 0).await {
                        latest = order["id"].as_str().map(ToOwned::to_owned);
                    }
                }
                _ => {
                    self.get(&path, token).await;
                }
            }
        }
    }

    /// Creates a tenant, and returns the answer.
    pub(crate) async fn sign_up(&self) -> Option<Value> {
        let admin = json!({ "email": self.email, "password": PASSWORD });
        self.post("/v1/tenants", &json!({ "name": self.name, "admin": admin })).await
    }

    pub(crate) async fn log_in(&self) -> Option<String> {
        let answer = self.post("/v1/auth/login", &json!({ "email": self.email, "password": PASSWORD })).await;
        answer?["access_token"].as_str().map(ToOwned::to_owned)
    }

    /// Creates an order, and returns it.
    pub(crate) async fn place_order(&self, token: &str, customer: &str, with_key: bool) -> Option<Value> {
        let lines = json!([{ "sku": "chair", "quantity": 1, "unit_price_minor": 100 }]);
        let order = json!({ "customer": customer, "currency": "EUR", "lines": lines });
        let place = self.front.place();
        let mut request = place.client.post(place.url("/v1/orders")).bearer_auth(token).json(&order);
        if with_key {
            request = request.header("idempotency-key", customer);
        }
        let placed = self.send(request).await?;
        self.record.acknowledged.lock().unwrap().orders.push(customer.to_owned());
        *self.record.latest.lock().unwrap() = Some(Instant::now());
        Some(placed)
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Option<Value> {
        let place = self.front.place();
        self.send(place.client.get(place.url(path)).bearer_auth(token)).await
    }

    async fn post(&self, path: &str, body: &Value) -> Option<Value> {
        let place = self.front.place();
        self.send(place.client.post(place.url(path)).json(body)).await
    }

    /// Returns the answer if it is a success, and otherwise records a failure.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Option<Value> {
        let failure = match request.send().await {
            Ok(answer) => {
                let (status, path) = (answer.status(), answer.url().path().to_owned());
                match answer.text().await {
                    Ok(text) if status.is_success() => {
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
        sleep(Duration::from_millis(100)).await;
        None
    }
}
