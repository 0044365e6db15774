//! A server with German messages.

use std::path::Path;
use std::process::Command;

use rowhouse_tenancy::DbError;
use rowhouse_testkit::{ServiceName, TestServer};

use crate::world::{connect, number, place, tenant};

const LOCALE: &str = "de_DE.UTF-8";

/// The server finds the locale by an environment variable, so the test that needs it runs in a process of its own.
#[test]
fn failures_are_what_they_are_in_german() {
    let directory = tempfile::tempdir().unwrap();
    // The server may run as another user.
    std::fs::set_permissions(directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    if !make_locale(directory.path()) {
        missing("localedef, or what it needs for de_DE (Debian's package locales)");
        return;
    }
    let program = std::env::current_exe().unwrap();
    let test = ["--exact", "language::in_german", "--ignored", "--nocapture"];
    let run = Command::new(program).args(test).env("LOCPATH", directory.path()).output().unwrap();
    let printed = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{printed}{}", String::from_utf8_lossy(&run.stderr));
    assert!(printed.contains("1 passed"), "{printed}");
}

/// Reports a missing program. In CI everything has to be installed, so that no test is skipped.
fn missing(what: &str) {
    assert!(std::env::var_os("CI").is_none(), "{what} is not installed");
    eprintln!("{what} is not installed");
}

fn make_locale(directory: &Path) -> bool {
    let made =
        Command::new("localedef").args(["-i", "de_DE", "-f", "UTF-8"]).arg(directory.join(LOCALE)).output();
    made.is_ok() && directory.join(LOCALE).join("LC_MESSAGES").exists()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by failures_are_what_they_are_in_german, with a locale"]
async fn in_german() {
    let server = TestServer::start_with(&[("lc_messages", LOCALE)]).await;
    let (cx, add) = tenant("acme", "active");
    let admin = server.admin().await;
    admin.batch_execute(&add).await.unwrap();
    let said = admin.batch_execute("SELECT 1 / 0").await.unwrap_err();
    if said.as_db_error().unwrap().message() == "division by zero" {
        // PostgreSQL may have been built without translations.
        assert!(
            std::env::var_os("CI").is_none() || std::env::var_os("PG_BIN_DIR").is_some(),
            "the server has no German messages: postgres-*.mo is missing in its locale directory"
        );
        eprintln!("the server has no German messages");
    }
    let db = connect(server.url(ServiceName::Orders)).await;
    place(&db, &cx).await.unwrap();

    // Another session locks the tenant's numbers for longer than the role's lock_timeout.
    let holder = server.admin().await;
    holder.batch_execute("BEGIN; LOCK TABLE orders.number_series IN EXCLUSIVE MODE").await.unwrap();
    let blocked = place(&db, &cx).await;
    assert!(matches!(blocked, Err(DbError::Contended(_))), "{blocked:?}");
    holder.batch_execute("ROLLBACK").await.unwrap();

    admin.batch_execute("ALTER ROLE rowhouse_orders SET statement_timeout = '100ms'").await.unwrap();
    let db = connect(server.url(ServiceName::Orders)).await;
    let slow = number(&db, "pg_catalog.length(pg_catalog.pg_sleep(10)::text)::bigint").await;
    assert!(matches!(slow, Err(DbError::TimedOut(_))), "{slow:?}");

    let killed =
        number(&db, "pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid())::int::bigint").await;
    assert!(matches!(killed, Err(DbError::Unavailable(_))), "{killed:?}");
    let process = number(&db, "pg_catalog.pg_backend_pid()::bigint").await;
    assert!(process.is_ok(), "{process:?}");
}
