//! Enqueueing jobs.

use std::time::Duration;

use rowhouse_jobs::{EnqueueError, JobStatus, NewJob, enqueue};
use rowhouse_tenancy::DbError;

use crate::world::{Crew, Note, World, note, write_note};

const LEASE: Duration = Duration::from_secs(10);

/// The error with which a test rolls a transaction back.
#[derive(Debug, thiserror::Error)]
enum Undo {
    #[error("on purpose")]
    OnPurpose,
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Enqueue(#[from] EnqueueError),
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_committed_with_its_transaction_or_not_at_all() {
    let world = World::new().await;
    let cx = world.tenant().await;
    let mut crew = Crew::start(world.db.clone(), 2, LEASE);
    let undone = world.db.tx::<(), Undo, _>(&cx, "test.undo", async |tx| {
        enqueue(tx, note("undone")).await?;
        Err(Undo::OnPurpose)
    });
    assert!(matches!(undone.await, Err(Undo::OnPurpose)));
    let id = world.enqueue(&cx, note("committed")).await;

    let run = crew.next().await;
    assert_eq!((run.tenant, run.note.as_str(), run.attempt), (cx.tenant(), "committed", 1));
    run.succeed();
    let job = world.until(&cx, id, |job| job.status == JobStatus::Succeeded).await;
    assert_eq!((job.queue.as_str(), job.kind.as_str(), job.attempts), ("orders", "test.note", 1));
    assert_eq!(job.due_at, None);
    assert!(job.started_at >= Some(job.created_at) && job.finished_at >= job.started_at, "{job:?}");
    assert_eq!(world.notes(&cx).await, ["committed"]);
    assert!(crew.is_idle());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_sees_its_own_tenant_alone() {
    let world = World::new().await;
    let (acme, globex) = (world.tenant().await, world.tenant().await);
    let mut crew = Crew::start(world.db.clone(), 2, LEASE);
    let of_acme = world.enqueue(&acme, note("acme's")).await;
    let of_globex = world.enqueue(&globex, note("globex's")).await;
    for _ in 0..2 {
        let run = crew.next().await;
        assert_eq!(run.tenant, if run.note == "acme's" { acme.tenant() } else { globex.tenant() });
        run.succeed();
    }
    world.until(&acme, of_acme, |job| job.status == JobStatus::Succeeded).await;
    world.until(&globex, of_globex, |job| job.status == JobStatus::Succeeded).await;
    assert_eq!(world.notes(&acme).await, ["acme's"]);
    assert_eq!(world.notes(&globex).await, ["globex's"]);
    let ids: Vec<_> = world.jobs(&acme).await.into_iter().map(|job| job.id).collect();
    assert_eq!(ids, [of_acme]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unique_job_is_added_once_and_run_again_when_it_had_begun() {
    let world = World::new().await;
    let cx = world.tenant().await;
    let unique = || note("once").unique("key");
    let first = world.enqueue(&cx, unique()).await;
    assert_eq!(world.enqueue(&cx, unique()).await, first);
    // Another tenant's key is a different key.
    let other = world.tenant().await;
    assert_ne!(world.enqueue(&other, unique().after(Duration::from_secs(3_600))).await, first);

    let mut crew = Crew::start(world.db.clone(), 2, LEASE);
    let run = crew.next().await;
    assert_eq!(world.enqueue(&cx, unique()).await, first);
    assert_eq!(world.enqueue(&cx, unique()).await, first);
    run.succeed();
    let again = crew.next().await;
    assert_eq!(again.attempt, 1);
    again.succeed();
    world.until(&cx, first, |job| job.status == JobStatus::Succeeded).await;
    assert_eq!(world.notes(&cx).await, ["once", "once"]);

    let later = world.enqueue(&cx, unique()).await;
    assert_ne!(later, first, "a job that has ended is not in the way");
    crew.next().await.succeed();
    world.until(&cx, later, |job| job.status == JobStatus::Succeeded).await;
}

/// A job that is enqueued while a run ends is neither lost nor delayed: the run is repeated, or a new job is created.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_enqueued_at_the_last_moment_is_overlooked() {
    let world = World::new().await;
    let cx = world.tenant().await;
    let workers = crate::world::work(world.db.clone(), rowhouse_jobs::WorkerArgs::default());
    for round in 0..100 {
        let text = format!("{round:03}");
        // Each transaction writes a fact and enqueues a look at the facts; a look that began before does not see it.
        let written = world.db.tx::<_, EnqueueError, _>(&cx, "test.write", async |tx| {
            write_note(tx, &format!("fact {text}")).await?;
            enqueue(tx, NewJob::new(Note(format!("look {text}"))).unique("look")).await
        });
        written.await.unwrap();
    }
    let deadline = tokio::time::Instant::now() + crate::world::PATIENCE;
    loop {
        let jobs = world.jobs(&cx).await;
        if jobs.iter().all(|job| job.status == JobStatus::Succeeded) {
            // The last fact is committed before the last look begins.
            let last = jobs.iter().filter_map(|job| job.started_at).max().unwrap();
            let newest = jobs.iter().map(|job| job.created_at).max().unwrap();
            assert!(last >= newest);
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{jobs:#?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    workers.abort();
}
