//! More than there is room for.

use std::sync::atomic::{AtomicU32, Ordering};

use diesel_async::SimpleAsyncConnection;
use futures_util::future::join_all;
use reqwest::StatusCode;
use rowhouse_testkit::{ServiceName, Tenant};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::watch::{Series, Watch};
use super::{CONNECTIONS, World};
use crate::usage::{Client, HTTP, TRANSACTIONS};

/// The requests that are sent at once.
const REQUESTS: usize = 60;
const REFUSED: &str = "rowhouse_admission_refused_total";
const EXCESS: Series = ("rowhouse_connections_excess_total", &[]);

/// Logs a person in several times at once, of whom two may wait for a thread.
pub(super) async fn hashing(world: &World<'_>, tenant: &Tenant) {
    let client = Client(&world.system);
    let login = json!({ "email": tenant.admin_email, "password": tenant.password });
    let watch = Watch::begin(world.metrics, &[("rowhouse_hashing_refused_total", &[])]).await;
    watch
        .until_provoked(async || {
            drop(join_all((0..8).map(|_| client.status("/v1/auth/login", &login))).await);
        })
        .await;
}

/// Opens more connections than a service takes, and then so many to the gateway that it keeps none.
pub(super) async fn connections(world: &World<'_>) {
    let address = |url: &str| url.strip_prefix("http://").unwrap().to_owned();
    let watch = Watch::begin(world.metrics, &[EXCESS]).await;
    let service = address(world.system.endpoint(ServiceName::Orders));
    let mut idle = Vec::new();
    watch.until_provoked(async || idle.push(TcpStream::connect(&service).await.unwrap())).await;
    drop(idle);

    let watch = Watch::begin(world.metrics, &[EXCESS]).await;
    let gateway = address(world.system.gateway_url());
    let connect = (0..CONNECTIONS * 4 / 5).map(|_| TcpStream::connect(&gateway));
    let idle = join_all(connect).await;
    assert!(idle.iter().all(Result::is_ok));
    let client = Client(&world.system);
    watch
        .until_provoked(async || {
            assert_eq!(client.get("/v1/orders", "").await, StatusCode::UNAUTHORIZED);
        })
        .await;
}

/// Holds up every call, so that those that follow get no connection to the database, then no place in the service, and then none at the
/// gateway's door. Each refusal is in the metrics of the requests.
pub(super) async fn calls(world: &World<'_>, tenant: &Tenant) {
    let mut admin = world.system.database().admin().await;
    admin.batch_execute("BEGIN; LOCK TABLE orders.orders").await.unwrap();

    let watch = Watch::begin(
        world.metrics,
        &[
            (
                REFUSED,
                &[
                    ("rowhouse_admission_service", "orders"),
                    ("rowhouse_admission_side", "server"),
                    ("rowhouse_admission_caller", "tenant"),
                    ("rowhouse_admission_urgency", "interactive"),
                ],
            ),
            ("db_client_connection_timeouts_total", &[("db_client_connection_pool_name", "rowhouse_orders")]),
            (TRANSACTIONS, &[("db_operation_name", "orders.list"), ("error_type", "no_connection")]),
        ],
    )
    .await;
    let orders = super::refusals::orders(&world.system).await;
    let mut held_up = JoinSet::new();
    for _ in 0..REQUESTS {
        let (mut orders, request) = (orders.clone(), super::refusals::list(tenant));
        held_up.spawn(async move { drop(orders.list_orders(request).await) });
    }
    watch.until_grown().await;
    held_up.shutdown().await;

    let answers: [Series; 2] = [
        (HTTP, &[("http_response_status_code", "503"), ("error_type", "overloaded")]),
        (HTTP, &[("http_response_status_code", "503"), ("error_type", "unavailable")]),
    ];
    let door: Series = (
        REFUSED,
        &[
            ("rowhouse_admission_service", "orders"),
            ("rowhouse_admission_side", "client"),
            ("rowhouse_admission_caller", "tenant"),
            ("rowhouse_admission_urgency", "interactive"),
        ],
    );
    let watch = Watch::begin(world.metrics, &[answers[0], answers[1], door]).await;
    let (overloaded, http) = (AtomicU32::new(0), reqwest::Client::new());
    let url = format!("{}/v1/orders", world.system.gateway_url());
    let ask = async || {
        let answer = http.get(&url).bearer_auth(&tenant.token).send().await.unwrap();
        let problem: Value = answer.json().await.unwrap();
        if problem["code"] == "overloaded" {
            overloaded.fetch_add(1, Ordering::Relaxed);
        }
    };
    // With each refusal of the service, the gateway makes fewer calls at once.
    watch.until_provoked(async || drop(join_all((0..REQUESTS).map(|_| ask())).await)).await;
    admin.batch_execute("ROLLBACK").await.unwrap();
    // A refusal that were counted nowhere would be missing here.
    let refused = f64::from(overloaded.load(Ordering::Relaxed));
    watch.until(|growth| (growth[0] - refused).abs() < f64::EPSILON).await;
}
