//! Two tenants with one row in each tenant table.

use diesel::QueryableByName;
use diesel::sql_types::{Array, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rowhouse_testkit::TestDatabase;

pub(crate) const ACME: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
pub(crate) const GLOBEX: &str = "01890a5d-ac96-774b-bcce-b302099a8058";

/// A tenant's rows whose values a CHECK restricts, or another test expects. Rows of all other tables are derived from
/// their columns. `$id` is the id of each row, and so of what a foreign key refers to.
const ROWS: &str = "
    INSERT INTO tenancy.tenants (id, slug, name, status) VALUES ('$tenant', '$slug', '$slug', 'active');
    INSERT INTO auth.identities (id, email, password_hash) VALUES ('$id', '$slug@example.com', 'none');
    INSERT INTO auth.memberships (tenant_id, id, user_id, role) VALUES ('$tenant', '$id', '$id', 'admin');
    INSERT INTO auth.sessions (tenant_id, id, user_id, token_digest, idle_expires_at, expires_at)
        VALUES ('$tenant', '$id', '$id', sha256('$slug'), now() + '1 h', now() + '1 h');
    INSERT INTO auth.invitations (tenant_id, id, email, role, token_digest, expires_at)
        VALUES ('$tenant', '$id', 'bob@example.com', 'member', sha256('$slug'), now() + '1 h');
    INSERT INTO auth.audit_log (tenant_id, id, actor_type, action, outcome)
        VALUES ('$tenant', '$id', 'system', 'sign_in', 'success');
    INSERT INTO auth.single_letters (tenant_id, id) VALUES ('$tenant', 'welcome');
    INSERT INTO orders.number_series (tenant_id, id, last_number) VALUES ('$tenant', 'orders', 1);
    INSERT INTO orders.orders (tenant_id, id, number, customer, currency, total_minor)
        VALUES ('$tenant', '$id', 1, '$slug', 'EUR', 100);
    INSERT INTO orders.exports (tenant_id, id, resource, format, job_id, created_by)
        VALUES ('$tenant', '$id', 'orders', 'csv', '$id', '$id');
    INSERT INTO jobs.jobs (tenant_id, id, kind, payload, max_attempts)
        VALUES ('$tenant', '$id', 'webhook.tidy', '{}', 1);";

#[derive(QueryableByName)]
struct Table {
    #[diesel(sql_type = Text)]
    name: String,
    /// The columns that need a value.
    #[diesel(sql_type = Array<Text>)]
    columns: Vec<String>,
    /// A value of each column's type.
    #[diesel(sql_type = Array<Text>)]
    values: Vec<String>,
}

/// Creates two tenants, each with one row in each table.
pub(crate) async fn database() -> TestDatabase {
    let database = TestDatabase::create().await;
    let conn = &mut database.admin().await;
    for (tenant, slug, number) in [(ACME, "acme", 1), (GLOBEX, "globex", 2)] {
        let id = format!("00000000-0000-7000-8000-00000000000{number}");
        let fill = |text: &str| text.replace("$tenant", tenant).replace("$slug", slug).replace("$id", &id);
        conn.batch_execute(&fill(ROWS)).await.unwrap();
        let mut missing = tables(conn).await;
        // A table comes after those to which it refers.
        loop {
            let mut refused = Vec::new();
            let before = missing.len();
            for table in missing {
                let Table { name, columns, values } = &table;
                let (columns, values) = (columns.join(", "), fill(&values.join(", ")));
                let insert = format!(
                    "INSERT INTO {name} ({columns}) SELECT {values}
                     WHERE NOT EXISTS (SELECT FROM {name} WHERE tenant_id = '{tenant}')"
                );
                if let Err(error) = conn.batch_execute(&insert).await {
                    refused.push((table, error));
                }
            }
            if refused.is_empty() {
                break;
            }
            let reasons = refused.iter().map(|(table, error)| format!("{}: {error}", table.name));
            assert!(
                refused.len() < before,
                "no row can be derived; write one in ROWS: {}",
                reasons.collect::<Vec<_>>().join("; ")
            );
            missing = refused.into_iter().map(|(table, _)| table).collect();
        }
    }
    database
}

/// Returns the tenant tables, with their columns that are required and have no default.
async fn tables(conn: &mut AsyncPgConnection) -> Vec<Table> {
    diesel::sql_query(
        "SELECT c.oid::regclass::text AS name,
                array_agg(quote_ident(a.attname) ORDER BY a.attnum) AS columns,
                array_agg(CASE
                    WHEN a.attname = 'tenant_id' THEN quote_literal('$tenant')
                    WHEN t.typname = 'uuid' THEN quote_literal('$id')
                    WHEN t.typcategory = 'N' THEN '1'
                    WHEN t.typcategory = 'D' THEN 'now()'
                    WHEN t.typname = 'bytea' THEN 'sha256(''$slug'')'
                    WHEN t.typcategory = 'A' THEN quote_literal('{*}')
                    WHEN t.typname IN ('json', 'jsonb') THEN quote_literal('{}')
                    ELSE quote_literal('$slug')
                END || '::' || format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum) AS values
         FROM pg_class c
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         JOIN pg_type t ON t.oid = a.atttypid
         WHERE c.relkind = 'r' AND c.relrowsecurity AND a.attnotnull AND NOT a.atthasdef
            AND EXISTS (SELECT FROM pg_attribute i WHERE i.attrelid = c.oid AND i.attname = 'tenant_id')
         GROUP BY c.oid",
    )
    .load(conn)
    .await
    .unwrap()
}
