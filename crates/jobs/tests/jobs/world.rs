//! A database with tenants, and jobs that leave a trace.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{Text, Uuid as SqlUuid};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use rowhouse_jobs::{
    Class, End, EnqueueError, Failure, Handler, Job, JobId, JobRecord, ListJobs, NewJob, Run, WorkerArgs,
    Workers, enqueue, find_job, list_jobs,
};
use rowhouse_tenancy::{
    DatabaseConfig, DbError, SystemOrigin, TenantContext, TenantDb, TenantId, TenantTx, of_tenant,
    tenant_table,
};
use rowhouse_testkit::{ServiceName, TestDatabase};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use uuid::Uuid;

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// The time that the test's workers have after a request to stop.
pub(crate) const DRAIN: Duration = Duration::from_millis(600);

diesel::table! {
    orders.effects (tenant_id, id) { tenant_id -> Uuid, id -> Uuid, note -> Text, }
}
tenant_table!(effects);

pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) db: TenantDb,
}

impl World {
    pub(crate) async fn new() -> Self {
        let database = TestDatabase::create().await;
        database
            .admin()
            .await
            .batch_execute(
                "SET ROLE rowhouse_owner;
                 CREATE TABLE orders.effects (
                     tenant_id uuid NOT NULL, id uuid NOT NULL, note text NOT NULL, PRIMARY KEY (tenant_id, id)
                 );
                 CALL tenancy.protect('orders.effects');
                 GRANT SELECT, INSERT ON orders.effects TO rowhouse_orders;",
            )
            .await
            .unwrap();
        let db = connect(&database.url(ServiceName::Orders)).await;
        Self { database, db }
    }

    pub(crate) async fn tenant(&self) -> TenantContext {
        let tenant = TenantId::generate();
        let slug = format!("t-{}", tenant.as_uuid().simple());
        diesel::sql_query(
            "INSERT INTO tenancy.tenants (id, slug, name, status) VALUES ($1, $2, 'Acme', 'active')",
        )
        .bind::<SqlUuid, _>(tenant)
        .bind::<Text, _>(slug)
        .execute(&mut self.database.admin().await)
        .await
        .unwrap();
        TenantContext::system(SystemOrigin::Job, tenant)
    }

    pub(crate) async fn set_status(&self, cx: &TenantContext, status: &str) {
        diesel::sql_query("UPDATE tenancy.tenants SET status = $2 WHERE id = $1")
            .bind::<SqlUuid, _>(cx.tenant())
            .bind::<Text, _>(status)
            .execute(&mut self.database.admin().await)
            .await
            .unwrap();
    }

    pub(crate) async fn enqueue<J: Job>(&self, cx: &TenantContext, job: NewJob<J>) -> JobId {
        self.db.tx::<_, EnqueueError, _>(cx, "test.enqueue", async |tx| enqueue(tx, job).await).await.unwrap()
    }

    pub(crate) async fn job(&self, cx: &TenantContext, id: JobId) -> JobRecord {
        self.db.tx(cx, "test.find", async |tx| find_job(tx, id).await).await.unwrap().unwrap()
    }

    pub(crate) async fn jobs(&self, cx: &TenantContext) -> Vec<JobRecord> {
        let list = ListJobs { limit: 100, before: None, status: None };
        self.db.tx(cx, "test.list", async |tx| list_jobs(tx, &list).await).await.unwrap()
    }

    /// Waits until the condition holds for the job, and returns it.
    pub(crate) async fn until(
        &self,
        cx: &TenantContext,
        id: JobId,
        condition: impl Fn(&JobRecord) -> bool,
    ) -> JobRecord {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let job = self.job(cx, id).await;
            if condition(&job) {
                return job;
            }
            assert!(tokio::time::Instant::now() < deadline, "{job:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn notes(&self, cx: &TenantContext) -> Vec<String> {
        self.db
            .tx(cx, "test.notes", async |tx| {
                let notes = of_tenant(effects::table, tx.tenant()).select(effects::note).order(effects::note);
                Ok::<_, DbError>(notes.load(tx).await?)
            })
            .await
            .unwrap()
    }
}

pub(crate) async fn connect(url: &str) -> TenantDb {
    let config = DatabaseConfig { acquire_timeout: Duration::from_secs(10), ..DatabaseConfig::new(url) };
    TenantDb::connect(&config).await.unwrap()
}

pub(crate) async fn write_note(tx: &mut TenantTx, note: &str) -> Result<(), DbError> {
    diesel::insert_into(effects::table)
        .values((effects::tenant_id.eq(tx.tenant()), effects::id.eq(Uuid::now_v7()), effects::note.eq(note)))
        .execute(tx)
        .await?;
    Ok(())
}

/// A job that leaves a note.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Note(pub(crate) String);

impl Job for Note {
    const KIND: &'static str = "test.note";
    const CLASS: Class = Class::Interactive;
    const MAX_ATTEMPTS: i32 = 3;
    const CANCELLABLE: bool = true;
}

pub(crate) fn note(text: &str) -> NewJob<Note> {
    NewJob::new(Note(text.to_owned()))
}

/// One job as a delivery, and as maintenance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Parcel(pub(crate) String);

impl Job for Parcel {
    const KIND: &'static str = "test.parcel";
    const CLASS: Class = Class::Delivery;
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Chore(pub(crate) String);

impl Job for Chore {
    const KIND: &'static str = "test.chore";
    const CLASS: Class = Class::Maintenance;
}

impl From<Note> for String {
    fn from(Note(note): Note) -> Self {
        note
    }
}

impl From<Parcel> for String {
    fn from(Parcel(note): Parcel) -> Self {
        note
    }
}

impl From<Chore> for String {
    fn from(Chore(note): Chore) -> Self {
        note
    }
}

/// A run that waits for the test to decide.
pub(crate) struct Waiting {
    pub(crate) tenant: TenantId,
    pub(crate) note: String,
    pub(crate) attempt: i32,
    answer: oneshot::Sender<Result<(), Failure>>,
}

impl Waiting {
    pub(crate) fn succeed(self) {
        // The run may have been dropped.
        drop(self.answer.send(Ok(())));
    }

