//! How a service works off its jobs.

use std::time::Duration;

use clap::Args;

/// A service's workers.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Jobs")]
pub struct WorkerArgs {
    /// Number of jobs that are run at once; 0 leaves them to other instances
    #[arg(
        id = "job_workers",
        long = "job-workers",
        env = "ROWHOUSE_JOB_WORKERS",
        value_name = "NUMBER",
        default_value = "4",
        value_parser = workers,
    )]
    pub workers: usize,
    /// Time after which a job is taken from an instance that no longer answers, in seconds
    #[arg(
        id = "job_lease",
        long = "job-lease",
        env = "ROWHOUSE_JOB_LEASE",
        value_name = "SECONDS",
        default_value = "30",
        value_parser = lease,
    )]
    pub lease: Duration,
}

impl Default for WorkerArgs {
    fn default() -> Self {
        Self { workers: 4, lease: Duration::from_secs(30) }
    }
}

fn workers(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(workers) if workers <= 1_000 => Ok(workers),
        _ => Err("send a number from 0 to 1000".to_owned()),
    }
}

fn lease(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds @ 1..=3_600) => Ok(Duration::from_secs(seconds)),
        _ => Err("send a number of seconds from 1 to 3600".to_owned()),
    }
}
