//! Clients that sign up, place an order and export it, again and again.

use std::time::Duration;

use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::load::{Acknowledged, Client};
use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// An export that was acknowledged.
pub(crate) struct Export {
    id: String,
    /// The address of the tenant's owner.
    email: String,
    /// The customer of the tenant's only order, which was placed before.
    customer: Option<String>,
}

/// Signs up with one address after the other until the end.
pub(crate) async fn sign_up_repeatedly(client: Client) {
    for number in 0.. {
        if client.record.is_over() {
            return;
        }
        let name = format!("{}-{number}", client.name);
        let client = Client { email: format!("{name}@example.com"), name, ..client.clone() };
        client.begin().await;
    }
}

impl Client {
    /// Signs up, and places and exports an order. Ends early after a failure, which has been recorded.
    async fn begin(&self) -> Option<()> {
        let signed_up = self.sign_up().await?;
        self.record.acknowledged.lock().unwrap().sign_ups.push(self.email.clone());
        let path = format!("/v1/tenants/{}", signed_up["tenant"]["id"].as_str().unwrap());
        let mut status = signed_up["tenant"]["status"].clone();
        // Otherwise the set-up takes longer than the request.
        while status != "active" {
            sleep(PAUSE).await;
            status = self.get(&path, signed_up["status_token"].as_str().unwrap()).await?["status"].clone();
        }
        let token = self.log_in().await?;
        let customer = self.place_order(&token, &self.name, false).await.map(|_| self.name.clone());
        let place = self.front.place();
        let wanted = json!({ "resource": "orders", "format": "jsonl" });
        let request = place.client.post(place.url("/v1/exports")).bearer_auth(&token).json(&wanted);
        let id = self.send(request).await?["id"].as_str().unwrap().to_owned();
        let export = Export { id, email: self.email.clone(), customer };
        self.record.acknowledged.lock().unwrap().exports.push(export);
        Some(())
    }
}

/// Checks that everybody who has signed up can log in, and that each export is completed and has the order that was placed before.
pub(crate) async fn check(world: &World, acknowledged: &Acknowledged) {
    let client = Client {
        name: String::new(),
        email: String::new(),
        front: world.front.clone(),
        record: std::sync::Arc::default(),
    };
    for email in &acknowledged.sign_ups {
        let client = Client { email: email.clone(), ..client.clone() };
        let logged_in = async {
            // It may still be in progress when the load ends.
            loop {
                match client.log_in().await {
                    Some(token) => return token,
                    None => sleep(PAUSE).await,
                }
            }
        };
        let token = timeout(PATIENCE, logged_in).await.unwrap_or_else(|_| panic!("{email} is lost"));
        for export in acknowledged.exports.iter().filter(|export| export.email == *email) {
            export.check(&client, &token).await;
        }
    }
}

impl Export {
    async fn check(&self, client: &Client, token: &str) {
        let path = format!("/v1/exports/{}", self.id);
        let completed = async {
            loop {
                let export = client.get(&path, token).await.unwrap_or_else(|| panic!("{path} is lost"));
                match export["status"].as_str().unwrap() {
                    "succeeded" => return,
                    "queued" | "running" => sleep(PAUSE).await,
                    _ => panic!("{export}"),
                }
            }
        };
        timeout(PATIENCE, completed).await.unwrap_or_else(|_| panic!("{path} is not completed"));
        let place = client.front.place();
        let file = place.client.get(place.url(&format!("{path}/file"))).bearer_auth(token).send().await;
        let file = file.unwrap().error_for_status().unwrap().text().await.unwrap();
        let orders = file.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let customers: Vec<_> = orders.map(|order| order["customer"].as_str().unwrap().to_owned()).collect();
        if let Some(customer) = &self.customer {
            assert_eq!(customers, [customer.as_str()], "{path}");
        }
    }
}
