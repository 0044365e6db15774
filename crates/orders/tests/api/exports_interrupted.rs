//! Exports that are read, killed and cancelled in the middle.

use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
use rowhouse_chassis::error::Code;
use rowhouse_jobs::WorkerArgs;
use rowhouse_proto::orders::v1::error_code;
use rowhouse_proto::orders::v1::{ExportFormat, ExportStatus};
use rowhouse_tokens::Role;

use crate::exports_gate::{Gate, until_count};
use crate::exports_support::{Exports, assert_has, listed, place_many};
use crate::instance::Instance;
use crate::world::{World, an_order, refusal};

const WORKERS: WorkerArgs = WorkerArgs { workers: 2, lease: Duration::from_secs(1), ..WorkerArgs::DEFAULT };
const NOBODY: WorkerArgs = WorkerArgs { lease: WORKERS.lease, ..WorkerArgs::NONE };

/// Starts the service without workers; the tests start instances with workers.
async fn world() -> World {
    World::start_with(|config| config.args.jobs = NOBODY).await
}

async fn instance(world: &World) -> Instance {
    Instance::start(world, |config| config.args.jobs = WORKERS).await
}

#[derive(QueryableByName)]
struct JobRow {
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = BigInt)]
    done: i64,
    #[diesel(sql_type = BigInt)]
    total: i64,
}

