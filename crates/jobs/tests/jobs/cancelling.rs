//! Cancelling jobs.

use std::time::Duration;

use rowhouse_jobs::{
    CancelError, Class, Failure, Handler, Job, JobId, JobRecord, JobStatus, NewJob, cancel_job,
};
use rowhouse_tenancy::{TenantContext, TenantDb};
use rowhouse_testkit::ServiceName;
use serde::{Deserialize, Serialize};

use crate::world::{Crew, DRAIN, World, connect, note};

const LEASE: Duration = Duration::from_secs(3);

async fn cancel(db: &TenantDb, cx: &TenantContext, id: JobId) -> Result<JobRecord, CancelError> {
    db.tx(cx, "test.cancel", async |tx| cancel_job(tx, id).await).await
}

/// Another service than the job's own cancels it.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_job_in_the_queue_is_not_begun() {
    let world = World::new().await;
    let cx = world.tenant().await;
    let db = connect(&world.database.url(ServiceName::Auth)).await;
    let id = world.enqueue(&cx, note("never").after(Duration::from_secs(3_600))).await;
    let job = cancel(&db, &cx, id).await.unwrap();
    assert_eq!((job.status, job.cancel_requested), (JobStatus::Queued, true));

    let mut crew = Crew::start(world.db.clone(), 1, LEASE);
    world.until(&cx, id, |job| job.status == JobStatus::Cancelled).await;
    assert!(crew.is_idle());
    assert_eq!(world.notes(&cx).await, ["never: Cancelled"]);
    assert_eq!(cancel(&db, &cx, id).await.unwrap().status, JobStatus::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_job_stops_and_commits_nothing_more() {
    let world = World::new().await;
    let cx = world.tenant().await;
    let db = connect(&world.database.url(ServiceName::Auth)).await;
    let mut crew = Crew::start(world.db.clone(), 2, LEASE);
    let told = world.enqueue(&cx, note("told")).await;
    let run = crew.next().await;
    cancel(&db, &cx, told).await.unwrap();
    // This run does not wait, and is refused at its commit.
    run.succeed();
    world.until(&cx, told, |job| job.status == JobStatus::Cancelled).await;

    let silent = world.enqueue(&cx, note("silent")).await;
    let run = crew.next().await;
    cancel(&db, &cx, silent).await.unwrap();
    // This run waits, and is stopped.
    world.until(&cx, silent, |job| job.status == JobStatus::Cancelled).await;
    run.succeed();
    assert_eq!(world.notes(&cx).await, ["silent: Cancelled", "told: Cancelled"]);
}

/// The delay before the next attempt may be an hour.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_that_fails_is_not_attempted_again() {
    let world = World::new().await;
    let cx = world.tenant().await;
    let db = connect(&world.database.url(ServiceName::Auth)).await;
    // The run is not stopped by itself meanwhile.
    let mut crew = Crew::start(world.db.clone(), 1, Duration::from_secs(600));
    let id = world.enqueue(&cx, note("never")).await;
    let run = crew.next().await;
    cancel(&db, &cx, id).await.unwrap();
    run.fail(Failure::retry_after("no paper", Duration::from_secs(3_600)));
    let job = world.until(&cx, id, |job| job.status == JobStatus::Cancelled).await;
    assert_eq!((job.attempts, job.last_error.as_deref()), (2, Some("no paper")));
    assert!(crew.is_idle());
    assert_eq!(world.notes(&cx).await, ["never: Cancelled"]);
}

#[derive(Serialize, Deserialize)]
struct Internal;

impl Job for Internal {
    const KIND: &'static str = "test.internal";
    const CLASS: Class = Class::Interactive;
}

struct Nothing;

impl Handler<Internal> for Nothing {
    async fn run(&self, _: &rowhouse_jobs::Run, _: Internal) -> Result<(), Failure> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn some_jobs_cannot_be_cancelled() {
    let world = World::new().await;
    let (cx, other) = (world.tenant().await, world.tenant().await);
    let db = connect(&world.database.url(ServiceName::Auth)).await;
    let id = world.enqueue(&cx, NewJob::new(Internal)).await;
    assert!(matches!(cancel(&db, &cx, id).await, Err(CancelError::NotCancellable)));
    assert!(matches!(cancel(&db, &other, id).await, Err(CancelError::NotFound)));

    let mut crew = Crew::start(world.db.clone(), 1, LEASE);
    let ended = world.enqueue(&cx, note("done")).await;
    crew.next().await.succeed();
    world.until(&cx, ended, |job| job.status == JobStatus::Succeeded).await;
    assert!(matches!(cancel(&db, &cx, ended).await, Err(CancelError::Ended(JobStatus::Succeeded))));

    // Workers without a handler for it leave it; others end it.
    let job = world.until(&cx, id, |job| job.last_error.is_some()).await;
    assert_eq!(job.status, JobStatus::Queued);
    let workers = rowhouse_jobs::Workers::new(world.db.clone(), rowhouse_jobs::WorkerArgs::default());
    drop(crew);
    let task = tokio::spawn(workers.handle::<Internal>(Nothing).run(std::future::pending(), DRAIN));
    world.until(&cx, id, |job| job.status == JobStatus::Succeeded).await;
    task.abort();
}
