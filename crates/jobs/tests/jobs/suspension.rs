//! A suspended tenant's jobs wait.

use std::time::Duration;

use rowhouse_jobs::JobStatus;

use crate::world::{Crew, World, note};

const LEASE: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_tenants_jobs_wait_until_it_is_resumed() {
    let world = World::new().await;
    let (cx, other) = (world.tenant().await, world.tenant().await);
    let mut crew = Crew::start(world.db.clone(), 1, LEASE);
    let running = world.enqueue(&cx, note("1 running")).await;
    let waiting = world.enqueue(&cx, note("2 waiting")).await;
    let run = crew.next().await;
    assert_eq!(run.note, "1 running");

    world.set_status(&cx, "suspended").await;
    // It is refused at its commit; the other tenant's job is next, and then none.
    run.succeed();
    let others = world.enqueue(&other, note("other")).await;
    let run = crew.next().await;
    assert_eq!(run.tenant, other.tenant());
    run.succeed();
    world.until(&other, others, |job| job.status == JobStatus::Succeeded).await;
    // By now the workers have looked at least once after the lease of the suspended tenant's job expired.
    let late = world.enqueue(&other, note("late").after(LEASE * 2)).await;
    let run = crew.next().await;
    assert_eq!((run.tenant, run.note.as_str()), (other.tenant(), "late"));
    run.succeed();
    world.until(&other, late, |job| job.status == JobStatus::Succeeded).await;
    assert!(crew.is_idle());

    world.set_status(&cx, "active").await;
    for _ in 0..2 {
        let run = crew.next().await;
        assert_eq!(run.tenant, cx.tenant());
        run.succeed();
    }
    for id in [running, waiting] {
        world.until(&cx, id, |job| job.status == JobStatus::Succeeded).await;
    }
    assert_eq!(world.notes(&cx).await, ["1 running", "2 waiting"]);
}
