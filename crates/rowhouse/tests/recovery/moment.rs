//! "Back up" and "Point-in-time recovery" of the guide: a base backup and the WAL.

use std::time::Duration;

use rowhouse_testkit::{TestServer, own_address};
use tokio::time::{sleep, timeout};

use crate::guide::block;
use crate::load::Load;
use crate::rows::{assert_each_once, checksums, connect};
use crate::shell::Shell;
use crate::started::{Started, configure, move_to};
use crate::world::{CLEAN, delete_orders_of, start_services};

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_recovered_to_the_moment_before_a_tenants_orders_were_deleted() {
    let mut server = TestServer::start().await;
    let mut shell = Shell::on_server(&server);
    let data = server.data_directory();
    // The guide renames it.
    shell.give(data.parent().unwrap());
    let [archive, base] = ["archive", "backup/base"].map(|name| shell.path(name).display().to_string());
    shell.run("mkdir archive backup").await;
    configure(&data, &block("Back up", 1, &[("/archive", &archive)]));
    server.stop().await;
    server.restart().await;
    shell.use_database(&server.admin_url());

    let system = start_services(|service| server.url(service)).await;
    let (acme, globex) = tokio::join!(system.onboard("Acme"), system.onboard("Globex"));
    let load = Load::start(&system, &[&acme, &globex]);
    load.until_more(20).await;
    let replication = format!("replication:secret@{}", server.address());
    let replaced = [("…", "secret"), ("replication@db.example", &replication), ("/backup/base", &base)];
    shell.run(&block("Back up", 2, &replaced)).await;
    load.until_more(20).await;
    assert_eq!(load.refused(), [""; 0]);
    let acknowledged = load.finish().await;
    system.shutdown().await;

    let admin = connect(&server.admin_url()).await;
    let rows = checksums(&admin).await;
    let moment = admin.query_one("SELECT pg_catalog.clock_timestamp()::text", &[]).await.unwrap();
    let moment: String = moment.get(0);
    delete_orders_of(&acme, &admin).await;
    assert_ne!(checksums(&admin).await, rows);

    let address = own_address();
    move_to(address, base.as_ref());
    let _stopped_with_the_test = Started(data.clone());
    let replaced = [
        ("/data", data.to_str().unwrap()),
        ("/backup/base", &base),
        ("/archive", &archive),
        ("2026-11-30 10:10:13.368388+00", &moment),
    ];
    shell.run(&block("Point-in-time recovery", 0, &replaced)).await;
    let url = server.admin_url().replace(&server.address(), &address.to_string());
    let admin = connect(&url).await;
    let promoted = async {
        let query = "SELECT pg_catalog.pg_is_in_recovery()";
        while admin.query_one(query, &[]).await.unwrap().get(0) {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, promoted).await.expect("the end of the recovery");
    assert_eq!(checksums(&admin).await, rows);
    assert_each_once(&admin, &acknowledged).await;

    let mut shell = Shell::of_operator(&server);
    shell.use_database(&url);
    assert!(shell.run("rowhouse audit").await.contains(CLEAN));
}
