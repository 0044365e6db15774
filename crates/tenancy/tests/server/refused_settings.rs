//! Settings under which a service refuses to start, with a reason.

use rowhouse_tenancy::{ConnectError, TenantDb};
use rowhouse_testkit::{ServiceName, TestDatabase, TestServer, until};

use crate::settings::rowhouse_admin;
use crate::world::config;

async fn refusal(url: String) -> String {
    match TenantDb::connect(&config(url)).await {
        Ok(_) => panic!("it connects"),
        Err(error @ (ConnectError::Setting(_) | ConnectError::ReadOnly(_))) => error.to_string(),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn presets_that_no_session_can_change_are_refused_with_the_remedy() {
    let database = TestDatabase::create().await;
    let admin = rowhouse_admin(&database.admin_url()).await;
    let name: String =
        admin.query_one("SELECT pg_catalog.current_database()::text", &[]).await.unwrap().get(0);
    for holder in [format!("DATABASE {name}"), format!("ROLE rowhouse_orders IN DATABASE {name}")] {
        for (setting, value, sentence) in [
            ("session_replication_role", "replica", "session_replication_role is replica"),
            ("default_transaction_read_only", "on", "default_transaction_read_only is on, from the database"),
        ] {
            admin.batch_execute(&format!("ALTER {holder} SET {setting} = {value}")).await.unwrap();
            let said = refusal(database.url(ServiceName::Orders)).await;
            assert!(said.contains(sentence) && said.contains("RESET"), "{holder}: {said}");
            admin.batch_execute(&format!("ALTER {holder} RESET {setting}")).await.unwrap();
        }
    }
    TenantDb::connect(&config(database.url(ServiceName::Orders)))
        .await
        .unwrap_or_else(|error| panic!("{error}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_the_whole_server_are_refused_with_the_remedy() {
    let mut server = TestServer::start().await;
    let admin = server.admin().await;
    for (setting, value, sentence) in [
        ("session_replication_role", "replica", "session_replication_role is replica"),
        (
            "default_transaction_read_only",
            "on",
            "default_transaction_read_only is on, from the configuration file",
        ),
    ] {
        admin.batch_execute(&format!("ALTER SYSTEM SET {setting} = {value}")).await.unwrap();
        admin.batch_execute("SELECT pg_catalog.pg_reload_conf()").await.unwrap();
        let said = refused_at_last(&server).await;
        assert!(said.contains(sentence) && said.contains("ALTER SYSTEM RESET"), "{said}");
        admin.batch_execute("SET default_transaction_read_only = off").await.unwrap();
        admin.batch_execute(&format!("ALTER SYSTEM RESET {setting}")).await.unwrap();
        admin.batch_execute("SELECT pg_catalog.pg_reload_conf()").await.unwrap();
    }
    admin
        .batch_execute(
            "CREATE ROLE stranger; GRANT stranger TO rowhouse_orders; ALTER ROLE rowhouse_orders SET role = 'stranger'",
        )
        .await
        .unwrap();
    let said = refusal(server.url(ServiceName::Orders)).await;
    assert!(said.contains("sessions of rowhouse_orders begin as stranger"), "{said}");
    admin.batch_execute("ALTER ROLE rowhouse_orders RESET role").await.unwrap();
    drop(admin);
    server.become_standby().await;
    let said = refusal(server.url(ServiceName::Orders)).await;
    assert!(said.contains("the server is a standby"), "{said}");
}

/// A reload takes effect a moment later.
async fn refused_at_last(server: &TestServer) -> String {
    let mut said = None;
    until(async || {
        match TenantDb::connect(&config(server.url(ServiceName::Orders))).await {
            Ok(_) => {}
            Err(error) => said = Some(error.to_string()),
        }
        said.is_some()
    })
    .await;
    said.unwrap()
}
