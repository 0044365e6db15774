//! `rowhouse wait-for-migrations`, and schemas that are too new for `rowhouse migrate`.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use diesel_async::SimpleAsyncConnection;
use rowhouse_chassis::database::REQUIRED_SCHEMA;
use rowhouse_testkit::{ServiceName, TestDatabase};

use crate::program::{ROWHOUSE, ended, migrate, start, stderr, succeed};
use crate::{holds, text};

const TOO_NEW: &str = "UPDATE tenancy.schema_compatibility SET oldest_supported = '29990101000000'";

fn wait(url: &str) -> Child {
    ROWHOUSE.on(url, &["wait-for-migrations"]).stdout(Stdio::null()).spawn().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_waits_until_the_schema_is_new_enough() {
    let database = TestDatabase::create().await;
    let mut admin = database.admin().await;
    let version = text(&mut admin, "(SELECT max(version) FROM public.__diesel_schema_migrations)").await;
    let forget =
        format!("DELETE FROM public.__diesel_schema_migrations WHERE version >= '{REQUIRED_SCHEMA}'");
    admin.batch_execute(&forget).await.unwrap();
    let mut waiting = wait(&database.url(ServiceName::Orders));
    let mut output = BufReader::new(waiting.stderr.take().unwrap());
    let mut line = String::new();
    let (mut output, line) = tokio::task::spawn_blocking(move || {
        output.read_line(&mut line).unwrap();
        (output, line)
    })
    .await
    .unwrap();
    assert!(line.starts_with("rowhouse: waiting: the schema is too old ("), "{line}");

    let remember = format!("INSERT INTO public.__diesel_schema_migrations (version) VALUES ('{version}')");
    admin.batch_execute(&remember).await.unwrap();
    assert!(ended(waiting).await.status.success());
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "the reason is printed once");
}

/// Before the first migration there is neither a database nor a role.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_waits_for_its_login_and_no_longer_than_it_is_told() {
    let database = TestDatabase::create().await;
    let url = database.url(ServiceName::Orders).replace("/test_", "/absent_test_");
    let output = ROWHOUSE.run(&url, &["wait-for-migrations", "--migration-wait", "1"]).await;
    assert_eq!(output.status.code(), Some(1));
    let lines = stderr(&output);
    let mut lines = lines.lines();
    let waiting = lines.next().unwrap();
    assert!(waiting.starts_with("rowhouse: waiting: no connection to the database: "), "{waiting}");
    assert_eq!(lines.next().unwrap(), waiting.replace("waiting: ", ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_is_too_new_is_refused_at_once() {
    let database = TestDatabase::create().await;
    let mut admin = database.admin().await;
    // The last one is pending, and stays so.
    let change = format!(
        "{TOO_NEW}; DELETE FROM public.__diesel_schema_migrations WHERE version = '{REQUIRED_SCHEMA}'"
    );
    admin.batch_execute(&change).await.unwrap();
    admin
        .batch_execute("INSERT INTO public.__diesel_schema_migrations (version) VALUES ('29990101000000')")
        .await
        .unwrap();

    let output = ended(migrate(&database.admin_url(), &[]).spawn().unwrap()).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        format!(
            "rowhouse: this program is too old for the schema (its newest migration is {REQUIRED_SCHEMA}): run the \
             `rowhouse migrate` of a release that contains the migration 29990101000000\n"
        )
    );
    let pending = format!(
        "NOT EXISTS (SELECT FROM public.__diesel_schema_migrations WHERE version = '{REQUIRED_SCHEMA}')"
    );
    assert!(holds(&mut admin, &pending).await);

    let output = ended(wait(&database.url(ServiceName::Orders))).await;
    assert_eq!(output.status.code(), Some(1));
    let refused = stderr(&output);
    assert!(refused.starts_with("rowhouse: this program is too old for the schema ("), "{refused}");
}

/// After a roll-back to a release that the schema still supports.
#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_is_only_newer_needs_no_migration() {
    let database = TestDatabase::create().await;
    let mut admin = database.admin().await;
    let newer = "INSERT INTO public.__diesel_schema_migrations (version) VALUES ('29990101000000')";
    admin.batch_execute(newer).await.unwrap();
    assert_eq!(succeed(start(&database.admin_url())).await, "everything was up to date\n");
    assert!(ended(wait(&database.url(ServiceName::Orders))).await.status.success());
}
