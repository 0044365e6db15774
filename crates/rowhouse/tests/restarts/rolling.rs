//! A rolling restart under load.

use std::time::Instant;

use crate::load::Load;
use crate::newcomers;
use crate::world::World;

/// The fewest requests of a short run, which all programs are restarted in at least once.
const REQUESTS: usize = 1_500;

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_fails_no_request() {
    let requests = std::env::var_os("ROWHOUSE_RESTARTS_REQUESTS");
    let requests = requests.map_or(REQUESTS, |requests| requests.to_str().unwrap().parse().unwrap());
    let mut world = World::start().await;
    let load = Load::start(&world.front).await;
    let (began, mut rounds) = (Instant::now(), 0);
    while rounds == 0 || (load.answered() < requests && load.failed() == 0) {
        world.restart_all().await;
        rounds += 1;
    }
    let (answered, took) = (load.answered(), began.elapsed());
    let (failures, acknowledged) = load.finish().await;
    if !failures.is_empty() {
        world.print_output();
    }
    assert!(failures.is_empty(), "{} of {answered} failed: {failures:#?}", failures.len());

    let orders = world.orders().await;
    for customer in &acknowledged.orders {
        assert_eq!(orders.get(customer), Some(&1), "{customer}");
    }
    assert_eq!(orders.len(), acknowledged.orders.len());
    newcomers::check(&world, &acknowledged).await;
    eprintln!(
        "{answered} requests in {took:?}, {rounds} rounds of restarts, 0 failed; {acknowledged}, each once"
    );
}