    pub(crate) fn fail(self, failure: Failure) {
        drop(self.answer.send(Err(failure)));
    }
}

/// A handler that asks the test what to do, does it, and leaves a note of how it ended.
struct Asking(mpsc::UnboundedSender<Waiting>);

impl<J: Job + Into<String>> Handler<J> for Asking {
    async fn run(&self, run: &Run, job: J) -> Result<(), Failure> {
        let note = job.into();
        let (answer, answered) = oneshot::channel();
        let tenant = run.context().tenant();
        self.0.send(Waiting { tenant, note: note.clone(), attempt: run.attempt(), answer }).unwrap();
        answered.await.unwrap_or_else(|_| Err(Failure::retry("the test has ended")))?;
        run.complete("test.note", async |tx| Ok::<_, Failure>(write_note(tx, &note).await?)).await
    }

    async fn ended(&self, tx: &mut TenantTx, job: J, end: &End) -> Result<(), DbError> {
        write_note(tx, &format!("{}: {end:?}", job.into())).await
    }
}

/// Workers under the test's control. Dropping them ends them as if killed: nothing is released.
pub(crate) struct Crew {
    waiting: mpsc::UnboundedReceiver<Waiting>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Crew {
    pub(crate) fn start(db: TenantDb, workers: usize, lease: Duration) -> Self {
        let args = WorkerArgs { workers, jobs_per_tenant: workers, lease, ..WorkerArgs::default() };
        Self::start_with(db, args)
    }

    /// Starts workers with these settings.
    pub(crate) fn start_with(db: TenantDb, args: WorkerArgs) -> Self {
        Self::run(db, args, DRAIN)
    }

    /// Starts workers with more time to finish.
    pub(crate) fn start_for(db: TenantDb, drain: Duration) -> Self {
        Self::run(db, WorkerArgs::default(), drain)
    }

    pub(crate) fn run(db: TenantDb, args: WorkerArgs, drain: Duration) -> Self {
        let (sender, waiting) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel();
        let workers = Workers::new(db, args)
            .handle::<Note>(Asking(sender.clone()))
            .handle::<Parcel>(Asking(sender.clone()))
            .handle::<Chore>(Asking(sender));
        let stopped = async { drop(stopped.await) };
        let task = tokio::spawn(workers.run(stopped, drain));
        Self { waiting, stop: Some(stop), task }
    }

    /// Waits for the next run.
    pub(crate) async fn next(&mut self) -> Waiting {
        tokio::time::timeout(PATIENCE, self.waiting.recv()).await.unwrap().unwrap()
    }

    /// Returns whether no run has begun that was not taken.
    pub(crate) fn is_idle(&mut self) -> bool {
        self.waiting.try_recv().is_err()
    }

    /// Requests a stop; running jobs continue.
    pub(crate) fn ask_to_stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Stops the workers as the service does.
    pub(crate) async fn stop(mut self) {
        self.ask_to_stop();
        tokio::time::timeout(PATIENCE, &mut self.task).await.unwrap().unwrap();
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A handler that works without asking.
pub(crate) struct Writing;

impl Handler<Note> for Writing {
    async fn run(&self, run: &Run, Note(note): Note) -> Result<(), Failure> {
        run.complete("test.note", async |tx| Ok::<_, Failure>(write_note(tx, &note).await?)).await
    }
}

/// Starts workers that only work.
pub(crate) fn work(db: TenantDb, args: WorkerArgs) -> JoinHandle<()> {
    tokio::spawn(Workers::new(db, args).handle::<Note>(Writing).run(std::future::pending(), DRAIN))
}
