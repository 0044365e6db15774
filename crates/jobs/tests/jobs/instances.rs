//! What one instance leaves to the others, and how they hear of it: far sooner than they would look by themselves, which is after
//! half a minute.

use std::time::Duration;

use rowhouse_jobs::{NewJob, WorkerArgs};
use rowhouse_tenancy::TenantContext;
use rowhouse_testkit::ServiceName;

use crate::world::{Crew, Parcel, Waiting, World, connect};

/// Below the interval at which workers look by themselves, and the lease.
const SOON: Duration = Duration::from_secs(20);

const ARGS: WorkerArgs = WorkerArgs { lease: Duration::from_secs(600), ..WorkerArgs::DEFAULT };

async fn post(world: &World, cx: &TenantContext, parcels: usize) {
    for number in 0..parcels {
        world.enqueue(cx, NewJob::new(Parcel(number.to_string()))).await;
    }
}

async fn soon(crew: &mut Crew) -> Waiting {
    tokio::time::timeout(SOON, crew.next()).await.unwrap()
}

/// An instance, with connections of its own.
async fn instance(world: &World, args: &WorkerArgs) -> Crew {
    let db = connect(&world.database.url(ServiceName::Orders)).await;
    Crew::run(db, args.clone(), Duration::from_secs(60))
}

/// Gives the second instance something to do, so that it has looked at what there is and has nothing to look for again. What
/// both have of it.
async fn occupy(world: &World, first: &mut Crew, second: &mut Crew) -> Vec<Waiting> {
    let mut held = Vec::new();
    loop {
        post(world, &world.tenant().await, 1).await;
        tokio::select! {
            run = first.next() => held.push(run),
            run = second.next() => {
                held.push(run);
                return held;
            }
        }
    }
}

/// The first instance is busy, so that it gives a tenant one worker at a time. What it may not begin of the tenant's, the second one
/// may, which has idle workers.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_busy_instance_leaves_is_begun_by_an_idle_one() {
    let world = World::new().await;
    let args = WorkerArgs { delivery_workers: 16, deliveries_per_tenant: 2, ..ARGS };
    let mut busy = instance(&world, &args).await;
    let many = world.tenant().await;
    post(&world, &many, 2).await;
    let mut held = vec![busy.next().await, busy.next().await];
    let mut others = Vec::new();
    for _ in 0..12 {
        post(&world, &world.tenant().await, 1).await;
        others.push(busy.next().await);
    }
    post(&world, &many, 4).await;
    let mut idle = instance(&world, &args).await;
    others.extend(occupy(&world, &mut busy, &mut idle).await);

    for _ in 0..4 {
        held.remove(0).succeed();
        let next = tokio::select! { run = soon(&mut idle) => run, run = busy.next() => run };
        assert_eq!(next.tenant, many.tenant());
        held.push(next);
    }
}

/// An instance that stops begins nothing more. When what it has ends, the others begin what waits.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_an_instance_that_stops_is_begun_by_another() {
    let world = World::new().await;
    let args = WorkerArgs { delivery_workers: 16, deliveries_per_tenant: 2, ..ARGS };
    let mut stopping = instance(&world, &args).await;
    let many = world.tenant().await;
    post(&world, &many, 12).await;
    let mut held = vec![stopping.next().await, stopping.next().await];
    let mut staying = instance(&world, &args).await;
    let others = occupy(&world, &mut stopping, &mut staying).await;

    stopping.ask_to_stop();
    // It may begin one more before it hears of it.
    let begun = loop {
        held.remove(0).succeed();
        tokio::select! {
            run = soon(&mut staying) => break run,
            run = stopping.next() => held.push(run),
        }
    };
    assert_eq!(begun.tenant, many.tenant());
    held.into_iter().chain(others).for_each(Waiting::succeed);
}
