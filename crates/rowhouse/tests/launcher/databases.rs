//! Existing databases.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use rowhouse_catalog::ServiceName;
use rowhouse_migrator::connect;
use rowhouse_postgres::{Cluster, ClusterOptions, Programs, random_password};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::dev::{self, Dev};
use crate::run::{directory, rowhouse, stderr, stdout};

/// Starts an empty server that logs every statement.
pub(crate) async fn server() -> (Cluster, TempDir) {
    let directory = directory();
    let options = ClusterOptions {
        directory: directory.path().to_owned(),
        programs: Programs::find(std::env::var_os("PG_BIN_DIR").map(PathBuf::from).as_deref()).unwrap(),
        password: random_password().unwrap(),
        settings: &[("fsync", "off"), ("log_statement", "all")],
        sync: false,
    };
    (Cluster::start(&options).await.unwrap(), directory)
}

fn migrate(url: &str) -> Command {
    rowhouse(&["migrate", "--database-url", url])
}

#[tokio::test]
async fn migrate_and_audit_work_alone() {
    let (cluster, _directory) = server().await;
    let url = cluster.admin_url("alone");
    let orders = |password: &str, database: &str| {
        format!("postgres://rowhouse_orders:{password}@127.0.0.1:{}/{database}", cluster.port())
    };
    let output =
        migrate(&url).args(["--orders-database-url", &orders("a-secret", "alone")]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    for line in [
        "made the database alone\n",
        "made the role rowhouse_owner\n",
        "made the role rowhouse_auth, which has no password yet\n",
        "made the role rowhouse_orders\n",
        "ran the migration 2026-11-23-000001_tenancy\n",
    ] {
        assert!(stdout(&output).contains(line), "{line} in {}", stdout(&output));
    }
    connect(&orders("a-secret", "alone"), None).await.unwrap();
    let log = fs::read_to_string(cluster.log()).unwrap();
    assert!(log.contains("ALTER ROLE rowhouse_orders PASSWORD 'SCRAM-SHA-256$"), "every statement is logged");
    assert!(!log.contains("a-secret"), "and no password");

    let output = migrate(&url).output().unwrap();
    assert_eq!(stdout(&output), "everything was up to date\n", "{}", stderr(&output));

    let audit = || rowhouse(&["audit"]).env("DATABASE_URL", &url).output().unwrap();
    let clean = audit();
    assert!(clean.status.success() && clean.stdout.is_empty(), "{}{}", stdout(&clean), stderr(&clean));
    let admin = connect(&url, None).await.unwrap();
    admin
        .batch_execute(
            "ALTER TABLE orders.orders NO FORCE ROW LEVEL SECURITY; ALTER ROLE rowhouse_orders BYPASSRLS",
        )
        .await
        .unwrap();
    let broken = audit();
    assert_eq!(broken.status.code(), Some(1));
    assert_eq!(
        stdout(&broken),
        "RULE                     OBJECT           REMEDY\n\
         role_bypasses_rls        rowhouse_orders  ALTER ROLE rowhouse_orders NOBYPASSRLS\n\
         row_security_not_forced  orders.orders    ALTER TABLE orders.orders FORCE ROW LEVEL SECURITY\n"
    );

    // The roles' attributes are corrected; the table needs a decision.
    assert!(migrate(&url).output().unwrap().status.success());
    let left = rowhouse(&["audit", "--output", "json", "--database-url", &url]).output().unwrap();
    let left: serde_json::Value = serde_json::from_slice(&left.stdout).unwrap();
    assert_eq!((&left["total"], &left["items"][0]["object"]), (&1.into(), &"orders.orders".into()), "{left}");

    let output = migrate(&url).args(["--auth-database-url", &orders("x", "alone")]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        "rowhouse: --auth-database-url is for the role rowhouse_auth, and its URL names rowhouse_orders\n"
    );
    cluster.stop().await;
}

/// Several runs on one database, and on two in one cluster, which share the roles.
#[tokio::test]
async fn migrations_at_once_do_not_collide() {
    let (cluster, _directory) = server().await;
    let urls = [cluster.admin_url("one"), cluster.admin_url("two"), cluster.admin_url("one")];
    let running: Vec<_> = urls
        .iter()
        .chain(&urls)
        .map(|url| {
            let login = |role| format!("postgres://{role}:secret@127.0.0.1/one");
            migrate(url)
                .args(["--auth-database-url", &login("rowhouse_auth")])
                .args(["--orders-database-url", &login("rowhouse_orders")])
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for process in running {
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    }
    for url in &urls {
        let audit = rowhouse(&["audit", "--database-url", url]).output().unwrap();
        assert!(audit.status.success(), "{}{}", stdout(&audit), stderr(&audit));
    }
    cluster.stop().await;
}

/// With the privileges of managed PostgreSQL.
#[tokio::test]
async fn an_administrator_need_not_be_a_superuser() {
    let (cluster, _directory) = server().await;
    let postgres = connect(&cluster.admin_url("postgres"), None).await.unwrap();
    for (name, attributes) in [("with_createdb", "CREATEROLE CREATEDB"), ("without", "CREATEROLE")] {
        let make = format!("CREATE ROLE {name} LOGIN PASSWORD 'secret' {attributes}");
        postgres.batch_execute(&make).await.unwrap();
        postgres.batch_execute(&format!("CREATE DATABASE of_{name} OWNER {name}")).await.unwrap();
        let url = format!("postgres://{name}:secret@127.0.0.1:{}/of_{name}", cluster.port());
        let output = migrate(&url).output().unwrap();
        assert!(output.status.success(), "{name}: {}", stderr(&output));
        let output = migrate(&url).output().unwrap();
        assert_eq!(stdout(&output), "everything was up to date\n", "{name}: {}", stderr(&output));
        let audit = rowhouse(&["audit", "--database-url", &url]).output().unwrap();
        assert!(audit.status.success(), "{name}: {}{}", stdout(&audit), stderr(&audit));
        // From PostgreSQL 16 on, a role belongs to its creator.
        let remove = format!(
            "DROP DATABASE of_{name} WITH (FORCE); DROP ROLE rowhouse_owner, rowhouse_definer;
             DROP ROLE rowhouse_administrators; DROP ROLE {}",
            ServiceName::ALL.iter().map(|service| service.role()).collect::<Vec<_>>().join(", ")
        );
        for statement in remove.split(';') {
            postgres.batch_execute(statement).await.unwrap();
        }
    }
    cluster.stop().await;
}

#[tokio::test]
async fn dev_uses_a_server_that_runs() {
    let (cluster, _directory) = server().await;
    let parent = directory();
    let data = parent.path().join("data");
    let url = cluster.admin_url("elsewhere");
    let with_url = || Dev::launch(&data, dev::command(&data).env("DATABASE_URL", &url)).up();
    let first = with_url();
    assert_eq!(first.endpoint("database"), url);
    assert!(first.paste().contains(r#""number":1,"#));
    assert!(!data.join("postgres").exists(), "nothing was started");
    first.stop(Signal::TERM);
    let second = with_url();
    assert!(second.paste().contains(r#""number":2,"#));
    second.stop(Signal::TERM);
    connect(&url, None).await.expect("the server runs on");
    cluster.stop().await;
}
