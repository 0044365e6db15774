//! A fail-over of PostgreSQL under load: the primary dies, its standby is promoted, and the address leads to it.

use std::time::{Duration, Instant};

use rowhouse_catalog::ServiceName;
use tokio::time::{sleep, timeout};

use crate::load::Load;
use crate::process::Part;
use crate::standby;
use crate::world::{DATABASE, World, local};

/// The most time from the promotion until the services are ready and take orders. It takes less than 5 s, and more on a machine that
/// is busy with other tests.
const SOON: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_fail_over_loses_nothing_that_was_acknowledged() {
    let mut world = World::start().await;
    let new = standby::follow(&world).await;
    let load = Load::start(&world.front).await;
    until(|| load.answered() > 300).await;

    standby::kill(&mut world);
    until(|| load.failed() > 0).await;
    for (part, number) in services() {
        timeout(PATIENCE, world.until_ready(part, number, false)).await.unwrap();
    }
    let admin = rowhouse_migrator::connect(&new.admin_url(DATABASE), None).await.unwrap();
    admin.batch_execute("SELECT pg_promote()").await.unwrap();
    world.database.lead_to(local(new.port()));
    let promoted = Instant::now();
    until(|| load.latest_order().is_some_and(|latest| latest > promoted)).await;
    let writable = promoted.elapsed();
    for (part, number) in services() {
        timeout(PATIENCE, world.until_ready(part, number, true)).await.unwrap();
    }
    let ready = promoted.elapsed();
    let before = load.answered();
    until(|| load.answered() > before + 300).await;

    let (failures, acknowledged) = load.finish().await;
    world.postgres = Some(new);
    let orders = world.orders().await;
    for customer in &acknowledged {
        assert_eq!(orders.get(customer), Some(&1), "{customer}");
    }
    assert!(orders.values().all(|count| *count == 1), "{orders:#?}");
    eprintln!(
        "orders {writable:?} and all instances ready {ready:?} after the promotion; {} requests failed, {} orders acknowledged, \
         none lost",
        failures.len(),
        acknowledged.len()
    );
    if writable.max(ready) >= SOON {
        world.print_output();
    }
    assert!(writable < SOON && ready < SOON, "{writable:?} {ready:?}");
}

fn services() -> impl Iterator<Item = (Part, usize)> {
    ServiceName::ALL.iter().flat_map(|service| [0, 1].map(|number| (Part::Service(*service), number)))
}

async fn until(condition: impl Fn() -> bool) {
    let met = async {
        while !condition() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, met).await.expect("in time");
}
