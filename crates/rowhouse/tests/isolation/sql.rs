//! In SQL, as each service's own role, on every tenant table.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rowhouse_testkit::{ServiceName, TestDatabase};

pub(crate) const ACME: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
pub(crate) const GLOBEX: &str = "01890a5d-ac96-774b-bcce-b302099a8058";

#[derive(QueryableByName)]
struct TenantTable {
    #[diesel(sql_type = Text)]
    name: String,
    /// A column that it may update.
    #[diesel(sql_type = Nullable<Text>)]
    updatable: Option<String>,
    #[diesel(sql_type = Bool)]
    deletable: bool,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Creates two tenants, each with one row in each table.
pub(crate) async fn database() -> TestDatabase {
    let database = TestDatabase::create().await;
    let mut seed = String::new();
    for (tenant, slug, user) in [(ACME, "acme", 1), (GLOBEX, "globex", 2)] {
        let id = format!("00000000-0000-7000-8000-00000000000{user}");
        seed.push_str(&format!(
            "INSERT INTO tenancy.tenants (id, slug, name, status) VALUES ('{tenant}', '{slug}', '{slug}', 'active');
             INSERT INTO auth.identities (id, email, password_hash) VALUES ('{id}', '{slug}@example.com', 'none');
             INSERT INTO auth.memberships (tenant_id, id, user_id, role) VALUES ('{tenant}', '{id}', '{id}', 'admin');
             INSERT INTO orders.number_series (tenant_id, id, last_number) VALUES ('{tenant}', 'orders', 1);
             INSERT INTO orders.orders (tenant_id, id, number, customer, currency, total_minor)
                VALUES ('{tenant}', '{id}', 1, '{slug}', 'EUR', 100);
             INSERT INTO orders.order_lines (tenant_id, id, order_id, position, sku, quantity, unit_price_minor)
                VALUES ('{tenant}', '{id}', '{id}', 1, 'chair', 1, 100);
             INSERT INTO orders.idempotency_keys (tenant_id, id, fingerprint, response)
                VALUES ('{tenant}', 'key', sha256(''), '');
             INSERT INTO auth.idempotency_keys (tenant_id, id, fingerprint, response)
                VALUES ('{tenant}', 'key', sha256(''), '');
             INSERT INTO auth.sessions (tenant_id, id, user_id, token_digest, idle_expires_at, expires_at)
                VALUES ('{tenant}', '{id}', '{id}', sha256('{slug}'), now() + '1 h', now() + '1 h');
             INSERT INTO auth.invitations (tenant_id, id, email, role, token_digest, expires_at)
                VALUES ('{tenant}', '{id}', 'bob@example.com', 'member', sha256('{slug}'), now() + '1 h');
             INSERT INTO auth.api_keys (tenant_id, id, name, hint, digest, scopes, created_by)
                VALUES ('{tenant}', '{id}', 'key', 'rowhouse_ak_', sha256('{slug}'), '{{orders:read}}', '{id}');
             INSERT INTO auth.audit_log (tenant_id, id, actor_type, action, outcome)
                VALUES ('{tenant}', '{id}', 'system', 'sign_in', 'success');
             INSERT INTO auth.single_letters (tenant_id, id) VALUES ('{tenant}', 'welcome');
             INSERT INTO onboarding.onboardings (tenant_id, id, email, owner_id)
                VALUES ('{tenant}', '{id}', '{slug}@example.com', '{id}');
             INSERT INTO jobs.jobs (tenant_id, id, kind, payload, max_attempts)
                VALUES ('{tenant}', '{id}', 'webhook.tidy', '{{}}', 1);
             INSERT INTO orders.exports (tenant_id, id, resource, format, job_id, created_by)
                VALUES ('{tenant}', '{id}', 'orders', 'csv', '{id}', '{id}');
             INSERT INTO orders.export_chunks (tenant_id, id, export_id, position, data)
                VALUES ('{tenant}', '{id}', '{id}', 0, 'x');
             INSERT INTO orders.webhook_endpoints (tenant_id, id, url, events, sealed_secret)
                VALUES ('{tenant}', '{id}', 'https://{slug}.example', '{{*}}', '');
             INSERT INTO orders.order_events (tenant_id, id, order_id, order_version, type, body)
                VALUES ('{tenant}', '{id}', '{id}', 1, 'order.created', '{{}}');
             INSERT INTO orders.webhook_deliveries
                    (tenant_id, id, webhook_endpoint_id, event_id, order_id, order_version, attempts_left)
                VALUES ('{tenant}', '{id}', '{id}', '{id}', '{id}', 1, 1);
             INSERT INTO orders.webhook_attempts (tenant_id, id, delivery_id, attempted_at, duration_ms)
                VALUES ('{tenant}', '{id}', '{id}', now(), 1);
             INSERT INTO tenancy.token_revocations (tenant_id, id, issued_until) VALUES ('{tenant}', '{id}', now());"
        ));
    }
    database.admin().await.batch_execute(&seed).await.unwrap();
    database
}

/// Returns the tenant tables that the role may read, with its other privileges.
async fn tenant_tables(conn: &mut AsyncPgConnection) -> Vec<TenantTable> {
    diesel::sql_query(
        "SELECT c.oid::regclass::text AS name,
                (SELECT quote_ident(a.attname) FROM pg_attribute a
                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND has_column_privilege(c.oid, a.attnum, 'UPDATE')
                 LIMIT 1) AS updatable,
                has_table_privilege(c.oid, 'DELETE') AS deletable
         FROM pg_class c
         WHERE c.relkind = 'r' AND has_schema_privilege(c.relnamespace, 'USAGE')
            AND has_any_column_privilege(c.oid, 'SELECT') AND c.relrowsecurity
            AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id')",
    )
    .load(conn)
    .await
    .unwrap()
}

async fn count(conn: &mut AsyncPgConnection, query: &str) -> i64 {
    diesel::sql_query(query).get_result::<Count>(conn).await.unwrap().count
}

pub(crate) async fn enter(conn: &mut AsyncPgConnection, tenant: &str) {
    let enter = format!("BEGIN; SELECT tenancy.set_tenant_context('{tenant}')");
    conn.batch_execute(&enter).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_sees_one_tenant_inside_a_context_and_none_outside() {
    let database = database().await;
    let mut tables = 0;
    for role in [ServiceName::Auth, ServiceName::Onboarding, ServiceName::Orders] {
        let conn = &mut database.connect_as(role).await;
        for table in tenant_tables(conn).await {
            let name = &table.name;
            tables += 1;
            assert_eq!(count(conn, &format!("SELECT count(*) FROM {name}")).await, 0, "{name} outside");

            // One connection for both, as in a pool.
            for (tenant, other) in [(ACME, GLOBEX), (GLOBEX, ACME), (ACME, GLOBEX)] {
                enter(conn, tenant).await;
                let own = count(conn, &format!("SELECT count(*) FROM {name}")).await;
                assert_eq!(own, 1, "{name}: the seed in this file has to have a row of it for each tenant");
                let foreign = format!("SELECT count(*) FROM {name} WHERE tenant_id = '{other}'");
                assert_eq!(count(conn, &foreign).await, 0, "{name}");
                conn.batch_execute("COMMIT").await.unwrap();
                assert_eq!(count(conn, &format!("SELECT count(*) FROM {name}")).await, 0, "{name} after");
            }
        }
        enter(conn, ACME).await;
        assert_eq!(
            count(conn, "SELECT count(*) FROM tenancy.tenants").await,
            1,
            "the directory, as {role:?}"
        );
        conn.batch_execute("COMMIT").await.unwrap();
    }
    assert!(tables >= 23, "only {tables} tables were tried");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_cannot_write_into_another_tenant() {
    let database = database().await;
    let mut writes = 0;
    for role in [ServiceName::Auth, ServiceName::Onboarding, ServiceName::Orders] {
        let conn = &mut database.connect_as(role).await;
        for table in tenant_tables(conn).await {
            let name = &table.name;
            enter(conn, ACME).await;
            if let Some(column) = &table.updatable {
                let update = format!("UPDATE {name} SET {column} = {column} WHERE tenant_id = '{GLOBEX}'");
                assert_eq!(diesel::sql_query(update).execute(conn).await.unwrap(), 0, "{name}");
                writes += 1;
            }
            if table.deletable {
                let delete = format!("DELETE FROM {name} WHERE tenant_id = '{GLOBEX}'");
                assert_eq!(diesel::sql_query(delete).execute(conn).await.unwrap(), 0, "{name}");
                writes += 1;
            }
            conn.batch_execute("ROLLBACK").await.unwrap();
        }
    }
    assert!(writes >= 27, "only {writes} writes were tried");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_tenant_is_entered_that_is_unknown_or_suspended() {
    let database = database().await;
    let suspend = format!("UPDATE tenancy.tenants SET status = 'suspended' WHERE id = '{GLOBEX}'");
    database.admin().await.batch_execute(&suspend).await.unwrap();
    let conn = &mut database.connect_as(ServiceName::Orders).await;
    for (tenant, refusal) in [
        ("'01890a5d-ac96-774b-bcce-b302099a8059'".to_owned(), "there is no such tenant"),
        ("NULL".to_owned(), "there is no such tenant"),
        (format!("'{GLOBEX}'"), "the tenant is suspended"),
    ] {
        let enter = format!("SELECT tenancy.set_tenant_context({tenant})");
        let refused = conn.batch_execute(&enter).await.unwrap_err().to_string();
        assert!(refused.contains(refusal), "{enter}: {refused}");
        assert_eq!(count(conn, "SELECT count(*) FROM orders.orders").await, 0, "nothing is left of it");
    }
    // The entry for a new tenant gives no access to an existing one.
    let conn = &mut database.connect_as(ServiceName::Onboarding).await;
    let enter = format!("SELECT tenancy.enter_new_tenant('{GLOBEX}')");
    let refused = conn.batch_execute(&enter).await.unwrap_err().to_string();
    assert!(refused.contains("the tenant is there"), "{refused}");
    assert_eq!(count(conn, "SELECT count(*) FROM onboarding.onboardings").await, 0, "nothing is left of it");
}

/// The entry into a tenant looks the token's session up, in the token's own tenant only.
#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_enters_no_tenant() {
    let database = database().await;
    let (own, other) = ("00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000002");
    let revoke = "UPDATE tenancy.token_revocations SET issued_until = to_timestamp(1000)";
    database.admin().await.batch_execute(revoke).await.unwrap();
    for role in [ServiceName::Auth, ServiceName::Onboarding, ServiceName::Orders] {
        let conn = &mut database.connect_as(role).await;
        for (session, issued_at, refused) in
            [(own, 999, true), (own, 1000, true), (own, 1001, false), (other, 999, false)]
        {
            let enter =
                format!("BEGIN; SELECT tenancy.set_tenant_context('{ACME}', '{session}', {issued_at})");
            let entered = conn.batch_execute(&enter).await;
            if refused {
                assert!(entered.unwrap_err().to_string().contains("revoked"), "{role:?} {enter}");
            } else {
                entered.unwrap();
            }
            conn.batch_execute("ROLLBACK").await.unwrap();
        }
    }
}

/// Outside of a transaction the setting lasts for no statement, so a forgotten BEGIN shows nothing instead of another
/// tenant's rows.
#[tokio::test(flavor = "multi_thread")]
async fn a_context_without_a_transaction_shows_nothing() {
    let database = database().await;
    let conn = &mut database.connect_as(ServiceName::Orders).await;
    conn.batch_execute(&format!("SELECT tenancy.set_tenant_context('{ACME}')")).await.unwrap();
    assert_eq!(count(conn, "SELECT count(*) FROM orders.orders").await, 0);
}
