//! Workers that are killed, as real processes: no job is lost, and committed work is not repeated.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rowhouse_jobs::{JobStatus, WorkerArgs};
use tokio::time::Instant;

use crate::world::{Crew, World, connect, note, work};

const ADDRESS: &str = "ROWHOUSE_TEST_WORKER_DATABASE_URL";

/// This is not a test: the next one starts it as a process.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a process of the test below"]
#[allow(clippy::disallowed_methods, reason = "a test's process has no command line of its own")]
async fn worker() {
    let Ok(url) = std::env::var(ADDRESS) else { return };
    let args = WorkerArgs { lease: Duration::from_secs(1), ..WorkerArgs::default() };
    work(connect(&url).await, args).await.unwrap();
}

struct Process(Child);

impl Process {
    fn start(url: &str) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killing::worker", "--ignored"])
            .env(ADDRESS, url)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Drop for Process {
    /// With SIGKILL.
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_survive_their_workers() {
    const JOBS: usize = 600;
    const KILLS: usize = 12;
    let world = World::new().await;
    let url = world.database.url(rowhouse_testkit::ServiceName::Orders);
    let tenants = [world.tenant().await, world.tenant().await, world.tenant().await];
    let mut workers: Vec<_> = (0..2).map(|_| Process::start(&url)).collect();
    let mut enqueued = 0;
    for kill in 0..KILLS {
        while enqueued < JOBS * (kill + 1) / KILLS {
            world.enqueue(&tenants[enqueued % 3], note(&format!("{enqueued:04}"))).await;
            enqueued += 1;
        }
        // In the middle of some jobs.
        let before = finished(&world, &tenants).await;
        let deadline = Instant::now() + Duration::from_secs(20);
        while finished(&world, &tenants).await < (before + 5).min(enqueued) {
            assert!(Instant::now() < deadline, "nothing is done any more");
        }
        workers.remove(0);
        workers.push(Process::start(&url));
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    while finished(&world, &tenants).await < JOBS {
        assert!(Instant::now() < deadline, "{} of {JOBS}", finished(&world, &tenants).await);
    }
    // Each has left its note once.
    for (index, cx) in tenants.iter().enumerate() {
        let expected: Vec<_> = (index..JOBS).step_by(3).map(|number| format!("{number:04}")).collect();
        assert_eq!(world.notes(cx).await, expected);
        for job in world.jobs(cx).await {
            assert_eq!(job.status, JobStatus::Succeeded, "{job:?}");
        }
    }
}

async fn finished(world: &World, tenants: &[rowhouse_tenancy::TenantContext]) -> usize {
    let mut finished = 0;
    for cx in tenants {
        finished += world.notes(cx).await.len();
    }
    finished
}

/// A slow worker finds its job taken over, and commits nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_lease_has_expired_commits_nothing() {
    let world = World::new().await;
    let cx = world.tenant().await;
    let proxy =
        rowhouse_testkit::Proxy::start(&world.database.url(rowhouse_testkit::ServiceName::Orders)).await;
    let mut slow = Crew::start(connect(&proxy.url()).await, 1, Duration::from_secs(1));
    let id = world.enqueue(&cx, note("mine")).await;
    let of_slow = slow.next().await;
    // It cannot extend its lease any more.
    proxy.stall();
    let mut quick = Crew::start(world.db.clone(), 1, Duration::from_secs(10));
    let of_quick = quick.next().await;
    assert_eq!(of_quick.attempt, 2);
    of_slow.succeed();
    proxy.resume();
    of_quick.succeed();
    world.until(&cx, id, |job| job.status == JobStatus::Succeeded).await;
    drop(slow);
    assert_eq!(world.notes(&cx).await, ["mine"]);
}

/// A job that kills each of its workers fails for good.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_kills_its_workers_fails_for_good() {
    let world = World::new().await;
    let cx = world.tenant().await;
    let id = world.enqueue(&cx, note("poison")).await;
    // None of the runs gets an instruction.
    let mut runs = Vec::new();
    for attempt in 1..=3 {
        let mut crew = Crew::start(world.db.clone(), 1, Duration::from_secs(1));
        let run = crew.next().await;
        assert_eq!(run.attempt, attempt);
        runs.push(run);
    }
    let mut crew = Crew::start(world.db.clone(), 1, Duration::from_secs(1));
    let job = world.until(&cx, id, |job| job.status == JobStatus::Dead).await;
    assert!(job.last_error.unwrap().contains("the last attempt was interrupted"));
    assert!(crew.is_idle());
}
