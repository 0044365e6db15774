//! Jobs that one instance leaves to others, and how others learn of them: much sooner than by polling, which takes
//! half a minute.

use std::time::Duration;

use rowhouse_jobs::{NewJob, WorkerArgs};
use rowhouse_tenancy::TenantContext;
use rowhouse_testkit::ServiceName;

use crate::world::{Crew, Parcel, Waiting, World, connect};

/// A time below the polling interval and the lease.
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

/// Starts an instance with connections of its own.
async fn instance(world: &World, args: &WorkerArgs) -> Crew {
    let db = connect(&world.database.url(ServiceName::Orders)).await;
    Crew::run(db, args.clone(), Duration::from_secs(60))
}

/// Gives the second instance a job, after which it has nothing to poll for. Returns the runs of both.
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

/// The first instance is busy, so it gives a tenant one worker at a time. The second one, which is idle, may start
/// more of the tenant's jobs.
#[tokio::test(flavor = "multi_thread")]
async fn an_idle_instance_begins_what_a_busy_one_leaves() {
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

/// An instance that stops starts no jobs. When its running ones end, others start the waiting ones.
#[tokio::test(flavor = "multi_thread")]
async fn another_instance_begins_what_waits_for_one_that_stops() {
    let world = World::new().await;
    let args = WorkerArgs { delivery_workers: 16, deliveries_per_tenant: 2, ..ARGS };
    let mut stopping = instance(&world, &args).await;
    let many = world.tenant().await;
    post(&world, &many, 12).await;
    let mut held = vec![stopping.next().await, stopping.next().await];
    let mut staying = instance(&world, &args).await;
    let others = occupy(&world, &mut stopping, &mut staying).await;

    stopping.ask_to_stop();
    // It may start one more before it learns of the stop.
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
