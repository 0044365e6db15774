//! Measures jobs per second beside `graphile_worker`, on the same PostgreSQL, in turns. The jobs do nothing, so the
//! queue itself is measured. Both queues are filled before the clock starts, and have the same number of workers.
//!
//! Our figure includes what `graphile_worker` does not do: each job is read and ended in two transactions that enter
//! its tenant, and the tenants take turns.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use graphile_worker::{
    IntoTaskHandlerResult, JobSpec, LocalQueueConfig, TaskHandler, WorkerContext, WorkerOptions,
};
use rowhouse_catalog::{PerService, ServiceName};
use rowhouse_jobs::{Class, Failure, Handler, Job, Run, WorkerArgs, Workers};
use rowhouse_migrator::{RolePasswords, connect, migrate};
use rowhouse_postgres::{Cluster, ClusterOptions, Programs, random_password};
use rowhouse_tenancy::{DatabaseConfig, TenantDb};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio_postgres::Client;

use crate::Failure as BenchFailure;
use crate::report::median;

/// A job that does nothing.
#[derive(Clone, Serialize, Deserialize)]
struct Nothing {
    number: usize,
}

impl Job for Nothing {
    const KIND: &'static str = "bench.nothing";
    const CLASS: Class = Class::Interactive;
}

/// Counts the finished jobs, and signals the last one.
#[derive(Clone, Debug)]
struct Done {
    /// The number of jobs left.
    left: Arc<AtomicUsize>,
    all: Arc<Notify>,
}

impl Done {
    fn of(jobs: usize) -> Self {
        Self { left: Arc::new(AtomicUsize::new(jobs)), all: Arc::default() }
    }

    fn one(&self) {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.all.notify_one();
        }
    }
}

impl Handler<Nothing> for Done {
    async fn run(&self, run: &Run, _: Nothing) -> Result<(), Failure> {
        run.complete("bench.nothing", async |_| Ok::<_, Failure>(())).await?;
        self.one();
        Ok(())
    }
}

impl TaskHandler for Nothing {
    const IDENTIFIER: &'static str = "nothing";

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        if let Some(done) = context.get_ext::<Done>() {
            done.one();
        }
        Ok::<(), String>(())
    }
}

/// Measures with a number of workers, and prints the result.
#[allow(clippy::print_stdout, reason = "the figures are the program's output")]
pub(crate) async fn run(workers: usize, jobs: usize, rounds: usize) -> Result<(), BenchFailure> {
    let directory = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir()?;
    let options = ClusterOptions {
        directory: directory.path().to_owned(),
        programs: Programs::find(None)?,
        password: random_password()?,
        settings: &[("max_connections", "200")],
        sync: true,
    };
    let cluster = Cluster::start(&options).await?;
    let password = random_password()?;
    let mut passwords = PerService::default();
    passwords[ServiceName::Orders] = Some(password.clone());
    let passwords = RolePasswords::new(passwords);
    migrate(&cluster.admin_url("bench"), None, &passwords).await?;
    let admin = connect(&cluster.admin_url("bench"), None).await?;
    let url = format!("postgres://rowhouse_orders:{password}@127.0.0.1:{}/bench", cluster.port());

    println!("{jobs} jobs that do nothing, {workers} workers, jobs per second, in turns");
    println!(
        "{:>24} {:>24} {:>24} {:>24}",
        "graphile_worker", "with a local queue", "rowhouse, 1 tenant", "rowhouse, 200 tenants"
    );
    let mut rates = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
    for round in 0..rounds {
        let measured = [
            graphile(&cluster.admin_url("bench"), &admin, &format!("once_{round}"), workers, jobs, false)
                .await?,
            graphile(&cluster.admin_url("bench"), &admin, &format!("local_{round}"), workers, jobs, true)
                .await?,
            ours(&url, &admin, 1, workers, jobs).await?,
            ours(&url, &admin, 200, workers, jobs).await?,
        ];
        let [by_one, by_hundred, single, many] = measured;
        println!("{by_one:>24.0} {by_hundred:>24.0} {single:>24.0} {many:>24.0}");
        for (rates, rate) in rates.iter_mut().zip(measured) {
            rates.push(rate);
        }
    }
    let [by_one, by_hundred, single, many] = rates.map(median);
    println!("medians: {:.2} and {:.2} of graphile_worker,", single / by_one, many / by_one);
    println!("         {:.2} and {:.2} of it with a local queue", single / by_hundred, many / by_hundred);
    cluster.stop().await;
    Ok(())
}

