//! Classes of jobs and shares of tenants do not delay others.

use std::time::Duration;

use diesel::sql_types::{BigInt, Text, Uuid as SqlUuid};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use rowhouse_jobs::{JobStatus, NewJob, WorkerArgs};
use rowhouse_tenancy::{TenantContext, TenantId};

use crate::world::{Chore, Crew, Parcel, Waiting, World, note};

const ARGS: WorkerArgs = WorkerArgs { lease: Duration::from_secs(60), ..WorkerArgs::DEFAULT };

/// Adds jobs as a program would have left them.
async fn fill(world: &World, cx: &TenantContext, kind: &str, class: &str, count: i64) {
    diesel::sql_query(
        "INSERT INTO jobs.jobs (tenant_id, id, queue, kind, payload, max_attempts, class)
         SELECT $1, gen_random_uuid(), 'rowhouse_orders', $2, to_jsonb('of many'::text), 3, $3
         FROM generate_series(1, $4) n",
    )
    .bind::<SqlUuid, _>(cx.tenant())
    .bind::<Text, _>(kind)
    .bind::<Text, _>(class)
    .bind::<BigInt, _>(count)
    .execute(&mut world.database.admin().await)
    .await
    .unwrap();
}

fn count_of(runs: &[Waiting], tenant: TenantId) -> usize {
    runs.iter().filter(|run| run.tenant == tenant).count()
}

/// Deliveries that never end, of any number of tenants, delay no interactive jobs.
#[tokio::test(flavor = "multi_thread")]
async fn deliveries_that_hang_do_not_delay_what_somebody_waits_for() {
    let world = World::new().await;
    let mut hanging = Vec::new();
    for _ in 0..8 {
        let cx = world.tenant().await;
        fill(&world, &cx, "test.parcel", "delivery", 50).await;
        hanging.push(cx);
    }
    let mut crew = Crew::start_with(world.db.clone(), ARGS);
    let mut held = Vec::new();
    while hanging.iter().any(|cx| count_of(&held, cx.tenant()) < 3) {
        held.push(crew.next().await);
    }
    let quiet = world.tenant().await;
    let id = world.enqueue(&quiet, note("an export")).await;
    loop {
        let run = crew.next().await;
        if run.note == "an export" {
            run.succeed();
            break;
        }
        held.push(run);
    }
    world.until(&quiet, id, |job| job.status == JobStatus::Succeeded).await;
    // Nor another tenant's deliveries: each tenant has a share, and some workers are left.
    let parcel = world.enqueue(&quiet, NewJob::new(Parcel("a book".to_owned()))).await;
    loop {
        let run = crew.next().await;
        if run.tenant == quiet.tenant() {
            run.succeed();
            break;
        }
        held.push(run);
    }
    world.until(&quiet, parcel, |job| job.status == JobStatus::Succeeded).await;
    for cx in &hanging {
        assert!(count_of(&held, cx.tenant()) <= 8, "{}", count_of(&held, cx.tenant()));
    }
    assert!(held.len() < 64, "{}", held.len());
}

/// Nor do the maintenance jobs of ten thousand tenants.
#[tokio::test(flavor = "multi_thread")]
async fn maintenance_that_is_due_everywhere_does_not_delay_what_somebody_waits_for() {
    let world = World::new().await;
    world
        .database
        .admin()
        .await
        .batch_execute(
            "INSERT INTO tenancy.tenants (id, slug, name, status)
             SELECT gen_random_uuid(), 'many-' || n, 'Many', 'active' FROM generate_series(1, 10000) n;
             INSERT INTO jobs.jobs (tenant_id, id, queue, kind, payload, max_attempts, class)
             SELECT t.id, gen_random_uuid(), 'rowhouse_orders', 'test.chore', to_jsonb('of many'::text), 3, 'maintenance'
             FROM tenancy.tenants t",
        )
        .await
        .unwrap();
    let mut crew = Crew::start_with(world.db.clone(), ARGS);
    let mut chore = crew.next().await;
    assert_eq!(chore.note, "of many");
    let quiet = world.tenant().await;
    for round in 0..3 {
        let text = format!("export {round}");
        let id = world.enqueue(&quiet, note(&text)).await;
        let mut chores = 0;
        loop {
            let run = crew.next().await;
            if run.note == text {
                run.succeed();
                break;
            }
            chore.succeed();
            chore = run;
            chores += 1;
            assert!(chores < 100, "{chores} chores came before it");
        }
        world.until(&quiet, id, |job| job.status == JobStatus::Succeeded).await;
        chore.succeed();
        chore = crew.next().await;
    }
}