async fn job(world: &World, id: &str) -> JobRow {
    let query = format!(
        "SELECT status, coalesce(progress_done, -1) AS done, coalesce(progress_total, -1) AS total
         FROM jobs.jobs WHERE id = '{id}'"
    );
    diesel::sql_query(query).get_result(&mut world.database.admin().await).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_visible() {
    let world = world().await;
    let orders = world.tenant("acme").await;
    place_many(&world, orders.tenant, 2_500).await;
    let exports = Exports::of(&world, orders.tenant, Role::Member).await;
    let export = exports.create(ExportFormat::Jsonl, None).await.unwrap();
    assert_eq!(
        (export.status(), export.progress.unwrap().done, export.size_bytes),
        (ExportStatus::Queued, 0, 0)
    );
    assert_eq!((export.expires_at, export.failure.as_str()), (None, ""));
    assert_eq!(exports.get(&export.id).await.unwrap(), export);
    assert_eq!(job(&world, &export.job_id).await.status, "queued");

    let mut gate = Gate::before(&world, &[2]).await;
    let instance = instance(&world).await;
    gate.reached(2).await;
    let running = exports.get(&export.id).await.unwrap();
    assert_eq!((running.status(), running.progress.unwrap().total), (ExportStatus::Running, 2_500));
    assert!((1..2_500).contains(&running.progress.unwrap().done), "{running:?}");
    assert!(running.size_bytes >= 2 * 256 * 1024, "{running:?}");
    let running_job = job(&world, &export.job_id).await;
    assert_eq!(
        (running_job.status.as_str(), running_job.done, running_job.total),
        ("running", running.progress.unwrap().done, 2_500)
    );
    assert_eq!(refusal(exports.open(&export.id).await.map(drop)).code, error_code::EXPORT_NOT_READY);

    gate.open(2).await;
    let ended = exports.ended(&export.id).await;
    assert_eq!((ended.status(), ended.progress.unwrap().done), (ExportStatus::Succeeded, 2_500));
    let ended_job = job(&world, &export.job_id).await;
    assert_eq!((ended_job.status.as_str(), ended_job.done), ("succeeded", 2_500));
    instance.kill().await;
    world.stop().await;
}

async fn an_export_survives_kills(format: ExportFormat) {
    let world = world().await;
    let orders = world.tenant("acme").await;
    place_many(&world, orders.tenant, 2_500).await;
    let exports = Exports::of(&world, orders.tenant, Role::Member).await;
    let id = exports.create(format, None).await.unwrap().id;
    let mut gate = Gate::before(&world, &[0, 1, 2]).await;
    // Before the first chunk, and in the middle, also more than once at the same position.
    for (position, kills) in [(0, 1), (1, 2), (2, 1)] {
        for _ in 0..kills {
            let instance = instance(&world).await;
            gate.reached(position).await;
            instance.kill().await;
            gate.left(position).await;
        }
        gate.open(position).await;
    }
    let instance = instance(&world).await;
    let ended = exports.ended(&id).await;
    assert_eq!((ended.status(), ended.progress.unwrap().done), (ExportStatus::Succeeded, 2_500), "{ended:?}");
    assert_has(format, &exports.download(&id).await, &listed(&orders, None).await);
    instance.kill().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_csv_export_survives_kills() {
    an_export_survives_kills(ExportFormat::Csv).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_json_lines_export_survives_kills() {
    an_export_survives_kills(ExportFormat::Jsonl).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_placed_meanwhile_are_left_out() {
    let world = world().await;
    let orders = world.tenant("acme").await;
    place_many(&world, orders.tenant, 2_500).await;
    let wanted = listed(&orders, None).await;
    let exports = Exports::of(&world, orders.tenant, Role::Member).await;
    let id = exports.create(ExportFormat::Csv, None).await.unwrap().id;
    let mut gate = Gate::before(&world, &[1]).await;
    let instance = instance(&world).await;
    gate.reached(1).await;
    for _ in 0..20 {
        orders.create(an_order()).await.unwrap();
    }
    gate.open(1).await;
    assert_eq!(exports.ended(&id).await.progress.unwrap().total, 2_500);
    assert_has(ExportFormat::Csv, &exports.download(&id).await, &wanted);
    instance.kill().await;
    world.stop().await;
}

/// Cancels as the job service does.
fn cancelling(world: &World) -> impl Future<Output = ()> + Send + use<> {
    let url = world.database.admin_url();
    async move {
        let mut admin = diesel_async::AsyncPgConnection::establish(&url).await.unwrap();
        admin
            .batch_execute("UPDATE jobs.jobs SET cancel_requested = true, due_at = least(due_at, now())")
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_export_leaves_nothing() {
    let world = world().await;
    let orders = world.tenant("acme").await;
    place_many(&world, orders.tenant, 2_500).await;
    let exports = Exports::of(&world, orders.tenant, Role::Member).await;
    let export = exports.create(ExportFormat::Csv, None).await.unwrap();
    let mut gate = Gate::before(&world, &[1]).await;
    let instance = instance(&world).await;
    gate.reached(1).await;
    let mut admin = world.database.admin().await;
    until_count(&mut admin, "SELECT count(*) AS count FROM orders.export_chunks", 1).await;
    // It waits for the current transaction.
    let cancelling = tokio::spawn(cancelling(&world));
    let waits = "SELECT count(*) AS count FROM pg_stat_activity WHERE datname = current_database()
                 AND wait_event_type = 'Lock' AND query LIKE 'UPDATE jobs.jobs SET cancel_requested = true%'";
    until_count(&mut admin, waits, 1).await;
    gate.open(1).await;
    cancelling.await.unwrap();
    let ended = exports.ended(&export.id).await;
    assert_eq!(ended.status(), ExportStatus::Cancelled);
    assert!(ended.finished_at.is_some(), "{ended:?}");
    assert_eq!(job(&world, &export.job_id).await.status, "cancelled");
    assert_eq!(refusal(exports.open(&export.id).await.map(drop)).code, error_code::EXPORT_NOT_READY);
    until_count(&mut admin, "SELECT count(*) AS count FROM orders.export_chunks", 0).await;
    instance.kill().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_are_enough_at_once() {
    let world = world().await;
    let (acme, globex) = (world.tenant("acme").await, world.tenant("globex").await);
    let exports = Exports::of(&world, acme.tenant, Role::Member).await;
    // Concurrent requests do not circumvent it.
    let asked: Vec<_> = (0..16)
        .map(|_| {
            let exports = exports.clone();
            tokio::spawn(async move { exports.create(ExportFormat::Csv, None).await })
        })
        .collect();
    let (mut taken, mut refused) = (Vec::new(), 0);
    for answer in asked {
        match answer.await.unwrap() {
            Ok(export) => taken.push(export.id),
            Err(status) => {
                let fault = refusal::<()>(Err(status));
                assert_eq!(fault.code, Code::LIMIT_EXCEEDED);
                assert!(fault.detail.contains("10 exports"), "{}", fault.detail);
                refused += 1;
            }
        }
    }
    assert_eq!((taken.len(), refused), (10, 6));
    Exports::of(&world, globex.tenant, Role::Member).await.create(ExportFormat::Csv, None).await.unwrap();

    cancelling(&world).await;
    let instance = instance(&world).await;
    for id in taken {
        assert_eq!(exports.ended(&id).await.status(), ExportStatus::Cancelled);
    }
    exports.file(ExportFormat::Csv, None).await;
    instance.kill().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_cannot_be_written_says_so() {
    let world = world().await;
    let orders = world.tenant("acme").await;
    orders.create(an_order()).await.unwrap();
    let exports = Exports::of(&world, orders.tenant, Role::Member).await;
    let export = exports.create(ExportFormat::Csv, None).await.unwrap();
    let mut admin = world.database.admin().await;
    // The last attempt, which the database refuses.
    admin
        .batch_execute(
            "UPDATE jobs.jobs SET max_attempts = 1; ALTER TABLE orders.export_chunks ADD CHECK (false)",
        )
        .await
        .unwrap();
    let instance = instance(&world).await;
    let ended = exports.ended(&export.id).await;
    assert_eq!(ended.status(), ExportStatus::Failed, "{ended:?}");
    assert!(!ended.failure.is_empty() && !ended.failure.contains("check"), "{ended:?}");
    assert_eq!(refusal(exports.open(&export.id).await.map(drop)).code, error_code::EXPORT_NOT_READY);
    instance.kill().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_exports_have_a_limit() {
    let world = world().await;
    let (acme, globex) = (world.tenant("acme").await, world.tenant("globex").await);
    let exports = Exports::of(&world, acme.tenant, Role::Member).await;
    exports.create(ExportFormat::Csv, None).await.unwrap();
    let mut admin = world.database.admin().await;
    let large = "UPDATE orders.exports SET state = 'succeeded', finished_at = now(), size_bytes = 1073741824,
                 expires_at = now() + interval '1 hour'";
    admin.batch_execute(large).await.unwrap();
    let fault = refusal(exports.create(ExportFormat::Csv, None).await);
    assert_eq!(fault.code, Code::LIMIT_EXCEEDED);
    assert!(fault.detail.contains("1024 MiB"), "{}", fault.detail);
    Exports::of(&world, globex.tenant, Role::Member).await.create(ExportFormat::Csv, None).await.unwrap();
    admin.batch_execute("UPDATE orders.exports SET expires_at = now() WHERE size_bytes > 0").await.unwrap();
    exports.create(ExportFormat::Csv, None).await.unwrap();
    world.stop().await;
}