fn per_second(jobs: usize, began: Instant) -> f64 {
    f64::from(u32::try_from(jobs).unwrap_or(u32::MAX)) / began.elapsed().as_secs_f64()
}

async fn ours(
    url: &str,
    admin: &Client,
    tenants: usize,
    workers: usize,
    jobs: usize,
) -> Result<f64, BenchFailure> {
    let fill = format!(
        "TRUNCATE jobs.jobs, jobs.lanes;
         INSERT INTO tenancy.tenants (id, slug, name, status)
         SELECT gen_random_uuid(), 'bench-{tenants}-' || n, 'Bench', 'active' FROM generate_series(1, {tenants}) n
         ON CONFLICT DO NOTHING;
         INSERT INTO jobs.jobs (tenant_id, id, queue, kind, payload, max_attempts)
         SELECT t.id, gen_random_uuid(), 'rowhouse_orders', 'bench.nothing', jsonb_build_object('number', n), 20
         FROM generate_series(1, {jobs}) n
         JOIN tenancy.tenants t ON t.slug = 'bench-{tenants}-' || 1 + n % {tenants};"
    );
    admin.batch_execute(&fill).await?;
    admin.batch_execute("VACUUM ANALYZE jobs.jobs, jobs.lanes").await?;
    let config = DatabaseConfig {
        pool_size: u32::try_from(workers)? + 2,
        acquire_timeout: Duration::from_secs(30),
        ..DatabaseConfig::new(url)
    };
    let db = TenantDb::connect(&config).await?;
    let done = Done::of(jobs);
    let args =
        WorkerArgs { workers, jobs_per_tenant: workers, lease: Duration::from_secs(60), ..WorkerArgs::NONE };
    let began = Instant::now();
    let working = tokio::spawn(
        Workers::new(db, args).handle::<Nothing>(done.clone()).run(std::future::pending(), Duration::ZERO),
    );
    done.all.notified().await;
    let rate = per_second(jobs, began);
    working.abort();
    let left = admin.query_one("SELECT count(*) FROM jobs.jobs WHERE status <> 'succeeded'", &[]).await?;
    match left.get(0) {
        0_i64 => Ok(rate),
        left => Err(format!("{left} jobs were not done").into()),
    }
}

/// Runs `graphile_worker`. By default it takes one job after the other from the database; with a local queue, a
/// hundred at a time.
async fn graphile(
    url: &str,
    admin: &Client,
    schema: &str,
    workers: usize,
    jobs: usize,
    local_queue: bool,
) -> Result<f64, BenchFailure> {
    let done = Done::of(jobs);
    let options = WorkerOptions::default()
        .schema(schema.to_owned())
        .concurrency(workers)
        .database_url(url)
        .max_pg_conn(u32::try_from(workers)? + 2)
        .listen_os_shutdown_signals(false)
        .define_job::<Nothing>()
        .add_extension(done.clone());
    let options =
        if local_queue { options.local_queue(LocalQueueConfig::default().with_size(100)) } else { options };
    let worker = options.init().await?;
    let utils = worker.create_utils();
    let spec = JobSpec::default();
    let all: Vec<_> = (0..jobs).map(|number| (Nothing { number }, &spec)).collect();
    for some in all.chunks(1_000) {
        utils.add_jobs(some).await?;
    }
    admin.batch_execute(&format!("VACUUM ANALYZE {schema}._private_jobs")).await?;
    let began = Instant::now();
    if !local_queue {
        worker.run_once().await?;
        return Ok(per_second(jobs, began));
    }
    let worker = Arc::new(worker);
    let working = tokio::spawn({
        let worker = Arc::clone(&worker);
        async move { worker.run().await.map_err(|error| error.to_string()) }
    });
    done.all.notified().await;
    let rate = per_second(jobs, began);
    worker.request_shutdown();
    working.await??;
    Ok(rate)
}
