//! The whole system behind `PgBouncer` in transaction mode, with fewer connections to the server than the services have to the pooler.
//! It needs 1.21 or newer, which `.ci/test-pgbouncer` finds or fetches.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

mod company;
mod overlay;

use std::process::Output;
use std::time::Duration;

use rowhouse_testkit::{CommandLine, PgBouncer, ServiceName, TestDatabase, TestOptions, TestSystem};
use tokio::time::Instant;
use tokio_postgres::{Client, NoTls};

use crate::company::{Company, Receiver};

/// The most time that background work takes until somebody sees its result: workers poll each second. Workers that wait for
/// notifications, which a pooler drops, take up to 30 s.
const SOON: Duration = Duration::from_secs(15);
const ROWHOUSE: CommandLine = CommandLine::new(env!("CARGO_BIN_EXE_rowhouse"));
const TENANTS: usize = 6;
const TASKS: usize = 32;

/// Returns whether the installed pooler is suitable.
pub(crate) fn has_pooler() -> bool {
    let suitable = PgBouncer::keeps_prepared_statements();
    if !suitable {
        eprintln!("PgBouncer 1.21 or newer is not installed; .ci/test-pgbouncer fetches it");
    }
    suitable
}

/// Starts the system, or returns `None` if the installed pooler is not suitable.
async fn start() -> Option<TestSystem> {
    if !has_pooler() {
        return None;
    }
    let mut database = TestDatabase::create().await;
    database.insert_pooler().await;
    Some(TestSystem::start_on(database, TestOptions { pool_size: 8, ..TestOptions::default() }).await)
}

/// Runs the command line as the administrator, who connects directly.
async fn rowhouse(system: &TestSystem, arguments: &[&str]) -> Output {
    let output = ROWHOUSE.run(&system.database().admin_url(), arguments).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Opens a service's transaction in a tenant, through the pooler.
async fn enter(system: &TestSystem, tenant: &str) -> Client {
    let url = system.database().url(ServiceName::Orders);
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&format!("BEGIN; SELECT tenancy.set_tenant_context('{tenant}')")).await.unwrap();
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn background_work_is_done_without_notifications() {
    let Some(system) = start().await else { return };
    let begun = Instant::now();
    let acme = Company::onboard(&system, "Acme").await;
    assert!(begun.elapsed() < SOON, "sign-up: {:?}", begun.elapsed());

    let mut receiver = Receiver::start().await;
    acme.add_webhook(&receiver.url).await;
    for round in 0..3 {
        let begun = Instant::now();
        let order = acme.order("Acme").await;
        assert!(receiver.next().await.contains(&order), "the event of this order");
        assert!(begun.elapsed() < SOON, "webhook {round}: {:?}", begun.elapsed());
        let begun = Instant::now();
        let file = acme.export().await;
        assert_eq!(file.lines().count(), round + 1, "{file}");
        assert!(begun.elapsed() < SOON, "export {round}: {:?}", begun.elapsed());
    }
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_on_shared_server_connections_never_see_a_foreign_row() {
    let Some(system) = start().await else { return };
    let mut companies = Vec::new();
    for number in 0..TENANTS {
        let company = Company::onboard(&system, &format!("Company {number}")).await;
        let order = company.order(&company.tenant.slug).await;
        companies.push((company, order));
    }
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let companies = companies.clone();
            tokio::spawn(async move {
                for step in task..task + 4 * TENANTS {
                    let (company, own) = &companies[step % TENANTS];
                    let (_, foreign) = &companies[(step + 1) % TENANTS];
                    let slug = &company.tenant.slug;
                    assert_eq!(company.get(foreign).await, None, "a foreign order was served");
                    assert_eq!(company.get(own).await.as_deref(), Some(slug.as_str()));
                    company.order(slug).await;
                    assert!(company.customers().await.iter().all(|customer| customer == slug));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    rowhouse(&system, &["audit"]).await;
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspension_ends_transactions_that_came_through_the_pooler() {
    let Some(system) = start().await else { return };
    let (acme, globex) = (Company::onboard(&system, "Acme").await, Company::onboard(&system, "Globex").await);
    let (held, others) = (enter(&system, &acme.tenant.id).await, enter(&system, &globex.tenant.id).await);

    let suspended = rowhouse(&system, &["tenant", "suspend", &acme.tenant.slug, "--reason", "unpaid"]).await;
    let printed = String::from_utf8_lossy(&suspended.stdout).into_owned();
    assert!(printed.ends_with("ended transactions that had begun before: 1\n"), "{printed}");
    let count = "SELECT count(*) FROM orders.orders";
    assert!(held.query(count, &[]).await.is_err(), "its connection is gone");
    others.query(count, &[]).await.unwrap();
    assert_eq!((acme.list_status().await, globex.list_status().await), (403, 200));

    rowhouse(&system, &["tenant", "resume", &acme.tenant.slug, "--reason", "paid"]).await;
    assert_eq!(acme.list_status().await, 200);
    system.shutdown().await;
}
