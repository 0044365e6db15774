//! Delayed and recurring jobs.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use diesel::QueryableByName;
use diesel::sql_types::Integer;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use rowhouse_jobs::{Failure, JobStatus};
use rowhouse_testkit::ServiceName;

use crate::world::{Crew, World, note};

const LEASE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_job_begins_when_it_is_due() {
    let world = World::new().await;
    let cx = world.tenant().await;
    let mut crew = Crew::start(world.db.clone(), 4, LEASE);
    let far = world.enqueue(&cx, note("far").after(Duration::from_secs(3_600))).await;
    let after = world.enqueue(&cx, note("after").after(Duration::from_millis(700))).await;
    let due = Utc::now() + TimeDelta::milliseconds(1_500);
    let at = world.enqueue(&cx, note("at").at(due)).await;
    let now = world.enqueue(&cx, note("now")).await;
    for (id, text) in [(now, "now"), (after, "after"), (at, "at")] {
        let run = crew.next().await;
        assert_eq!(run.note, text);
        run.succeed();
        world.until(&cx, id, |job| job.status == JobStatus::Succeeded).await;
    }
    let job = world.job(&cx, at).await;
    assert!(job.started_at.unwrap() >= due);
    assert_eq!(world.job(&cx, far).await.status, JobStatus::Queued);
    assert!(crew.is_idle());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recurring_job_comes_again_whatever_becomes_of_a_run() {
    let world = World::new().await;
    let cx = world.tenant().await;
    let mut crew = Crew::start(world.db.clone(), 1, LEASE);
    let id = world.enqueue(&cx, note("tick").every(Duration::from_secs(1)).unique("tick")).await;
    let job = world.job(&cx, id).await;
    assert_eq!(job.every_seconds, Some(1));
    assert!(job.due_at.unwrap() - job.created_at >= TimeDelta::milliseconds(900), "{job:?}");
    crew.next().await.succeed();
    crew.next().await.fail(Failure::fatal("not today"));
    let job = world.until(&cx, id, |job| job.last_error.is_some()).await;
    assert_eq!((job.status, job.attempts), (JobStatus::Queued, 0));
    crew.next().await.succeed();
    let job = world.until(&cx, id, |job| job.last_error.is_none()).await;
    assert_eq!(job.status, JobStatus::Queued);
    assert_eq!(world.jobs(&cx).await.len(), 1);
    assert_eq!(world.notes(&cx).await, ["tick", "tick", r#"tick: Dead { reason: "not today" }"#]);
}

#[derive(QueryableByName)]
struct Purged {
    #[diesel(sql_type = Integer)]
    tenants: i32,
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_kept_for_a_while_after_their_end() {
    let world = World::new().await;
    let (cx, other) = (world.tenant().await, world.tenant().await);
    let mut crew = Crew::start(world.db.clone(), 1, LEASE);
    for (cx, text) in [(&cx, "old"), (&other, "old"), (&cx, "new")] {
        let id = world.enqueue(cx, note(text)).await;
        crew.next().await.succeed();
        world.until(cx, id, |job| job.status == JobStatus::Succeeded).await;
    }
    let waiting = world.enqueue(&cx, note("waiting").after(Duration::from_secs(3_600))).await;
    let age = "UPDATE jobs.jobs SET finished_at = now() - interval '31 days' WHERE payload = '\"old\"';
               UPDATE jobs.lanes SET purged_at = now() - interval '2 hours'";
    world.database.admin().await.batch_execute(age).await.unwrap();
    // As the workers do, every few minutes.
    let purge = || diesel::sql_query("SELECT jobs.purge(interval '30 days', 100) AS tenants");
    let mut of_another = world.database.connect_as(ServiceName::Auth).await;
    assert_eq!(purge().get_result::<Purged>(&mut of_another).await.unwrap().tenants, 0);
    let mut own = world.database.connect_as(ServiceName::Orders).await;
    assert_eq!(purge().get_result::<Purged>(&mut own).await.unwrap().tenants, 2);
    assert_eq!(purge().get_result::<Purged>(&mut own).await.unwrap().tenants, 0);
    let left: Vec<_> = world.jobs(&cx).await.into_iter().map(|job| (job.id, job.status)).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left.contains(&(waiting, JobStatus::Queued)));
    assert!(world.jobs(&other).await.is_empty());
}
