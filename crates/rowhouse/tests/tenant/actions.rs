//! The record of what operators did.

use diesel_async::SimpleAsyncConnection;
use rowhouse_testkit::{ServiceName, TestDatabase};
use serde_json::Value;

use crate::{json, refusal, rowhouse, stderr, stdout, tenant};

const ACME: &str = "00000000-0000-7000-8000-000000000001";
const ADA: &str = "00000000-0000-7000-8000-0000000000aa";

async fn acme_and_ada() -> TestDatabase {
    let database = TestDatabase::create().await;
    let rows = format!(
        "INSERT INTO tenancy.tenants (id, slug, name, status) VALUES ('{ACME}', 'acme', 'Acme', 'active');
         INSERT INTO auth.identities (id, email) VALUES ('{ADA}', 'ada@example.com')"
    );
    database.admin().await.batch_execute(&rows).await.unwrap();
    database
}

async fn recorded(database: &TestDatabase, arguments: &[&str]) -> Vec<Value> {
    let document = json(database, &[&["actions"], arguments].concat()).await;
    document["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_action_is_recorded_with_its_actor_and_reason() {
    let database = acme_and_ada().await;
    let url = database.admin_url();
    stdout(&tenant(&database, &["suspend", "acme", "--reason", "unpaid", "--actor", "grace"]).await);
    stdout(&tenant(&database, &["resume", "acme", "--reason", "paid"]).await);
    stdout(&rowhouse(&url, &["user", "disable", "ada@example.com", "--reason", "stolen laptop"]).await);
    stdout(&rowhouse(&url, &["user", "enable", ADA, "--reason", "new laptop"]).await);
    stdout(&rowhouse(&url, &["backfill", "orders-priority", "--reason", "release 7"]).await);
    stdout(&rowhouse(&url, &["backfill", "orders-priority", "--dry-run"]).await);

    let actions = recorded(&database, &[]).await;
    let names: Vec<_> = actions.iter().map(|action| action["action"].as_str().unwrap()).collect();
    assert_eq!(names, ["backfill.run", "user.enable", "user.disable", "tenant.resume", "tenant.suspend"]);
    let suspended = &actions[4];
    for (member, value) in [
        ("actor", "grace"),
        ("database_role", "postgres"),
        ("target_type", "tenant"),
        ("target_id", ACME),
        ("target_name", "acme"),
        ("reason", "unpaid"),
    ] {
        assert_eq!(suspended[member], value, "{member} in {suspended}");
    }
    assert_eq!((&actions[2]["target_id"], &actions[2]["reason"]), (&ADA.into(), &"stolen laptop".into()));
    assert_eq!(actions[0]["details"]["backfill"], "orders-priority");
    assert_eq!(actions[0]["reason"], "release 7");
    // Without a name, the actor is the user of the operating system.
    let user = std::process::Command::new("id").arg("-un").output().unwrap();
    assert_eq!(actions[3]["actor"], String::from_utf8_lossy(&user.stdout).trim());

    assert_eq!(recorded(&database, &["--search", "GRACE"]).await.len(), 1);
    assert_eq!(recorded(&database, &["--search", "laptop", "--limit", "1"]).await.len(), 1);
    let shown = stdout(&rowhouse(&url, &["actions"]).await);
    assert!(shown.starts_with("TIME ") && shown.contains("  acme ") && shown.contains("  unpaid"), "{shown}");

    // The tenant sees that it was suspended and why, not who did it.
    let seen = format!(
        "DO $$ BEGIN ASSERT (SELECT count(*) = 2 AND NOT bool_or(l::text LIKE '%grace%')
             FROM auth.audit_log l WHERE l.tenant_id = '{ACME}' AND l.action LIKE 'tenant.%'); END $$"
    );
    database.admin().await.batch_execute(&seen).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_action_is_not_recorded_and_nothing_happens_without_a_reason() {
    let database = acme_and_ada().await;
    let url = database.admin_url();
    refusal(&tenant(&database, &["resume", "acme", "--reason", "a mistake"]).await);
    refusal(&rowhouse(&url, &["user", "disable", "bob@example.com", "--reason", "a mistake"]).await);
    for arguments in [
        &["tenant", "suspend", "acme"][..],
        &["user", "disable", "ada@example.com"],
        &["user", "enable", "ada@example.com"],
        &["tenant", "suspend", "acme", "--reason", "unpaid", "--actor", "two\nlines"],
    ] {
        let refused = rowhouse(&url, arguments).await;
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {}", stderr(&refused));
    }
    assert_eq!(recorded(&database, &[]).await, [Value::Null; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_changes_the_record() {
    let database = acme_and_ada().await;
    stdout(&tenant(&database, &["suspend", "acme", "--reason", "unpaid"]).await);
    for statement in [
        "UPDATE tenancy.operator_actions SET actor = 'nobody'",
        "DELETE FROM tenancy.operator_actions",
        "TRUNCATE tenancy.operator_actions",
    ] {
        let mut owner = database.admin().await;
        owner.batch_execute("SET ROLE rowhouse_owner").await.unwrap();
        let refused = owner.batch_execute(statement).await.unwrap_err().to_string();
        assert!(refused.contains("permission denied"), "{statement}: {refused}");
    }
    for service in ServiceName::ALL {
        let mut conn = database.connect_as(*service).await;
        for statement in [
            "SELECT FROM tenancy.operator_actions",
            "INSERT INTO tenancy.operator_actions (actor, action) VALUES ('nobody', 'nothing')",
            "DELETE FROM tenancy.operator_actions",
        ] {
            let refused = conn.batch_execute(statement).await.unwrap_err().to_string();
            assert!(refused.contains("permission denied"), "{service}: {statement}: {refused}");
        }
    }
    assert_eq!(recorded(&database, &[]).await.len(), 1);
    let audit = rowhouse(&database.admin_url(), &["audit"]).await;
    assert_eq!(stdout(&audit), "", "{}", stderr(&audit));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_changes_something_is_recorded() {
    let database = TestDatabase::create().await;
    let url = database.admin_url();
    stdout(&rowhouse(&url, &["migrate", "--reason", "nothing to do"]).await);
    assert_eq!(recorded(&database, &[]).await, [Value::Null; 0]);

    let index = "DROP INDEX orders.orders_by_priority;
        DELETE FROM public.__diesel_schema_migrations WHERE version = '20261123000013'";
    database.admin().await.batch_execute(index).await.unwrap();
    stdout(&rowhouse(&url, &["migrate", "--actor", "grace", "--reason", "release 7"]).await);
    // Its role gets the password in the URL.
    let password = ["migrate", "--orders-database-url", &database.url(ServiceName::Orders)];
    stdout(&rowhouse(&url, &password).await);
    let actions = recorded(&database, &[]).await;
    let [set, migrated] = actions.as_slice() else { panic!("{actions:?}") };
    for (member, value) in [("action", "database.migrate"), ("actor", "grace"), ("reason", "release 7")] {
        assert_eq!(migrated[member], value, "{member} in {migrated}");
    }
    assert_eq!(
        migrated["details"]["applied"],
        serde_json::json!(["2026-11-23-000013_orders_priority_index"])
    );
    assert_eq!(set["details"]["passwords_of"], serde_json::json!(["rowhouse_orders"]));
}

/// psql reads its commands from an empty input here.
#[tokio::test(flavor = "multi_thread")]
async fn opening_psql_is_recorded_or_it_is_not_opened() {
    let database = TestDatabase::create().await;
    let opened = ["psql", "--actor", "grace", "--reason", "slow queries"];
    stdout(&rowhouse(&database.admin_url(), &opened).await);
    let actions = recorded(&database, &[]).await;
    let [action] = actions.as_slice() else { panic!("{actions:?}") };
    for (member, value) in [("action", "database.psql"), ("actor", "grace"), ("reason", "slow queries")] {
        assert_eq!(action[member], value, "{member} in {action}");
    }
    let refused = refusal(&rowhouse(&database.url(ServiceName::Orders), &opened).await);
    assert!(refused.contains("psql is not opened"), "{refused}");
    assert_eq!(recorded(&database, &[]).await.len(), 1);
}
