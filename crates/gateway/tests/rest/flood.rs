//! A flood of logins locks no known person out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reqwest::Client;
use rowhouse_testkit::{Tenant, TestOptions, TestSystem};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// The number of connections.
const CONNECTIONS: u64 = 40;
/// A hash takes about 60 milliseconds, so the admitted attempts keep all cores busy.
const COST: u32 = 10;
const HOME: &str = "203.0.113.7";

/// The address of an attempt, by its number.
type Place = fn(u64) -> String;

async fn login(system: &TestSystem, body: &Value, from: &str) -> (u16, Value) {
    let url = format!("{}/v1/auth/login", system.gateway_url());
    let answer = system.http().post(url).header("x-forwarded-for", from).json(body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// Logs in with unknown addresses over many connections until it is stopped. Returns the number of attempts, and how
/// many of them cost a hash.
async fn flood(url: String, place: Place, stop: Arc<AtomicBool>) -> (u64, u64) {
    let (number, looked_at) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (url, stop) = (url.clone(), Arc::clone(&stop));
        let (number, looked_at) = (Arc::clone(&number), Arc::clone(&looked_at));
        connections.spawn(async move {
            let client = Client::new();
            while !stop.load(Ordering::Relaxed) {
                let n = number.fetch_add(1, Ordering::Relaxed);
                let body = json!({ "email": format!("nobody-{n}@example.com"), "password": "wrong horse" });
                let request = client.post(&url).header("x-forwarded-for", place(n)).json(&body);
                if request.send().await.unwrap().status() == 401 {
                    looked_at.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    while let Some(connection) = connections.join_next().await {
        connection.unwrap();
    }
    (number.load(Ordering::Relaxed), looked_at.load(Ordering::Relaxed))
}

/// Logs the person in beside the flood: four times on their device, from anywhere, and four times from a familiar
/// network.
async fn is_let_in(system: &TestSystem, person: &Tenant, device: &str, place: Place) {
    let url = format!("{}/v1/auth/login", system.gateway_url());
    let stop = Arc::new(AtomicBool::new(false));
    let flooding = tokio::spawn(flood(url, place, Arc::clone(&stop)));
    // The flood is running and has reached its limits.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let body = json!({ "email": person.admin_email, "password": person.password, "tenant": person.slug });
    let mut on_device = body.clone();
    on_device["device_token"] = device.into();
    let mut longest = Duration::ZERO;
    for n in 0..4 {
        for (body, from) in [(&on_device, format!("2001:db8:dead:beef::{n}")), (&body, HOME.to_owned())] {
            let began = Instant::now();
            let (status, answer) = login(system, body, &from).await;
            assert_eq!(status, 200, "from {from}: {answer}");
            longest = longest.max(began.elapsed());
        }
    }
    stop.store(true, Ordering::Relaxed);
    let (attempts, looked_at) = flooding.await.unwrap();
    eprintln!(
        "8 of 8 logins beside {attempts} attempts, {looked_at} of them hashed; the longest took {longest:?}"
    );
    assert!(attempts > CONNECTIONS, "{attempts}");
}

#[tokio::test(flavor = "multi_thread")]
async fn known_people_log_in_beside_a_flood() {
    let options = TestOptions { bcrypt_cost: COST, ..TestOptions::default() };
    let system = TestSystem::start_with(options).await;
    let person = system.onboard("Acme").await;
    let body = json!({ "email": person.admin_email, "password": person.password, "tenant": person.slug });
    let (status, tokens) = login(&system, &body, HOME).await;
    assert_eq!(status, 200, "{tokens}");
    let device = tokens["device_token"].as_str().unwrap();
    // Once from each address of one /64, the device's among them.
    is_let_in(&system, &person, device, |n| format!("2001:db8:dead:beef::{:x}:{:x}", n >> 16, n & 0xffff))
        .await;
    // From as many networks as there are attempts, so that only the hashing limits them.
    is_let_in(&system, &person, device, |n| format!("10.{}.{}.{}", n >> 16 & 0xff, n >> 8 & 0xff, n & 0xff))
        .await;
    system.shutdown().await;
}
