//! A fail-over of PostgreSQL under load: the primary dies, its standby is promoted, and the address leads to it.

use std::time::{Duration, Instant};

use rowhouse_catalog::ServiceName;
use rowhouse_testkit::{ProgramName, until};
use tokio::time::timeout;

use crate::load::Load;
use crate::newcomers;
use crate::world::World;

/// The time limit from the promotion until the services are ready and take orders. It takes two seconds.
const SOON: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_fail_over_loses_nothing_that_was_acknowledged() {
    let mut world = World::start().await;
    let new = world.postgres.start_standby().await;
    let load = Load::start(&world.front).await;
    until(async || load.answered() > 300).await;

    world.postgres.kill();
    until(async || load.failed() > 0).await;
    for (program, number) in services() {
        timeout(PATIENCE, world.until_ready(program, number, false)).await.unwrap();
    }
    new.admin().await.batch_execute("SELECT pg_promote()").await.unwrap();
    world.database.lead_to(new.address());
    let promoted = Instant::now();
    until(async || load.latest_order().is_some_and(|latest| latest > promoted)).await;
    let writable = promoted.elapsed();
    for (program, number) in services() {
        timeout(PATIENCE, world.until_ready(program, number, true)).await.unwrap();
    }
    let ready = promoted.elapsed();
    let before = load.answered();
    until(async || load.answered() > before + 300).await;

    let (failures, acknowledged) = load.finish().await;
    world.postgres = new;
    let orders = world.orders().await;
    for customer in &acknowledged.orders {
        assert_eq!(orders.get(customer), Some(&1), "{customer}");
    }
    assert!(orders.values().all(|count| *count == 1), "{orders:#?}");
    newcomers::check(&world, &acknowledged).await;
    eprintln!(
        "orders {writable:?} and all instances ready {ready:?} after the promotion; {} requests failed, {acknowledged} acknowledged, \
         none lost",
        failures.len(),
    );
    if writable.max(ready) >= SOON {
        world.print_output();
    }
    assert!(writable < SOON && ready < SOON, "{writable:?} {ready:?}");
}

pub(crate) fn services() -> impl Iterator<Item = (ProgramName, usize)> {
    ServiceName::ALL.iter().flat_map(|service| [0, 1].map(|number| (ProgramName::Service(*service), number)))
}
