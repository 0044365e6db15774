//! For each table that grows, `docs/retention.md` or the table's own comment says what deletes its rows.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use diesel_async::SimpleAsyncConnection;
use rowhouse_testkit::TestDatabase;

/// The tables whose rows migrations write, and nobody else, the one that a trigger keeps empty (what programs of the release before
/// insert becomes a job), and the one that has sixteen rows at most.
const DO_NOT_GROW: [&str; 7] = [
    "auth.outbox",
    "jobs.global_kinds",
    "public.__diesel_schema_migrations",
    "tenancy.definer_functions",
    "tenancy.global_tables",
    "tenancy.schema_compatibility",
    "tenancy.tenant_counts",
];

/// Returns the tables in the first column of the page's first table. A name without a schema is in that of the name before it.
fn documented() -> BTreeSet<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/retention.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, rows) = page.split_once("| table | a row for |").unwrap();
    let (rows, _) = rows.split_once("\n\n").unwrap();
    let mut tables = BTreeSet::new();
    for row in rows.lines().filter(|line| line.starts_with("| `")) {
        let mut schema = "";
        for name in row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2) {
            let (of, table) = name.split_once('.').unwrap_or((schema, name));
            schema = of;
            tables.insert(format!("{schema}.{table}"));
        }
    }
    tables
}

/// Returns tables whose comment matches a pattern of LIKE, with their schemas.
async fn tables(database: &TestDatabase, comment: &str) -> BTreeSet<String> {
    let names = format!(
        "SELECT coalesce(string_agg(concat_ws('.', n.nspname, c.relname), ' '), '')
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
            AND coalesce(obj_description(c.oid, 'pg_class'), '') LIKE '{comment}'"
    );
    database.value(&names).await.split_whitespace().map(str::to_owned).collect()
}

/// Returns the tables of which nothing says what deletes their rows.
async fn missing(database: &TestDatabase) -> BTreeSet<String> {
    let mut said = documented();
    said.extend(DO_NOT_GROW.map(str::to_owned));
    said.extend(tables(database, "Retention: %").await);
    tables(database, "%").await.difference(&said).cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_retention_of_each_table_that_grows_is_documented() {
    let database = TestDatabase::create().await;
    assert!(missing(&database).await.is_empty(), "{:?}", missing(&database).await);
    let mut listed = documented();
    listed.extend(DO_NOT_GROW.map(str::to_owned));
    let all = tables(&database, "%").await;
    let gone = listed.difference(&all).collect::<Vec<_>>();
    assert!(gone.is_empty(), "docs/retention.md, or the list here, has {gone:?}, which no migration creates");

    let mut admin = database.admin().await;
    admin
        .batch_execute("CREATE TABLE tenancy.planted (); COMMENT ON TABLE tenancy.planted IS 'Rows.'")
        .await
        .unwrap();
    assert_eq!(missing(&database).await, BTreeSet::from(["tenancy.planted".to_owned()]));
    admin.batch_execute("COMMENT ON TABLE tenancy.planted IS 'Retention: a day.'").await.unwrap();
    assert_eq!(missing(&database).await, BTreeSet::new());
}
