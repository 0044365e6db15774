//! Tests of the notification of workers about new jobs.

use std::time::Duration;

use rowhouse_jobs::JobStatus;
use rowhouse_testkit::{Proxy, ServiceName};
use tokio::time::Instant;

use crate::world::{Crew, PATIENCE, World, connect, note};

const LEASE: Duration = Duration::from_secs(10);

/// Much less than the polling interval, which is half a minute.
#[tokio::test(flavor = "multi_thread")]
async fn a_notification_wakes_an_idle_worker() {
    let world = World::new().await;
    let cx = world.tenant().await;
    let mut crew = Crew::start(world.db.clone(), 1, LEASE);
    world.enqueue(&cx, note("first")).await;
    crew.next().await.succeed();
    for round in 0..5 {
        let began = Instant::now();
        let id = world.enqueue(&cx, note(&round.to_string())).await;
        crew.next().await.succeed();
        assert!(began.elapsed() < Duration::from_secs(10));
        world.until(&cx, id, |job| job.status == JobStatus::Succeeded).await;
    }
}

/// Behind a pooler without LISTEN, or when the connection is refused, workers poll once a second.
#[tokio::test(flavor = "multi_thread")]
async fn without_notifications_workers_look_by_themselves() {
    let world = World::new().await;
    let cx = world.tenant().await;
    let proxy = Proxy::start(&world.database.url(ServiceName::Orders)).await;
    proxy.rewrite(|sql| sql.starts_with("LISTEN").then(|| "SELECT no_such_function()".to_owned()));
    let mut crew = Crew::start(connect(&proxy.url()).await, 1, LEASE);
    let mut waits = Vec::new();
    for round in 0..7 {
        // A worker that had a job has just polled, so the next job waits for almost the whole interval.
        let began = Instant::now();
        let id = world.enqueue(&cx, note(&round.to_string())).await;
        crew.next().await.succeed();
        waits.push(began.elapsed());
        world.until(&cx, id, |job| job.status == JobStatus::Succeeded).await;
    }
    // On a busy machine some take longer.
    waits.sort();
    assert!(waits[3] < Duration::from_secs(3), "it looks once a second: {waits:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_go_on_when_the_database_is_back() {
    let world = World::new().await;
    let cx = world.tenant().await;
    let proxy = Proxy::start(&world.database.url(ServiceName::Orders)).await;
    let mut crew = Crew::start(connect(&proxy.url()).await, 1, LEASE);
    let first = world.enqueue(&cx, note("before")).await;
    crew.next().await.succeed();
    world.until(&cx, first, |job| job.status == JobStatus::Succeeded).await;
    proxy.refuse(true);
    proxy.cut();
    let id = world.enqueue(&cx, note("meanwhile")).await;
    let deadline = Instant::now() + PATIENCE;
    while proxy.connections() > 0 {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(world.job(&cx, id).await.status, JobStatus::Queued);
    proxy.refuse(false);
    crew.next().await.succeed();
    world.until(&cx, id, |job| job.status == JobStatus::Succeeded).await;
}
