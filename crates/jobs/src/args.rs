//! The settings of a service's job workers.

use std::sync::LazyLock;
use std::time::Duration;

use clap::Args;

use crate::Class;

/// The default lease in seconds, as text for clap.
static DEFAULT_LEASE: LazyLock<String> = LazyLock::new(|| WorkerArgs::DEFAULT.lease.as_secs().to_string());

/// The settings of a service's job workers.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Jobs")]
pub struct WorkerArgs {
    /// Number of workers for interactive jobs, for which a caller waits, such as exports; 0 leaves them to other instances
    #[arg(
        id = "job_workers",
        long = "job-workers",
        env = "ROWHOUSE_JOB_WORKERS",
        value_name = "NUMBER",
        default_value_t = WorkerArgs::DEFAULT.workers,
        value_parser = number::<0>,
    )]
    pub workers: usize,
    /// Number of workers for deliveries, which wait for the network: webhooks and emails; 0 leaves them to other instances
    #[arg(
        id = "delivery_workers",
        long = "delivery-workers",
        env = "ROWHOUSE_DELIVERY_WORKERS",
        value_name = "NUMBER",
        default_value_t = WorkerArgs::DEFAULT.delivery_workers,
        value_parser = number::<0>,
    )]
    pub delivery_workers: usize,
    /// Number of workers for maintenance, such as deleting expired data; 0 leaves it to other instances
    #[arg(
        id = "maintenance_workers",
        long = "maintenance-workers",
        env = "ROWHOUSE_MAINTENANCE_WORKERS",
        value_name = "NUMBER",
        default_value_t = WorkerArgs::DEFAULT.maintenance_workers,
        value_parser = number::<0>,
    )]
    pub maintenance_workers: usize,
    /// Maximum number of a tenant's interactive jobs that run at once, on all instances together
    #[arg(
        id = "jobs_per_tenant",
        long = "jobs-per-tenant",
        env = "ROWHOUSE_JOBS_PER_TENANT",
        value_name = "NUMBER",
        default_value_t = WorkerArgs::DEFAULT.jobs_per_tenant,
        value_parser = number::<1>,
    )]
    pub jobs_per_tenant: usize,
    /// Maximum number of a tenant's deliveries that run at once, on all instances together; fewer while many tenants have some
    #[arg(
        id = "deliveries_per_tenant",
        long = "deliveries-per-tenant",
        env = "ROWHOUSE_DELIVERIES_PER_TENANT",
        value_name = "NUMBER",
        default_value_t = WorkerArgs::DEFAULT.deliveries_per_tenant,
        value_parser = number::<1>,
    )]
    pub deliveries_per_tenant: usize,
    /// Time in seconds after which another instance takes over a job whose instance no longer answers
    #[arg(
        id = "job_lease",
        long = "job-lease",
        env = "ROWHOUSE_JOB_LEASE",
        value_name = "SECONDS",
        default_value = DEFAULT_LEASE.as_str(),
        value_parser = lease,
    )]
    pub lease: Duration,
}

impl WorkerArgs {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        workers: 4,
        delivery_workers: 64,
        maintenance_workers: 1,
        jobs_per_tenant: 3,
        deliveries_per_tenant: 8,
        lease: Duration::from_secs(30),
    };

    /// The settings without workers: other instances run the jobs.
    pub const NONE: Self = Self { workers: 0, delivery_workers: 0, maintenance_workers: 0, ..Self::DEFAULT };

    pub(crate) const fn workers_of(&self, class: Class) -> usize {
        match class {
            Class::Interactive => self.workers,
            Class::Delivery => self.delivery_workers,
            Class::Maintenance => self.maintenance_workers,
        }
    }

    /// Returns the maximum of running jobs of one tenant in a class.
    pub(crate) const fn tenant_most(&self, class: Class) -> usize {
        match class {
            Class::Interactive => self.jobs_per_tenant,
            Class::Delivery => self.deliveries_per_tenant,
            Class::Maintenance => 1,
        }
    }
}

impl Default for WorkerArgs {
    fn default() -> Self {
        Self::DEFAULT
    }
}

fn number<const LEAST: usize>(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if (LEAST..=1_000).contains(&number) => Ok(number),
        _ => Err(format!("send a number from {LEAST} to 1000")),
    }
}

fn lease(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds @ 1..=3_600) => Ok(Duration::from_secs(seconds)),
        _ => Err("send a number of seconds from 1 to 3600".to_owned()),
    }
}
