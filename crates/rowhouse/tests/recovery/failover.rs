//! "Fail over" of the guide: a standby.

use std::net::SocketAddr;
use std::time::Duration;

use rowhouse_testkit::{Forwarder, TestServer, own_address};
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;

use crate::guide::block;
use crate::load::Load;
use crate::rows::{assert_each_once, connect};
use crate::shell::Shell;
use crate::started::{Started, move_to};
use crate::world::{CLEAN, start_services};

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_takes_over_and_the_old_primary_becomes_its_standby() {
    let old = TestServer::start_with(&[("synchronous_commit", "on")]).await;
    let mut operator = Shell::of_operator(&old);
    operator.use_database(&old.admin_url());
    let roles = block("Back up", 2, &[("…", "secret")]);
    operator.run(roles.lines().next().unwrap()).await;

    let mut standby = Shell::on_server(&old);
    let new_address = own_address();
    let (_ends_with_the_test, data) =
        follow(&mut standby, &old.address(), new_address, &old.admin_url()).await;

    let forwarder = Forwarder::start(old.address()).await;
    let system = start_services(|service| old.url_at(service, &forwarder.address())).await;
    let (acme, globex) = tokio::join!(system.onboard("Acme"), system.onboard("Globex"));
    let load = Load::start(&system, &[&acme, &globex]);
    load.until_more(30).await;

    let url = old.admin_url().replace(&old.address(), &new_address.to_string());
    operator.use_database(&url);
    let commands = block("Fail over", 1, &[]);
    let [stop, promote, reset, audit] = commands.lines().collect::<Vec<_>>()[..] else {
        panic!("a step has no test: {commands}");
    };
    let mut primary = Shell::on_server(&old);
    primary.run(&stop.replace("/data", old.data_directory().to_str().unwrap())).await;
    standby.run(&promote.replace("/data", &data)).await;
    forwarder.lead_to(new_address.to_string());
    operator.run(reset).await;
    let output = operator.run(audit).await;
    assert!(output.contains(CLEAN), "{output}");

    load.until_more(30).await;
    let refused = load.refused();
    let mine = |answer: &String| answer.starts_with("503 retry-after=Some") || answer.starts_with("504");
    assert!(refused.iter().all(mine), "{refused:#?}");
    let acknowledged = load.finish().await;
    system.shutdown().await;
    assert_each_once(&connect(&url).await, &acknowledged).await;

    let _ends = follow(&mut primary, &new_address.to_string(), own_address(), &url).await;
}

/// Makes a machine the standby of the primary with this address, and waits until the primary waits for it.
async fn follow(machine: &mut Shell, primary: &str, address: SocketAddr, url: &str) -> (Started, String) {
    machine.use_database(url);
    let data = machine.path("postgres");
    let text = data.to_str().unwrap().to_owned();
    let replaced =
        [("/data", &*text), ("replication@primary.example", &*format!("replication:secret@{primary}"))];
    let started = Started(data);
    let commands = block("Fail over", 0, &replaced);
    let (copy, start) = commands.split_at(commands.find("pg_ctl start").unwrap());
    machine.run(copy).await;
    move_to(address, &started.0);
    machine.run(start).await;
    timeout(PATIENCE, synchronous(&connect(url).await)).await.expect("a synchronous standby");
    (started, text)
}

async fn synchronous(primary: &Client) {
    let query = "SELECT count(*) FROM pg_stat_replication
        WHERE application_name = 'standby' AND state = 'streaming' AND sync_state = 'sync'";
    while primary.query_one(query, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        sleep(Duration::from_millis(50)).await;
    }
}
