//! "Back up", "Restore" and "Restore one tenant" of the guide: a dump.

use rowhouse_testkit::TestServer;

use crate::guide::block;
use crate::load::{Load, Orders};
use crate::rows::{all, assert_each_once, checksums, connect};
use crate::shell::Shell;
use crate::world::{CLEAN, delete_orders_of, login, start_services};

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_that_is_taken_under_load_restores_into_a_new_cluster() {
    let (old, new) = tokio::join!(TestServer::start(), TestServer::start_empty(&[]));
    let mut shell = Shell::of_operator(&old);
    shell.use_database(&old.admin_url());
    let system = start_services(|service| old.url(service)).await;
    let (acme, globex) = tokio::join!(system.onboard("Acme"), system.onboard("Globex"));
    let load = Load::start(&system, &[&acme, &globex]);
    load.until_more(30).await;

    let before = load.acknowledged();
    shell.run(&block("Back up", 0, &[])).await;
    assert!(load.acknowledged().len() > before.len(), "orders are taken during the dump");
    load.until_more(10).await;
    assert_eq!(load.refused(), [""; 0]);
    load.finish().await;
    system.shutdown().await;

    let restore = block("Restore", 0, &[]);
    let (roles, database) = restore.split_once('\n').unwrap();
    let output = shell.run(&roles.replace("postgres@new.example", login(&new.admin_url()))).await;
    let errors: Vec<_> = output.lines().filter(|line| line.contains("ERROR")).collect();
    assert!(
        matches!(errors[..], [error] if error.ends_with(r#"role "postgres" already exists"#)),
        "{output}"
    );
    // The superuser has the password of the old cluster from here on.
    let url = old.admin_url().replace(&old.address(), &new.address());
    let output = shell.run(&database.replace("postgres@new.example", login(&url))).await;
    assert!(output.contains(CLEAN), "{output}");

    let (before_it, restored) = (connect(&old.admin_url()).await, connect(&url).await);
    assert_each_once(&restored, &before).await;
    for table in ["orders.orders", "orders.order_lines"] {
        let (old, new) = (all(&before_it, table).await, all(&restored, table).await);
        assert!(new.is_subset(&old) && new.len() < old.len(), "{table}: {} of {}", new.len(), old.len());
    }
    let gaps = "SELECT count(*) FROM orders.number_series s WHERE s.last_number <>
        (SELECT count(*) FROM orders.orders o WHERE o.tenant_id = s.tenant_id)";
    assert_eq!(restored.query_one(gaps, &[]).await.unwrap().get::<_, i64>(0), 0);

    // The services know their roles' passwords, and people theirs.
    let system = start_services(|service| old.url(service).replace(&old.address(), &new.address())).await;
    let token = system.login(&acme.admin_email, &acme.password, Some(&acme.slug)).await;
    let orders = Orders::of(&system, &token);
    orders.list().await.unwrap();
    orders.place("after-the-restore").await.unwrap();
    assert_each_once(&restored, &["after-the-restore".to_owned()]).await;
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_restores_beside_the_live_database_and_gives_a_tenant_its_orders_back() {
    let live = TestServer::start().await;
    let mut shell = Shell::of_operator(&live);
    shell.use_database(&live.admin_url());
    let system = start_services(|service| live.url(service)).await;
    let (acme, globex) = tokio::join!(system.onboard("Acme"), system.onboard("Globex"));
    let load = Load::start(&system, &[&acme, &globex]);
    load.until_more(30).await;
    load.finish().await;
    system.shutdown().await;
    let admin = connect(&live.admin_url()).await;
    let rows = checksums(&admin).await;

    shell.run(&block("Back up", 0, &[])).await;
    let restore = block("Restore", 1, &[("postgres@db.example", login(&live.admin_url()))]);
    let (restore, migrate) = restore.split_at(restore.find("rowhouse migrate").unwrap());
    shell.run(restore).await;
    let url = live.admin_url().replace("/rowhouse", "/rowhouse_restored");
    let backup = connect(&url).await;
    assert_eq!(checksums(&backup).await, rows);
    // So the guide migrates.
    let (clean, output) = shell.attempt(&format!("rowhouse audit --database-url {url}")).await;
    assert!(!clean && output.contains("temporary_privilege"), "{output}");
    let output = shell.run(migrate).await;
    assert!(output.contains(CLEAN), "{output}");

    delete_orders_of(&acme, &admin).await;
    assert_ne!(checksums(&admin).await["orders.orders"], rows["orders.orders"]);
    shell.set("BACKUP", &url);
    shell.set("LIVE", &live.admin_url());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/restore-tenant");
    let replaced = [(" acme", &*format!(" {}", acme.slug)), ("deploy/restore-tenant", script)];
    let output = shell.run(&block("Restore one tenant", 0, &replaced)).await;
    assert!(output.contains(CLEAN), "{output}");
    let orders = |rows: &std::collections::BTreeMap<String, String>| {
        let of_orders = rows.iter().filter(|(table, _)| table.starts_with("orders."));
        of_orders.map(|(table, rows)| (table.clone(), rows.clone())).collect::<Vec<_>>()
    };
    assert_eq!(orders(&checksums(&admin).await), orders(&rows));
}
