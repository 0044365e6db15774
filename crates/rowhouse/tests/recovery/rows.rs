//! The rows of a database.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Client;

/// Connects as the superuser.
pub(crate) async fn connect(url: &str) -> Client {
    rowhouse_migrator::connect(url, None).await.unwrap_or_else(|error| panic!("{error}"))
}

/// Returns a checksum of the rows of each table, by the table's name.
pub(crate) async fn checksums(admin: &Client) -> BTreeMap<String, String> {
    let tables = "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')";
    let mut checksums = BTreeMap::new();
    for table in admin.query(tables, &[]).await.unwrap() {
        let table: String = table.get(0);
        let rows = format!(
            "SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, ' ' ORDER BY t::text)), '') FROM {table} t"
        );
        let rows = admin.query_one(&rows, &[]).await.unwrap();
        checksums.insert(table, rows.get(0));
    }
    assert!(checksums.len() > 20, "{checksums:?}");
    checksums
}

/// Returns all rows of a table, each as text.
pub(crate) async fn all(admin: &Client, table: &str) -> BTreeSet<String> {
    let rows = admin.query(&format!("SELECT t::text FROM {table} t"), &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Returns the number of orders of each customer.
pub(crate) async fn customers(admin: &Client) -> BTreeMap<String, i64> {
    let rows = admin.query("SELECT customer, count(*) FROM orders.orders GROUP BY customer", &[]).await;
    rows.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Checks that the orders of each of these customers are there once, and none of anybody twice.
pub(crate) async fn assert_each_once(admin: &Client, acknowledged: &[String]) {
    let customers = customers(admin).await;
    for customer in acknowledged {
        assert_eq!(customers.get(customer), Some(&1), "{customer}");
    }
    assert!(customers.values().all(|count| *count == 1), "{customers:#?}");
}
