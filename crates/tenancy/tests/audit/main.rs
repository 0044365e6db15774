//! The audit against a real catalogue: a migrated database is clean, each hole planted in it is found, and the
//! mend that is named mends it.
//!
//! Every hole is planted in a transaction that is rolled back, roles included, which belong to the whole cluster.

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
use rowhouse_tenancy::audit::{self, RULES, Scope, Violation};
use rowhouse_testkit::{ServiceName, TestDatabase};

/// A tenant table as it should be, for the holes to be made in.
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
    let all = audit::run(&mut database.admin().await, &Scope::All).await.unwrap();
    assert_eq!(all, []);
    for name in ServiceName::ALL {
        let mut service = database.connect_as(*name).await;
        assert_eq!(audit::run(&mut service, &Scope::Schema(name.schema())).await.unwrap(), [], "{name}");
    }
}

#[tokio::test]
async fn the_search_path_is_left_as_it_was() {
    let database = TestDatabase::create().await;
    let mut admin = database.admin().await;
    admin.batch_execute("SET search_path = orders, tenancy").await.unwrap();
    assert_eq!(audit::run(&mut admin, &Scope::All).await.unwrap(), []);
    assert_eq!(text(&mut admin, "current_setting('search_path')").await, "orders, tenancy");
}

#[test]
fn every_rule_has_a_planted_hole() {
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
async fn holes_in_the_roles() {
    each_is_found_and_mended(roles::CASES).await;
}

#[tokio::test]
async fn holes_by_membership() {
    each_is_found_and_mended(administrators::CASES).await;
}

#[tokio::test]
async fn holes_in_the_privileges() {
    each_is_found_and_mended(privileges::CASES).await;
}

#[tokio::test]
async fn holes_in_the_tables() {
    each_is_found_and_mended(tables::CASES).await;
}

#[tokio::test]
async fn holes_in_the_keys() {
    each_is_found_and_mended(keys::CASES).await;
}

#[tokio::test]
async fn holes_in_the_routines() {
    each_is_found_and_mended(routines::CASES).await;
}

async fn each_is_found_and_mended(cases: &[Case]) {
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
    if case.scope == Scope::All {
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

    let Some(statements) = mends(&violations) else { return };
    admin.batch_execute(&format!("RESET ROLE; {statements}")).await.unwrap_or_else(|error| {
        panic!("{}: {statements}: {error}", case.plant);
    });
    assert_eq!(audit::run(admin, &Scope::All).await.unwrap(), [], "{} after {statements}", case.plant);
}

/// The statements that mend all of it, in the order in which they are listed; none if one is a sentence, which
/// begins with a small letter. Of alternatives the first.
fn mends(violations: &[Violation]) -> Option<String> {
    let statements: Option<Vec<&str>> = violations
        .iter()
        .map(|v| v.mend.split(", or ").next())
        .map(|mend| mend.filter(|mend| mend.starts_with(|c: char| c.is_ascii_uppercase())))
        .collect();
    Some(statements?.join(";\n"))
}

async fn text(conn: &mut AsyncPgConnection, expression: &str) -> String {
    diesel::select(sql::<Text>(expression)).get_result(conn).await.unwrap()
}
