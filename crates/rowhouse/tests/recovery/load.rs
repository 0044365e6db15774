//! [`Load`], clients that create orders without a pause and list them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Client;
use rowhouse_testkit::{Tenant, TestSystem, until};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;

const CLIENTS_PER_TENANT: usize = 3;
const PATIENCE: Duration = Duration::from_secs(60);

/// Clients of several tenants, until [`Load::finish`].
pub(crate) struct Load {
    clients: JoinSet<()>,
    record: Arc<Record>,
}

#[derive(Default)]
struct Record {
    stop: AtomicBool,
    /// The customers of the orders that were acknowledged, each of whom is unique.
    acknowledged: Mutex<Vec<String>>,
    /// The answers to creates that were refused, each of which is repeated.
    refused: Mutex<Vec<String>>,
    /// The answers to lists that were refused.
    unread: Mutex<Vec<String>>,
}

impl Load {
    pub(crate) fn start(system: &TestSystem, tenants: &[&Tenant]) -> Self {
        let record = Arc::new(Record::default());
        let mut clients = JoinSet::new();
        for tenant in tenants {
            for number in 0..CLIENTS_PER_TENANT {
                let client = Orders::of(system, &tenant.token);
                clients.spawn(client.use_orders(format!("{}-{number}", tenant.slug), Arc::clone(&record)));
            }
        }
        Self { clients, record }
    }

    /// Returns the customers of the orders that were acknowledged until now.
    pub(crate) fn acknowledged(&self) -> Vec<String> {
        self.record.acknowledged.lock().unwrap().clone()
    }

    /// Returns the answers to the creates that were refused until now.
    pub(crate) fn refused(&self) -> Vec<String> {
        self.record.refused.lock().unwrap().clone()
    }

    /// Returns the answers to the lists that were refused until now.
    pub(crate) fn unread(&self) -> Vec<String> {
        self.record.unread.lock().unwrap().clone()
    }

    /// Waits until so many more orders are acknowledged.
    pub(crate) async fn until_more(&self, orders: usize) {
        let before = self.acknowledged().len();
        until(async || self.acknowledged().len() >= before + orders).await;
    }

    /// Stops the clients, and returns the customers of all orders that were acknowledged.
    pub(crate) async fn finish(mut self) -> Vec<String> {
        self.record.stop.store(true, Ordering::Relaxed);
        while let Some(client) = self.clients.join_next().await {
            client.unwrap();
        }
        self.acknowledged()
    }
}

/// A client of one tenant.
pub(crate) struct Orders {
    http: Client,
    url: String,
    token: String,
}

impl Orders {
    pub(crate) fn of(system: &TestSystem, token: &str) -> Self {
        Self {
            http: Client::builder().timeout(PATIENCE).build().unwrap(),
            url: format!("{}/v1/orders", system.gateway_url()),
            token: token.to_owned(),
        }
    }

    async fn use_orders(self, name: String, record: Arc<Record>) {
        let mut number = 0;
        while !record.stop.load(Ordering::Relaxed) {
            let customer = format!("{name}-{number}");
            match self.place(&customer).await {
                Ok(()) => {
                    record.acknowledged.lock().unwrap().push(customer);
                    number += 1;
                }
                // The next attempt has the same key.
                Err(refused) => {
                    record.refused.lock().unwrap().push(refused);
                    sleep(Duration::from_millis(50)).await;
                }
            }
            if let Err(refused) = self.list().await {
                record.unread.lock().unwrap().push(refused);
            }
        }
    }

    /// Creates an order whose idempotency key is its customer. Returns the answer if it is refused.
    pub(crate) async fn place(&self, customer: &str) -> Result<(), String> {
        let lines = json!([{ "sku": "chair", "quantity": 1, "unit_price_minor": 100 }]);
        let order = json!({ "customer": customer, "currency": "EUR", "lines": lines });
        let request = self.http.post(&self.url).json(&order).header("idempotency-key", customer);
        self.send(request).await
    }

    pub(crate) async fn list(&self) -> Result<(), String> {
        self.send(self.http.get(format!("{}?page_size=3", self.url))).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<(), String> {
        match request.bearer_auth(&self.token).send().await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => {
                let (status, headers) = (answer.status(), answer.headers().clone());
                let retry_after = headers.get("retry-after").map(|value| value.to_str().unwrap().to_owned());
                let text = answer.text().await.unwrap_or_default();
                Err(format!("{} retry-after={retry_after:?} {text}", status.as_u16()))
            }
            Err(error) => Err(format!("{error:?}")),
        }
    }
}
