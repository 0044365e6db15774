//! With many tenants, what an operator or a service asks for once reads a few blocks, and not all tenants.

use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rowhouse_testkit::{ServiceName, TestDatabase};

use crate::json;

/// The number of tenants, each with a per-tenant queue in each class of each service: they take thousands of blocks.
const MANY: usize = 5_000;
/// The largest number of blocks. A page of fifty tenants and their rows are about as many.
const FEW_BLOCKS: u32 = 120;

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    text: String,
}

/// Creates the tenants, and four times as many people. No per-tenant queue has anything to do.
async fn many() -> TestDatabase {
    let database = TestDatabase::create().await;
    let rows = format!(
        "INSERT INTO tenancy.tenants (id, slug, name, status)
         SELECT gen_random_uuid(), 'tenant-' || n, 'Tenant ' || n, 'active' FROM generate_series(1, {MANY}) n;
         INSERT INTO auth.identities (id, email)
         SELECT gen_random_uuid(), 'person-' || n || '@example.com' FROM generate_series(1, 4 * {MANY}) n;
         INSERT INTO jobs.lanes (queue, class, tenant_id, ready, due_at)
         SELECT q, c, i.tenant_id, false, CASE c WHEN 'delivery' THEN 'infinity' ELSE now() + interval '1 day' END
         FROM tenancy.tenant_ids i, unnest(ARRAY['rowhouse_auth', 'rowhouse_orders', 'rowhouse_onboarding']) q,
             unnest(ARRAY['interactive', 'delivery', 'maintenance']) c"
    );
    let mut admin = database.admin().await;
    admin.batch_execute(&rows).await.unwrap();
    admin.batch_execute("VACUUM ANALYZE").await.unwrap();
    database
}

/// Returns the number of blocks that a query reads, with those of the functions that it calls.
async fn blocks(conn: &mut AsyncPgConnection, query: &str) -> u32 {
    let explained = format!("EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {query}");
    let mut blocks = 0;
    // The first time it reads the catalogue as well.
    for _ in 0..2 {
        let plan: Vec<Line> = diesel::sql_query(&explained).load(conn).await.unwrap();
        let buffers = plan.iter().find_map(|line| line.text.trim().strip_prefix("Buffers: shared ")).unwrap();
        blocks = buffers
            .split(' ')
            .filter_map(|counted| counted.strip_prefix("hit=").or_else(|| counted.strip_prefix("read=")))
            .map(|count| count.parse::<u32>().unwrap())
            .sum();
    }
    blocks
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_tenants_and_a_slug_are_found_by_an_index() {
    let database = many().await;
    let mut owner = database.admin().await;
    owner.batch_execute("SET ROLE rowhouse_owner").await.unwrap();
    for query in [
        "SELECT t.id FROM tenancy.directory() t WHERE t.slug = 'tenant-77'",
        "SELECT t.id, t.name FROM tenancy.directory() t ORDER BY t.id DESC LIMIT 50",
        "SELECT i.id FROM auth.identities i WHERE i.id > '00000000-0000-0000-0000-000000000000'
             AND (octet_length(i.email) <> char_length(i.email) OR i.email LIKE '%xn--%') ORDER BY i.id LIMIT 1000",
    ] {
        let read = blocks(&mut owner, query).await;
        assert!(read <= FEW_BLOCKS, "{query} reads {read} blocks");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn services_measure_their_queues_by_an_index() {
    let database = many().await;
    for (service, query) in [
        (ServiceName::Auth, "SELECT auth.oldest_email(1000)"),
        (ServiceName::Orders, "SELECT orders.oldest_delivery(1000)"),
        (ServiceName::Orders, "SELECT * FROM jobs.statistics(1000)"),
    ] {
        let mut conn = database.connect_as(service).await;
        let read = blocks(&mut conn, query).await;
        assert!(read <= FEW_BLOCKS, "{query} reads {read} blocks");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_says_how_many_tenants_there_are() {
    let database = many().await;
    let total = async |arguments: &[&str]| {
        let listed = json(&database, &[&["tenant", "list", "--limit", "1"], arguments].concat()).await;
        assert!(listed["items"].as_array().unwrap().len() <= 1, "{listed}");
        listed["total"].as_u64().unwrap()
    };
    assert_eq!(total(&[]).await, 5_000);
    let mut admin = database.admin().await;
    for change in [
        "DELETE FROM tenancy.tenants WHERE slug LIKE 'tenant-1%'",
        "UPDATE tenancy.tenants SET status = 'suspended', name = 'Other' WHERE slug LIKE 'tenant-2%'",
        "UPDATE tenancy.tenants SET id = gen_random_uuid() WHERE slug = 'tenant-3'",
        "BEGIN; DELETE FROM tenancy.tenants; ROLLBACK",
    ] {
        admin.batch_execute(change).await.unwrap();
    }
    // Another session counts in another row.
    database
        .admin()
        .await
        .batch_execute("DELETE FROM tenancy.tenants WHERE slug = 'tenant-4'")
        .await
        .unwrap();
    // One, tens, hundreds and thousands begin with a digit: 1,111 with 1, and as many with 2.
    assert_eq!(total(&[]).await, 5_000 - 1_111 - 1);
    assert_eq!(total(&["--status", "suspended"]).await, 1_111);
    assert_eq!(total(&["--search", "other"]).await, 1_111);
    assert_eq!(total(&["--search", "TENANT-3"]).await, 1_111);
    assert_eq!(total(&["--status", "failed"]).await, 0);
}
