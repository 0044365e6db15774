//! The privileges that a new service's role is granted by `tenancy.admit_service`.

use std::collections::BTreeSet;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use rowhouse_tenancy::audit::{self, AuditScope};
use rowhouse_testkit::{ServiceName, TestDatabase};

use crate::text;

/// A role that is made as `rowhouse migrate` makes those of the catalog, and a schema as its first migration makes it.
const NEW: &str = "
    BEGIN;
    CREATE ROLE rowhouse_probe LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION;
    ALTER ROLE rowhouse_probe SET statement_timeout = '5s';
    ALTER ROLE rowhouse_probe SET idle_in_transaction_session_timeout = '10s';
    ALTER ROLE rowhouse_probe SET lock_timeout = '2s';
    SET LOCAL ROLE rowhouse_owner;
    CREATE SCHEMA probe;
    GRANT USAGE ON SCHEMA probe TO rowhouse_probe;
";

/// Returns the privileges that are granted to a role by name, outside of the schema that is named after it: on schemas,
/// relations, columns and routines.
async fn granted(conn: &mut AsyncPgConnection, role: &str) -> BTreeSet<String> {
    let grants = format!(
        "(SELECT coalesce(string_agg(g.privilege || ' ' || g.object, E'\\n'), '') FROM (
            SELECT a.privilege_type AS privilege, 'schema ' || n.nspname AS object, n.oid AS schema, a.grantee
            FROM pg_namespace n, aclexplode(n.nspacl) a
            UNION ALL
            SELECT a.privilege_type, c.oid::regclass::text, c.relnamespace, a.grantee
            FROM pg_class c, aclexplode(c.relacl) a
            UNION ALL
            SELECT a.privilege_type, c.oid::regclass || '.' || t.attname, c.relnamespace, a.grantee
            FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid AND NOT t.attisdropped, aclexplode(t.attacl) a
            UNION ALL
            SELECT a.privilege_type, p.oid::regprocedure::text, p.pronamespace, a.grantee
            FROM pg_proc p, aclexplode(p.proacl) a
        ) g JOIN pg_namespace n ON n.oid = g.schema
        WHERE g.grantee = '{role}'::regrole AND 'rowhouse_' || n.nspname <> '{role}')"
    );
    text(conn, &grants).await.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn an_admitted_role_has_exactly_what_all_services_have() {
    let database = TestDatabase::create().await;
    let mut admin = database.admin().await;
    let mut common: Option<BTreeSet<String>> = None;
    for service in ServiceName::ALL {
        let granted = granted(&mut admin, service.role()).await;
        common = Some(match common {
            Some(common) => common.intersection(&granted).cloned().collect(),
            None => granted,
        });
    }
    let common = common.unwrap();
    assert!(common.contains("EXECUTE tenancy.set_tenant_context(uuid,uuid,bigint)"), "{common:#?}");

    admin.batch_execute(NEW).await.unwrap();
    assert_eq!(granted(&mut admin, "rowhouse_probe").await, BTreeSet::new());
    admin.batch_execute("CALL tenancy.admit_service('rowhouse_probe')").await.unwrap();
    assert_eq!(granted(&mut admin, "rowhouse_probe").await, common);
    admin.batch_execute("CALL tenancy.admit_service('rowhouse_probe'); RESET ROLE").await.unwrap();
    assert_eq!(granted(&mut admin, "rowhouse_probe").await, common, "repeated");
    assert_eq!(audit::run(&mut admin, &AuditScope::All).await.unwrap(), []);

    // As the service sees it at its start.
    admin.batch_execute("SET LOCAL ROLE rowhouse_probe").await.unwrap();
    assert_eq!(audit::run(&mut admin, &AuditScope::Schema("probe")).await.unwrap(), []);
    assert!(!text(&mut admin, "(SELECT newest FROM tenancy.schema_version())").await.is_empty());
    admin.batch_execute("ROLLBACK").await.unwrap();
}

/// Without the procedure the audit says what is missing, and nothing of a tenant is reached.
#[tokio::test]
async fn a_role_that_was_not_admitted_finds_the_kernel_closed() {
    let database = TestDatabase::create().await;
    let mut admin = database.admin().await;
    admin.batch_execute(&format!("{NEW} SET LOCAL ROLE rowhouse_probe")).await.unwrap();
    let violations = audit::run(&mut admin, &AuditScope::Schema("probe")).await.unwrap();
    assert!(violations.iter().any(|violation| violation.rule == "kernel_closed"), "{violations:?}");
    admin.batch_execute("ROLLBACK").await.unwrap();
}
