//! Violations by role membership, and the distinction between administrators and other roles.

use diesel_async::SimpleAsyncConnection;
use rowhouse_tenancy::audit::{self, AuditScope};
use rowhouse_testkit::TestDatabase;

use crate::case::{Case, admin};

pub(crate) const CASES: &[Case] = &[
    // Without INHERIT it needs SET ROLE, and no privilege is visible.
    admin(
        "CREATE ROLE audit_stranger LOGIN NOINHERIT; GRANT rowhouse_owner TO audit_stranger",
        &[("role_has_member", "audit_stranger")],
    ),
    admin(
        "CREATE ROLE audit_stranger LOGIN; GRANT rowhouse_owner TO audit_stranger",
        &[("role_has_member", "audit_stranger")],
    ),
    admin(
        "CREATE ROLE audit_helper; GRANT rowhouse_orders TO audit_helper",
        &[("role_has_member", "audit_helper")],
    ),
    admin("GRANT rowhouse_orders TO rowhouse_definer", &[("role_has_member", "rowhouse_definer")]),
    admin(
        "CREATE ROLE audit_readers; GRANT USAGE ON SCHEMA orders TO audit_readers;
         CREATE ROLE audit_reader LOGIN NOINHERIT; GRANT audit_readers TO audit_reader",
        &[("role_has_member", "audit_reader")],
    ),
    // PostgreSQL 16 and later require the grantor's name to revoke it.
    admin(
        "CREATE ROLE audit_operator CREATEROLE; GRANT rowhouse_administrators TO audit_operator;
         CREATE ROLE audit_helper;
         SET LOCAL ROLE audit_operator; GRANT rowhouse_owner TO audit_helper; RESET ROLE",
        &[("role_has_member", "audit_helper")],
    ),
    // It may be meant as an administrator, but is not declared as one.
    admin(
        "CREATE ROLE audit_operator LOGIN CREATEROLE CREATEDB; GRANT rowhouse_owner TO audit_operator",
        &[("role_has_member", "audit_operator")],
    ),
    // It has CREATEROLE and is unrelated to Rowhouse.
    admin("CREATE ROLE audit_operator LOGIN CREATEROLE CREATEDB BYPASSRLS", &[]),
    admin(
        "CREATE ROLE audit_operator LOGIN CREATEROLE CREATEDB BYPASSRLS;
         GRANT rowhouse_administrators, rowhouse_owner, rowhouse_definer, rowhouse_orders TO audit_operator",
        &[],
    ),
    admin(
        "CREATE ROLE audit_team; GRANT rowhouse_administrators TO audit_team;
         CREATE ROLE rowhouse_operator LOGIN NOINHERIT CREATEROLE; GRANT audit_team TO rowhouse_operator",
        &[],
    ),
    // In a migrated database PostgreSQL itself refuses that, since administrators are members of the services' roles.
    admin(
        "REVOKE rowhouse_orders FROM rowhouse_administrators; GRANT rowhouse_administrators TO rowhouse_orders",
        &[("role_is_member", "rowhouse_orders")],
    ),
    admin(
        "CREATE ROLE audit_operator LOGIN CREATEROLE;
         GRANT rowhouse_administrators TO audit_operator; GRANT USAGE ON SCHEMA orders TO audit_operator",
        &[("administrator_privilege", "audit_operator")],
    ),
    admin(
        "CREATE ROLE audit_root LOGIN SUPERUSER; GRANT USAGE ON SCHEMA orders TO audit_root",
        &[("administrator_privilege", "audit_root")],
    ),
    admin(
        "CREATE ROLE rowhouse_billing LOGIN CREATEROLE",
        &[
            ("role_creates_roles", "rowhouse_billing"),
            ("timeout_missing", "rowhouse_billing"),
            ("kernel_closed", "rowhouse_billing"),
        ],
    ),
    admin("ALTER ROLE rowhouse_administrators LOGIN", &[("kernel_role_logs_in", "rowhouse_administrators")]),
    admin("DROP ROLE rowhouse_administrators", &[("kernel_missing", "rowhouse_administrators")]),
];

/// Administrators that resemble services: one in the group, one that is not, a superuser.
const ADMINISTRATORS: &str = "
    CREATE ROLE audit_operator LOGIN CREATEROLE CREATEDB;
    GRANT rowhouse_administrators TO audit_operator;
    CREATE ROLE audit_undeclared LOGIN CREATEROLE CREATEDB REPLICATION BYPASSRLS;
    GRANT rowhouse_owner, rowhouse_definer, rowhouse_orders TO audit_undeclared;
    GRANT USAGE ON SCHEMA orders TO audit_undeclared;
    CREATE TABLE public.elsewhere (id integer);
    ALTER TABLE public.elsewhere OWNER TO audit_undeclared;
    CREATE ROLE audit_root LOGIN SUPERUSER;
    GRANT USAGE ON SCHEMA orders TO audit_root;
    CREATE ROLE audit_stranger LOGIN NOINHERIT;
    GRANT rowhouse_owner TO audit_stranger;
";

#[tokio::test]
async fn the_result_is_the_same_for_every_role() {
    let database = TestDatabase::create().await;
    let mut conn = database.admin().await;
    conn.batch_execute(&format!("BEGIN; {ADMINISTRATORS}")).await.unwrap();
    let expected = audit::run(&mut conn, &AuditScope::All).await.unwrap();
    assert!(expected.iter().any(|violation| violation.object == "audit_stranger"), "{expected:?}");
    assert!(!expected.iter().any(|violation| violation.object == "audit_operator"), "{expected:?}");
    for role in ["audit_operator", "audit_undeclared", "audit_root", "rowhouse_orders", "rowhouse_auth"] {
        let become_it = format!("SET LOCAL SESSION AUTHORIZATION {role}");
        conn.batch_execute(&become_it).await.unwrap();
        assert_eq!(audit::run(&mut conn, &AuditScope::All).await.unwrap(), expected, "{role}");
        conn.batch_execute("RESET SESSION AUTHORIZATION").await.unwrap();
    }
    conn.batch_execute("ROLLBACK").await.unwrap();
}

/// A remedy is safe to execute as it is, unless it begins with "if".
#[tokio::test]
async fn no_remedy_takes_privileges_from_an_administrator() {
    let database = TestDatabase::create().await;
    let mut conn = database.admin().await;
    conn.batch_execute(&format!("BEGIN; {ADMINISTRATORS}")).await.unwrap();
    let found = audit::run(&mut conn, &AuditScope::All).await.unwrap();
    let remedies: Vec<&str> = found
        .iter()
        .filter(|violation| {
            violation.remedy.contains("audit_undeclared") || violation.remedy.contains("audit_root")
        })
        .map(|violation| violation.remedy.as_str())
        .collect();
    assert!(remedies.len() > 8, "{found:?}");
    for remedy in remedies {
        let harmless = ["if audit_undeclared is ", "REVOKE USAGE ON SCHEMA orders FROM audit_root, or"];
        assert!(harmless.iter().any(|start| remedy.starts_with(start)), "{remedy}");
    }
    conn.batch_execute("ROLLBACK").await.unwrap();
}