/// Any number of jobs, and any number of idle workers.
#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_has_no_more_running_than_its_share_in_all_instances() {
    let world = World::new().await;
    let cx = world.tenant().await;
    for number in 0..12 {
        world.enqueue(&cx, note(&number.to_string())).await;
    }
    let args = WorkerArgs { workers: 4, jobs_per_tenant: 3, ..ARGS };
    let mut crews =
        [Crew::start_with(world.db.clone(), args.clone()), Crew::start_with(world.db.clone(), args)];
    let [first, second] = &mut crews;
    let mut held = Vec::new();
    for done in 0..12 {
        while held.len() < 3.min(12 - done) {
            held.push(tokio::select! { run = first.next() => run, run = second.next() => run });
        }
        // A job of another tenant finds a worker at once, though this one's jobs are due before it.
        let other = world.tenant().await;
        let id = world.enqueue(&other, note("other")).await;
        let run = tokio::select! { run = first.next() => run, run = second.next() => run };
        assert_eq!(run.tenant, other.tenant(), "{done}");
        run.succeed();
        world.until(&other, id, |job| job.status == JobStatus::Succeeded).await;
        let ended = held.remove(0);
        ended.succeed();
    }
    for job in world.jobs(&cx).await {
        world.until(&cx, job.id, |job| job.status == JobStatus::Succeeded).await;
    }
}

/// A job from a program without classes is run by the workers of its kind's class.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_in_the_wrong_class_is_moved_to_its_own() {
    let world = World::new().await;
    let cx = world.tenant().await;
    let args = WorkerArgs { delivery_workers: 0, ..ARGS };
    let mut crew = Crew::start_with(world.db.clone(), args);
    fill(&world, &cx, "test.parcel", "interactive", 1).await;
    let id = world.jobs(&cx).await[0].id;
    let class = format!("SELECT class AS name FROM jobs.jobs WHERE id = '{id}'");
    let deadline = tokio::time::Instant::now() + crate::world::PATIENCE;
    loop {
        let found: Name =
            diesel::sql_query(&class).get_result(&mut world.database.admin().await).await.unwrap();
        if found.name == "delivery" {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let job = world.until(&cx, id, |job| job.status == JobStatus::Queued).await;
    assert_eq!(job.attempts, 0);
    assert!(crew.is_idle(), "nobody here has workers for it");
    let mut others = Crew::start_with(world.db.clone(), WorkerArgs { workers: 0, ..ARGS });
    let run = others.next().await;
    assert_eq!(run.attempt, 1);
    run.succeed();
    world.until(&cx, id, |job| job.status == JobStatus::Succeeded).await;
}

#[derive(diesel::QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

/// One tenant's maintenance jobs run one after another.
#[tokio::test(flavor = "multi_thread")]
async fn maintenance_of_one_tenant_is_done_one_after_the_other() {
    let world = World::new().await;
    let (cx, other) = (world.tenant().await, world.tenant().await);
    let mut crew = Crew::start_with(world.db.clone(), WorkerArgs { maintenance_workers: 4, ..ARGS });
    for _ in 0..3 {
        world.enqueue(&cx, NewJob::new(Chore("a".to_owned()))).await;
    }
    let first = crew.next().await;
    world.enqueue(&other, NewJob::new(Chore("b".to_owned()))).await;
    let of_other = crew.next().await;
    assert_eq!((first.note.as_str(), of_other.note.as_str()), ("a", "b"));
    of_other.succeed();
    first.succeed();
    crew.next().await.succeed();
    crew.next().await.succeed();
}
