//! Handlers that panic.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rowhouse_jobs::{Class, End, Failure, Handler, Job, JobStatus, NewJob, Run, WorkerArgs, Workers};
use rowhouse_tenancy::{DbError, TenantTx};
use serde::{Deserialize, Serialize};

use crate::world::{DRAIN, Note, World, Writing, note, write_note};

#[derive(Serialize, Deserialize)]
struct Bomb;

impl Job for Bomb {
    const KIND: &'static str = "test.bomb";
    const CLASS: Class = Class::Interactive;
    const MAX_ATTEMPTS: i32 = 2;
}

/// A handler that panics in the middle of a transaction, and once more when it is notified of the end.
struct Exploding(AtomicUsize);

impl Handler<Bomb> for Exploding {
    async fn run(&self, run: &Run, _: Bomb) -> Result<(), Failure> {
        run.complete("test.bomb", async |tx| {
            write_note(tx, "never").await?;
            // This closes the connection.
            assert!(tx.tenant().as_uuid().is_nil(), "the key is hunter2");
            Ok::<_, Failure>(())
        })
        .await
    }

    async fn ended(&self, tx: &mut TenantTx, _: Bomb, end: &End) -> Result<(), DbError> {
        assert!(self.0.fetch_add(1, Ordering::Relaxed) > 0, "not now");
        write_note(tx, &format!("{end:?}")).await
    }
}

/// The job is rescheduled and retried like any failed one, and the worker continues; one that always panics fails for
/// good.
#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_panics_costs_one_attempt() {
    const TOLD: &str = "it panicked: the service's log says where and why";
    let world = World::new().await;
    let cx = world.tenant().await;
    // If nothing settled the job, its lease would outlast this test.
    let args = WorkerArgs { workers: 1, lease: Duration::from_secs(600), ..WorkerArgs::default() };
    let workers = Workers::new(world.db.clone(), args)
        .handle::<Bomb>(Exploding(AtomicUsize::new(0)))
        .handle::<Note>(Writing);
    let working = tokio::spawn(workers.run(std::future::pending(), DRAIN));
    let id = world.enqueue(&cx, NewJob::new(Bomb)).await;
    let job = world.until(&cx, id, |job| job.last_error.is_some()).await;
    assert_eq!((job.status, job.attempts), (JobStatus::Queued, 1));
    assert_eq!(job.last_error.as_deref(), Some(TOLD), "and none of its own words");
    let delay = job.due_at.unwrap() - job.started_at.unwrap();
    assert!((1_400..10_000).contains(&delay.num_milliseconds()), "{delay}");

    // The same worker runs the next job meanwhile.
    let next = world.enqueue(&cx, note("next")).await;
    world.until(&cx, next, |job| job.status == JobStatus::Succeeded).await;
    // After the second attempt it ends, which panics as well, and succeeds in the end.
    let job = world.until(&cx, id, |job| job.attempts == 2 && job.status == JobStatus::Queued).await;
    assert_eq!(job.last_error.as_deref(), Some(TOLD));
    let job = world.until(&cx, id, |job| job.status == JobStatus::Dead).await;
    assert!(job.finished_at.is_some());
    assert_eq!(world.notes(&cx).await.len(), 2, "{:?}", world.notes(&cx).await);
    assert!(!working.is_finished());
    working.abort();
}
