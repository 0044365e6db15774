//! The ends of jobs.

use std::time::Duration;

use chrono::Utc;
use rowhouse_jobs::{Failure, JobStatus};

use crate::world::{Crew, World, note};

const LEASE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_job_is_rescheduled_and_retried() {
    let world = World::new().await;
    let cx = world.tenant().await;
    let mut crew = Crew::start(world.db.clone(), 1, LEASE);
    let id = world.enqueue(&cx, note("in the end")).await;
    crew.next().await.fail(Failure::retry("the printer is out of paper"));
    let job = world.until(&cx, id, |job| job.last_error.is_some()).await;
    assert_eq!((job.status, job.attempts), (JobStatus::Queued, 1));
    assert_eq!(job.last_error.as_deref(), Some("the printer is out of paper"));
    let delay = job.due_at.unwrap() - job.started_at.unwrap();
    assert!((1_400..10_000).contains(&delay.num_milliseconds()), "{delay}");

    let run = crew.next().await;
    assert!(Utc::now() >= job.due_at.unwrap());
    assert_eq!(run.attempt, 2);
    run.succeed();
    let job = world.until(&cx, id, |job| job.status == JobStatus::Succeeded).await;
    assert_eq!((job.attempts, job.last_error), (2, None));
    assert_eq!(world.notes(&cx).await, ["in the end"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_dead_after_its_last_attempt() {
    let world = World::new().await;
    let cx = world.tenant().await;
    let mut crew = Crew::start(world.db.clone(), 1, LEASE);
    let id = world.enqueue(&cx, note("never")).await;
    for attempt in 1..=3 {
        let run = crew.next().await;
        assert_eq!(run.attempt, attempt);
        run.fail(Failure::retry_after("still no paper", Duration::ZERO));
    }
    let job = world.until(&cx, id, |job| job.status == JobStatus::Dead).await;
    assert_eq!((job.attempts, job.last_error.as_deref()), (3, Some("still no paper")));
    assert!(job.finished_at.is_some());
    assert_eq!(world.notes(&cx).await, [r#"never: Dead { reason: "still no paper" }"#]);
    assert!(crew.is_idle());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fatal_failure_is_not_retried() {
    let world = World::new().await;
    let cx = world.tenant().await;
    let mut crew = Crew::start(world.db.clone(), 1, LEASE);
    let id = world.enqueue(&cx, note("no")).await;
    crew.next().await.fail(Failure::fatal("there is no printer"));
    let job = world.until(&cx, id, |job| job.status == JobStatus::Dead).await;
    assert_eq!((job.attempts, job.last_error.as_deref()), (1, Some("there is no printer")));
    assert_eq!(world.notes(&cx).await, [r#"no: Dead { reason: "there is no printer" }"#]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_stops_releases_its_jobs() {
    let world = World::new().await;
    let cx = world.tenant().await;
    let mut crew = Crew::start(world.db.clone(), 1, Duration::from_secs(600));
    let id = world.enqueue(&cx, note("handed over")).await;
    let unfinished = crew.next().await;
    crew.stop().await;
    let job = world.job(&cx, id).await;
    assert_eq!((job.status, job.attempts), (JobStatus::Queued, 0));

    let mut next = Crew::start(world.db.clone(), 1, LEASE);
    let run = next.next().await;
    assert_eq!(run.attempt, 1);
    run.succeed();
    world.until(&cx, id, |job| job.status == JobStatus::Succeeded).await;
    unfinished.succeed();
    assert_eq!(world.notes(&cx).await, ["handed over"]);
}

/// A job that ends within the time of a stop is completed.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_stops_lets_its_jobs_finish() {
    let world = World::new().await;
    let cx = world.tenant().await;
    let mut crew = Crew::start_for(world.db.clone(), Duration::from_secs(20));
    let id = world.enqueue(&cx, note("last")).await;
    let run = crew.next().await;
    let stopping = tokio::spawn(crew.stop());
    let other = world.enqueue(&cx, note("too late")).await;
    // Longer than the former limit of jobs.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(!stopping.is_finished());
    run.succeed();
    stopping.await.unwrap();
    assert_eq!(world.job(&cx, id).await.status, JobStatus::Succeeded);
    assert_eq!(world.job(&cx, other).await.status, JobStatus::Queued, "nothing new is begun");
}
