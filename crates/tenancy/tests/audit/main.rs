//! Tests of the audit against a real catalogue: a migrated database has no violation, each planted violation is found, and
//! its remedy ends it.
//!
//! Every violation is planted in a transaction that is rolled back, including roles, which belong to the whole cluster.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod administrators;
mod admission;
mod case;
mod keys;
mod privileges;
mod roles;
mod routines;
mod tables;

use std::collections::BTreeSet;

use case::Case;
use diesel::dsl::sql;
use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rowhouse_tenancy::audit::{self, AuditScope, RULES, Violation};
use rowhouse_testkit::{ServiceName, TestDatabase};

/// A correct tenant table, in which the cases plant violations.
const NOTES: &str = "
    SET LOCAL ROLE rowhouse_owner;
    CREATE TABLE orders.probes (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        parent_id uuid,
        body text NOT NULL DEFAULT '',
        PRIMARY KEY (tenant_id, id)
    );
    CALL tenancy.protect('orders.probes');
    RESET ROLE;
";

#[tokio::test]
async fn a_migrated_database_is_clean() {
    let database = TestDatabase::create().await;
    let all = audit::run(&mut database.admin().await, &AuditScope::All).await.unwrap();
    assert_eq!(all, []);
    for name in ServiceName::ALL {
        let mut service = database.connect_as(*name).await;
        assert_eq!(audit::run(&mut service, &AuditScope::Schema(name.schema())).await.unwrap(), [], "{name}");
    }
}

#[tokio::test]
async fn the_search_path_is_left_as_it_was() {
    let database = TestDatabase::create().await;
    let mut admin = database.admin().await;
    admin.batch_execute("SET search_path = orders, tenancy").await.unwrap();
    assert_eq!(audit::run(&mut admin, &AuditScope::All).await.unwrap(), []);
    assert_eq!(text(&mut admin, "current_setting('search_path')").await, "orders, tenancy");
}

#[test]
fn every_rule_has_a_planted_violation() {
    let planted: BTreeSet<&str> =
        [administrators::CASES, roles::CASES, privileges::CASES, tables::CASES, keys::CASES, routines::CASES]
            .into_iter()
            .flatten()
            .flat_map(|case| case.found.iter().map(|(rule, _)| *rule))
            .collect();
    let rules: BTreeSet<&str> = RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(planted, rules);
}

#[tokio::test]
async fn violations_by_the_roles() {
    each_is_found_and_remedied(roles::CASES).await;
}

#[tokio::test]
async fn violations_by_membership() {
    each_is_found_and_remedied(administrators::CASES).await;
}

#[tokio::test]
async fn violations_by_the_privileges() {
    each_is_found_and_remedied(privileges::CASES).await;
}

#[tokio::test]
async fn violations_by_the_tables() {
    each_is_found_and_remedied(tables::CASES).await;
}

#[tokio::test]
async fn violations_by_the_keys() {
    each_is_found_and_remedied(keys::CASES).await;
}

#[tokio::test]
async fn violations_by_the_routines() {
    each_is_found_and_remedied(routines::CASES).await;
}

async fn each_is_found_and_remedied(cases: &[Case]) {
    let database = TestDatabase::create().await;
    let mut admin = database.admin().await;
    for case in cases {
        admin.batch_execute("BEGIN").await.unwrap();
        check(&mut admin, case).await;
        admin.batch_execute("ROLLBACK").await.unwrap();
    }
}

async fn check(admin: &mut AsyncPgConnection, case: &Case) {
    let plant = format!("{NOTES} SET LOCAL ROLE {}; {}", case.role, case.plant);
    admin.batch_execute(&plant).await.unwrap_or_else(|error| panic!("{}: {error}", case.plant));
    if case.scope == AuditScope::All {
        admin.batch_execute("RESET ROLE").await.unwrap();
    }
    let violations = audit::run(admin, &case.scope).await.unwrap();

    let database = text(admin, "quote_ident(current_database())").await;
    let expected: BTreeSet<(&str, &str)> = case
        .found
        .iter()
        .map(|(rule, object)| (*rule, if *object == "current database" { &database } else { *object }))
        .collect();
    let found: BTreeSet<(&str, &str)> = violations.iter().map(|v| (v.rule, v.object.as_str())).collect();
    assert_eq!(found, expected, "{}", case.plant);

    let Some(statements) = remedies(&violations) else { return };
    admin.batch_execute(&format!("RESET ROLE; {statements}")).await.unwrap_or_else(|error| {
        panic!("{}: {statements}: {error}", case.plant);
    });
    assert_eq!(audit::run(admin, &AuditScope::All).await.unwrap(), [], "{} after {statements}", case.plant);
}

/// Returns the remedies as SQL, in their order, or `None` if one of them is a sentence, which begins with a small
/// letter. Of alternatives it takes the first.
fn remedies(violations: &[Violation]) -> Option<String> {
    let statements: Option<Vec<&str>> = violations
        .iter()
        .map(|v| v.remedy.split(", or ").next())
        .map(|remedy| remedy.filter(|remedy| remedy.starts_with(|c: char| c.is_ascii_uppercase())))
        .collect();
    Some(statements?.join(";\n"))
}

async fn text(conn: &mut AsyncPgConnection, expression: &str) -> String {
    diesel::select(sql::<Text>(expression)).get_result(conn).await.unwrap()
}
