//! In SQL, as each service's own role, on every tenant table.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rowhouse_testkit::ServiceName;

use crate::seed::{ACME, GLOBEX, database};

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
    for &role in ServiceName::ALL {
        let conn = &mut database.connect_as(role).await;
        for table in tenant_tables(conn).await {
            let name = &table.name;
            tables += 1;
            assert_eq!(count(conn, &format!("SELECT count(*) FROM {name}")).await, 0, "{name} outside");

            // One connection for both, as in a pool.
            for (tenant, other) in [(ACME, GLOBEX), (GLOBEX, ACME), (ACME, GLOBEX)] {
                enter(conn, tenant).await;
                let own = count(conn, &format!("SELECT count(*) FROM {name}")).await;
                assert_eq!(own, 1, "{name}");
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
    for &role in ServiceName::ALL {
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
    for &role in ServiceName::ALL {
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
