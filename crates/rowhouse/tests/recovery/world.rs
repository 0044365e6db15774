//! The services on a server of a test, and what is done to them.

use rowhouse_testkit::{PerService, ServiceName, Tenant, TestOptions, TestSystem};
use tokio_postgres::Client;

/// The line of `rowhouse audit` without a violation.
pub(crate) const CLEAN: &str = "no violation found";

/// Starts the services, each on its own URL.
pub(crate) async fn start_services(url: impl Fn(ServiceName) -> String) -> TestSystem {
    let database_urls = PerService::from_fn(|service| Some(url(service)));
    TestSystem::start_with(TestOptions { database_urls, ..TestOptions::default() }).await
}

/// Returns the part of a URL before the database, with which the guide's `role@host` is replaced.
pub(crate) fn login(url: &str) -> &str {
    url.split('/').nth(2).unwrap()
}

/// Deletes all orders of a tenant, by mistake.
pub(crate) async fn delete_orders_of(tenant: &Tenant, admin: &Client) {
    let id = &tenant.id;
    let damage = format!(
        "DELETE FROM orders.order_lines WHERE tenant_id = '{id}'; DELETE FROM orders.orders WHERE tenant_id = '{id}'"
    );
    admin.batch_execute(&damage).await.unwrap();
}
