//! The order of jobs.

use std::time::Duration;

use diesel::sql_types::{BigInt, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use crate::world::{Crew, World, note};

const LEASE: Duration = Duration::from_secs(60);

/// A tenant with 10,000 queued jobs delays another's first job by at most one job per worker: the running ones.
#[tokio::test(flavor = "multi_thread")]
async fn no_tenant_waits_for_anothers_queue() {
    const WORKERS: usize = 3;
    let world = World::new().await;
    let (busy, idle) = (world.tenant().await, world.tenant().await);
    world.enqueue(&busy, note("0")).await;
    // As 10,000 calls would leave them.
    diesel::sql_query(
        "INSERT INTO jobs.jobs (tenant_id, id, queue, kind, payload, max_attempts)
         SELECT $1, gen_random_uuid(), 'rowhouse_orders', 'test.note', to_jsonb(n::text), 3
         FROM generate_series(1, $2) n",
    )
    .bind::<SqlUuid, _>(busy.tenant())
    .bind::<BigInt, _>(10_000)
    .execute(&mut world.database.admin().await)
    .await
    .unwrap();

    let mut crew = Crew::start(world.db.clone(), WORKERS, LEASE);
    let mut running = Vec::new();
    for _ in 0..WORKERS {
        let run = crew.next().await;
        assert_eq!(run.tenant, busy.tenant());
        running.push(run);
    }
    // The tenant that had the last turn comes after the other, and never after two turns of the other.
    for (round, most) in [(0, 0), (1, 1), (2, 1), (3, 1)] {
        world.enqueue(&idle, note(&format!("idle {round}"))).await;
        let mut before = 0;
        loop {
            running.remove(0).succeed();
            let run = crew.next().await;
            let tenant = run.tenant;
            running.push(run);
            if tenant == idle.tenant() {
                break;
            }
            before += 1;
        }
        assert!(before <= most, "{before} others' jobs were begun before the one of round {round}");
    }
}

/// With many tenants, the turns rotate.
#[tokio::test(flavor = "multi_thread")]
async fn turns_go_round() {
    let world = World::new().await;
    let mut tenants = Vec::new();
    for _ in 0..5 {
        let cx = world.tenant().await;
        for number in 0..4 {
            world.enqueue(&cx, note(&number.to_string())).await;
        }
        tenants.push(cx.tenant());
    }
    let mut crew = Crew::start(world.db.clone(), 1, LEASE);
    for round in 0..4 {
        let mut served = Vec::new();
        for _ in 0..tenants.len() {
            let run = crew.next().await;
            assert_eq!(run.note, round.to_string(), "the oldest first");
            served.push(run.tenant);
            run.succeed();
        }
        served.sort_unstable_by_key(|tenant| tenant.as_uuid());
        let mut all = tenants.clone();
        all.sort_unstable_by_key(|tenant| tenant.as_uuid());
        assert_eq!(served, all);
    }
}
