//! Jobs that belong to no tenant.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use rowhouse_chassis::encryption::EncryptionKeys;
use rowhouse_jobs::{
    Failure, GlobalEnqueueError, GlobalHandler, GlobalJob, GlobalQueue, GlobalRun, WorkerArgs, Workers,
};
use rowhouse_tenancy::{DbError, TenantContext, TenantDb};
use rowhouse_testkit::ServiceName;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::world::{DRAIN, PATIENCE, World, connect, write_note};

/// Leaves a note in a tenant that is found out only when it is done.
#[derive(Debug, Serialize, Deserialize)]
struct Errand(String);

impl GlobalJob for Errand {
    const KIND: &'static str = "test.errand";
    const MAX_ATTEMPTS: i32 = 2;
}

fn errands(key: u8) -> GlobalQueue<Errand> {
    let key = char::from(key).to_string().repeat(42) + "A=";
    GlobalQueue::new(EncryptionKeys::parse(&key).unwrap())
}

struct Waiting {
    note: String,
    attempt: i32,
    answer: oneshot::Sender<Result<TenantContext, Failure>>,
}

struct Asking(mpsc::UnboundedSender<Waiting>);

impl GlobalHandler<Errand> for Asking {
    async fn run(&self, run: &GlobalRun, Errand(note): Errand) -> Result<(), Failure> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Waiting { note: note.clone(), attempt: run.attempt(), answer }).unwrap();
        let found = answered.await.unwrap_or_else(|_| Err(Failure::retry("the test has ended")))?;
        run.complete_in_tenant(&found, "test.note", async |tx| {
            Ok::<_, Failure>(write_note(tx, &note).await?)
        })
        .await?;
        Ok(())
    }
}

struct Crew {
    waiting: mpsc::UnboundedReceiver<Waiting>,
    task: JoinHandle<()>,
}

impl Crew {
    /// Workers for nothing but jobs that belong to no tenant.
    fn start(db: TenantDb, queue: GlobalQueue<Errand>, lease: Duration) -> Self {
        let (sender, waiting) = mpsc::unbounded_channel();
        let args = WorkerArgs { lease, ..WorkerArgs::NONE };
        let workers = Workers::new(db, args).handle_global(queue, Asking(sender));
        let task = tokio::spawn(workers.run(std::future::pending(), DRAIN));
        Self { waiting, task }
    }

