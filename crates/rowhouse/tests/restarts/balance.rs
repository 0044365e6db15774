//! The share of the calls that each instance of a service gets from a gateway.

use std::time::{Duration, Instant};

use rowhouse_catalog::ServiceName;
use rowhouse_testkit::{ProgramName, until};

use crate::load::Load;
use crate::world::World;

/// The calls among which a share is counted, of all instances together.
const CALLS: u64 = 1_000;
/// The same, where a share is waited for.
const FEW_CALLS: u64 = 200;
const TOLERANCE: f64 = 0.05;
/// The time limit for a new instance to get its share.
const SOON: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn instances_behind_a_gateway_share_the_calls_and_a_new_one_gets_its_share() {
    let mut world = World::start().await;
    let orders = ProgramName::Service(ServiceName::Orders);
    // The address of an instance that does not run yet.
    let third = world.add_instance(orders);
    world.restart_instance(ProgramName::Gateway, 0).await;
    world.front.drain(1).await;
    let load = Load::start(&world.front).await;
    until(async || load.answered() > 100).await;

    let shares = shares(&world, CALLS).await;
    eprintln!("the shares of two instances: {shares:.3?}");
    assert!(has_share(shares[0], 2) && has_share(shares[1], 2), "{shares:?}");

    world.start_instance(orders, third).await;
    let started = Instant::now();
    let mut latest;
    while {
        latest = self::shares(&world, FEW_CALLS).await;
        !has_share(latest[third], 3)
    } {
        assert!(started.elapsed() < SOON, "after {:?}: {latest:?}", started.elapsed());
    }
    let took = started.elapsed();
    assert!(took < SOON, "{took:?}");
    let shares = self::shares(&world, CALLS).await;
    eprintln!("a third instance had its share after {took:?}, and then all three {shares:.3?}");
    assert!(shares.iter().all(|share| has_share(*share, 3)), "{shares:?}");

    let (failures, _) = load.finish().await;
    assert!(failures.is_empty(), "{failures:#?}");
}

/// Waits until the instances of orders have answered so many calls, and returns each one's share of them.
async fn shares(world: &World, calls: u64) -> Vec<f64> {
    let before = world.answered_calls(ServiceName::Orders).await;
    loop {
        let now = world.answered_calls(ServiceName::Orders).await;
        let since: Vec<_> = now.iter().zip(&before).map(|(now, before)| now - before).collect();
        let all: u64 = since.iter().sum();
        if all >= calls {
            let number = |count: u64| f64::from(u32::try_from(count).unwrap());
            return since.into_iter().map(|one| number(one) / number(all)).collect();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn has_share(share: f64, instances: u32) -> bool {
    (share - 1.0 / f64::from(instances)).abs() <= TOLERANCE
}
