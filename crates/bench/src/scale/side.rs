//! [`Side`], a system with a number of tenants.

use std::time::{Duration, Instant};

use crate::Failure;
use crate::system::{System, Tenant};

/// The SQL that adds tenants.
const SEED: &str = include_str!("seed.sql");
/// The slug of the tenant that the others are copies of.
const TEMPLATE: &str = "template";
/// The number of tenants that are added in a transaction.
const BATCH: usize = 1000;
/// The time limit for the set-up of the template.
const PATIENCE: Duration = Duration::from_mins(2);
/// The number of logins for each second of another measurement.
const LOGINS_PER_SECOND: u64 = 5;

/// A system with a number of tenants. Each program is a process of its own, as where it is deployed.
pub(super) struct Side {
    system: System,
    tenants: usize,
}

/// A tenant that is asked for.
pub(super) struct Sampled {
    pub(super) slug: String,
    /// Without a token before its login.
    pub(super) tenant: Tenant,
}

/// The memory and the processors that a system takes.
#[derive(Clone, Copy, Default)]
pub(super) struct Needs {
    /// The memory of the services and the gateway, in bytes.
    pub(super) memory: u64,
    /// The part of one processor that all programs and PostgreSQL take while nobody asks for anything.
    pub(super) idle: f64,
    /// The size of the database, in bytes.
    pub(super) database: u64,
}

impl Side {
    /// Starts a system with so many tenants, each with an owner and so many orders.
    pub(super) async fn start(tenants: usize, orders: usize) -> Result<Self, Failure> {
        let (system, _memory) = System::start_programs().await?;
        system.onboard(TEMPLATE)?;
        wait_until_idle(&system).await?;
        let began = Instant::now();
        for first in (1..=tenants).step_by(BATCH) {
            let last = tenants.min(first + BATCH - 1);
            system.psql(&format!(
                "\\set template {TEMPLATE}\n\\set first {first}\n\\set last {last}\n\\set orders {orders}\n{SEED}"
            ))?;
            eprintln!("{last} of {tenants} tenants after {} s", began.elapsed().as_secs());
        }
        system.psql("VACUUM ANALYZE; CHECKPOINT;")?;
        Ok(Self { system, tenants })
    }

    pub(super) const fn system(&self) -> &System {
        &self.system
    }

    pub(super) const fn tenants(&self) -> usize {
        self.tenants
    }

    pub(super) fn stop(self) -> Result<(), Failure> {
        self.system.stop()
    }

    /// Chooses tenants at random, with an order of each, as many as can log in within a multiple of a measurement.
    pub(super) fn sample(&self, seconds: u64) -> Result<Vec<Sampled>, Failure> {
        let most = seconds * LOGINS_PER_SECOND;
        let rows = self.system.psql(&format!(
            "SELECT t.slug, t.id, o.id
             FROM (SELECT * FROM tenancy.tenants WHERE slug <> '{TEMPLATE}' ORDER BY random() LIMIT {most}) t,
                 LATERAL (SELECT * FROM orders.orders WHERE tenant_id = t.id ORDER BY random() LIMIT 1) o;"
        ))?;
        rows.lines().map(sampled).collect()
    }

    /// Returns what the system takes. While it is measured, nobody asks for anything.
    pub(super) async fn needs(&self, lasting: Duration) -> Result<Needs, Failure> {
        let memory = self.system.memory()?;
        let total = || Ok::<_, Failure>(self.system.processor_times()?.into_values().sum::<Duration>());
        let before = total()?;
        tokio::time::sleep(lasting).await;
        let idle = total()?.saturating_sub(before).as_secs_f64() / lasting.as_secs_f64();
        let database = self.system.psql("SELECT pg_database_size(current_database());")?.trim().parse()?;
        Ok(Needs { memory, idle, database })
    }
}

/// Waits until the template is set up and its jobs are done, which the other tenants get copies of.
async fn wait_until_idle(system: &System) -> Result<(), Failure> {
    let began = Instant::now();
    let busy = "SELECT count(*) FROM jobs.jobs WHERE status = 'running' OR (status = 'queued' AND every_seconds IS NULL);";
    while system.psql(busy)?.trim() != "0" {
        if began.elapsed() > PATIENCE {
            return Err(format!("the first tenant still has jobs after {PATIENCE:?}").into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

fn sampled(row: &str) -> Result<Sampled, Failure> {
    let mut columns = row.split('|');
    let mut next = || columns.next().ok_or_else(|| format!("a column is missing in {row}"));
    let slug = next()?.to_owned();
    let (id, order) = (next()?.parse()?, next()?.parse()?);
    Ok(Sampled { slug, tenant: Tenant { id, token: String::new(), order } })
}
