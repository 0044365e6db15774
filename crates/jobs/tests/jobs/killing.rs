//! Workers that are killed, as real processes: nothing is lost, and what was committed is not done twice.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rowhouse_jobs::{JobStatus, WorkerArgs};
use tokio::time::Instant;

use crate::world::{Crew, World, connect, note, work};

const ADDRESS: &str = "ROWHOUSE_TEST_WORKER_DATABASE_URL";

/// Not a test of its own: what the next one starts as a process.
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
        // In the middle of some of them.
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

/// A worker that was only slow finds its job taken, and commits nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_claim_has_run_out_commits_nothing() {
    let world = World::new().await;
    let cx = world.tenant().await;
    let proxy =
        rowhouse_testkit::Proxy::start(&world.database.url(rowhouse_testkit::ServiceName::Orders)).await;
    let mut slow = Crew::start(connect(&proxy.url()).await, 1, Duration::from_secs(1));
    let id = world.enqueue(&cx, note("mine")).await;
    let of_slow = slow.next().await;
    // It can't prolong its claim any more.
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

/// A job that takes each of its workers along is given up.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_kills_is_given_up() {
    let world = World::new().await;
    let cx = world.tenant().await;
    let id = world.enqueue(&cx, note("poison")).await;
    // None of the runs is ever told what to do.
    let mut runs = Vec::new();
    for attempt in 1..=3 {
        let mut crew = Crew::start(world.db.clone(), 1, Duration::from_secs(1));
        let run = crew.next().await;
        assert_eq!(run.attempt, attempt);
        runs.push(run);
    }
    let mut crew = Crew::start(world.db.clone(), 1, Duration::from_secs(1));
    let job = world.until(&cx, id, |job| job.status == JobStatus::Dead).await;
    assert!(job.last_error.unwrap().contains("never came to an end"));
    assert!(crew.is_idle());
}