    async fn next(&mut self) -> Waiting {
        tokio::time::timeout(PATIENCE, self.waiting.recv()).await.unwrap().unwrap()
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn world() -> World {
    let world = World::new().await;
    let declared = "INSERT INTO jobs.global_kinds VALUES ('rowhouse_orders', 'test.errand', 'for the test')";
    world.database.admin().await.batch_execute(declared).await.unwrap();
    world
}

async fn enqueue(db: &TenantDb, queue: &GlobalQueue<Errand>, note: &str) -> Result<(), GlobalEnqueueError> {
    let errand = Errand(note.to_owned());
    db.global_tx("test.enqueue", async |tx| queue.enqueue(tx, &errand).await).await
}

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Returns the number of jobs that satisfy the condition.
async fn count(world: &World, condition: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM jobs.global_jobs WHERE {condition}");
    let Counted { count } =
        diesel::sql_query(sql).get_result(&mut world.database.admin().await).await.unwrap();
    count
}

async fn until(world: &World, condition: &str, expected: i64) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while count(world, condition).await != expected {
        assert!(tokio::time::Instant::now() < deadline, "{condition}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

const LEASE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_job_ends_in_the_commit_of_its_work_and_nothing_of_it_is_left() {
    let (world, queue) = (world().await, errands(b'A'));
    let cx = world.tenant().await;
    let mut crew = Crew::start(world.db.clone(), queue.clone(), LEASE);
    enqueue(&world.db, &queue, "done").await.unwrap();
    world.db.global_tx("test.nothing", async |tx| queue.enqueue_nothing(tx).await).await.unwrap();
    let run = crew.next().await;
    assert_eq!((run.note.as_str(), run.attempt, count(&world, "true").await), ("done", 1, 1));
    run.answer.send(Ok(cx.clone())).unwrap();
    until(&world, "true", 0).await;
    assert_eq!(world.notes(&cx).await, ["done"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_a_transaction_that_is_undone_does_not_exist() {
    let (world, queue) = (world().await, errands(b'A'));
    let cx = world.tenant().await;
    let undone = world.db.tx::<(), GlobalEnqueueError, _>(&cx, "test.undone", async |tx| {
        queue.enqueue(tx, &Errand("never".to_owned())).await?;
        Err(DbError::SwallowedFailure.into())
    });
    undone.await.unwrap_err();
    assert_eq!(count(&world, "true").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_is_retried_and_removed_after_its_last_attempt() {
    let (world, queue) = (world().await, errands(b'A'));
    let mut crew = Crew::start(world.db.clone(), queue.clone(), LEASE);
    enqueue(&world.db, &queue, "no").await.unwrap();
    crew.next().await.answer.send(Err(Failure::retry_after("not now", Duration::ZERO))).unwrap();
    let run = crew.next().await;
    assert_eq!(run.attempt, 2);
    run.answer.send(Err(Failure::retry("not now"))).unwrap();
    until(&world, "true", 0).await;
    enqueue(&world.db, &queue, "never").await.unwrap();
    crew.next().await.answer.send(Err(Failure::fatal("it cannot be"))).unwrap();
    until(&world, "true", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_become_another_workers_commits_nothing() {
    let (world, queue) = (world().await, errands(b'A'));
    let cx = world.tenant().await;
    // The claim of the first is over before it is prolonged: as if its process had stood still.
    let mut first = Crew::start(world.db.clone(), queue.clone(), LEASE);
    enqueue(&world.db, &queue, "once").await.unwrap();
    let slow = first.next().await;
    let over = "UPDATE jobs.global_jobs SET due_at = now()";
    world.database.admin().await.batch_execute(over).await.unwrap();
    let mut second = Crew::start(connect(&world.database.url(ServiceName::Orders)).await, queue, LEASE);
    let run = second.next().await;
    assert_eq!(run.attempt, 2);
    slow.answer.send(Ok(cx.clone())).unwrap();
    until(&world, "attempts = 2 AND lease IS NOT NULL", 1).await;
    run.answer.send(Ok(cx.clone())).unwrap();
    until(&world, "true", 0).await;
    assert_eq!(world.notes(&cx).await, ["once"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_stop_release_their_jobs_as_if_they_had_not_been_begun() {
    let (world, queue) = (world().await, errands(b'A'));
    let (sender, mut waiting) = mpsc::unbounded_channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let workers =
        Workers::new(world.db.clone(), WorkerArgs::NONE).handle_global(queue.clone(), Asking(sender));
    let task = tokio::spawn(workers.run(async { drop(stopped.await) }, Duration::ZERO));
    enqueue(&world.db, &queue, "later").await.unwrap();
    let _run = tokio::time::timeout(PATIENCE, waiting.recv()).await.unwrap().unwrap();
    stop.send(()).unwrap();
    tokio::time::timeout(PATIENCE, task).await.unwrap().unwrap();
    assert_eq!(count(&world, "attempts = 0 AND lease IS NULL AND due_at <= now()").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reads_it_without_the_keys_and_it_waits_for_who_has_them() {
    let (world, queue) = (world().await, errands(b'A'));
    enqueue(&world.db, &queue, "the secret").await.unwrap();
    assert_eq!(count(&world, "position('secret' IN encode(payload, 'escape')) = 0").await, 1);
    let mut stranger = Crew::start(world.db.clone(), errands(b'B'), LEASE);
    until(&world, "attempts = 1 AND lease IS NULL", 1).await;
    assert!(stranger.waiting.try_recv().is_err());
    drop(stranger);
    let at_once = "UPDATE jobs.global_jobs SET due_at = now()";
    world.database.admin().await.batch_execute(at_once).await.unwrap();
    let mut crew = Crew::start(world.db.clone(), queue, LEASE);
    assert_eq!(crew.next().await.note, "the secret");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_declared_kinds_are_taken_and_only_through_the_services_own_queue() {
    let (world, queue) = (world().await, errands(b'A'));
    enqueue(&world.db, &queue, "ours").await.unwrap();
    // Auth has not declared the kind.
    let auth = connect(&world.database.url(ServiceName::Auth)).await;
    let refused = enqueue(&auth, &queue, "theirs").await.unwrap_err();
    assert!(matches!(refused, GlobalEnqueueError::Db(_)), "{refused}");
    let claimed = auth.global_tx::<_, DbError, _>("test.claim", async |tx| {
        let claim = "SELECT count(job_id) FROM jobs.claim_global(gen_random_uuid(), 8, '1 min')";
        let Counted { count } = diesel::sql_query(claim).get_result(tx).await?;
        Ok(count)
    });
    assert_eq!(claimed.await.unwrap(), 0);
    for touch in [
        "SELECT payload::text AS text FROM jobs.global_jobs",
        "DELETE FROM jobs.global_jobs RETURNING kind AS text",
        "INSERT INTO jobs.global_kinds VALUES ('rowhouse_auth', 'test.errand', 'mine') RETURNING kind AS text",
    ] {
        #[derive(QueryableByName)]
        #[expect(dead_code, reason = "the statements are refused")]
        struct Touched {
            #[diesel(sql_type = Text)]
            text: String,
        }
        for db in [&auth, &world.db] {
            let touched = db.global_tx::<Vec<Touched>, DbError, _>("test.touch", async |tx| {
                Ok(diesel::sql_query(touch).load(tx).await?)
            });
            let error = touched.await.err().unwrap();
            assert!(error.to_string().contains("permission denied"), "{error}");
        }
    }
    assert_eq!(count(&world, "attempts = 0").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_with_nothing_to_do_wait_until_they_are_woken() {
    #[derive(QueryableByName)]
    struct Wait {
        #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Double>)]
        wait: Option<f64>,
    }
    let world = World::new().await;
    let mut conn = world.database.connect_as(ServiceName::Orders).await;
    let claim = "SELECT wait FROM jobs.claim_global(gen_random_uuid(), 8, '1 min')";
    let rows: Vec<Wait> = diesel::sql_query(claim).load(&mut conn).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.wait).collect::<Vec<_>>(), [None]);
}
