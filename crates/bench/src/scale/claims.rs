//! Measures the claim of a job in the database, as the orders service makes it.
//!
//! The job is enqueued in the same transaction, which is rolled back: no worker of the running service sees it, and nothing remains.

use std::time::{Duration, Instant};

use rowhouse_catalog::ServiceName;
use rowhouse_migrator::connect;

use super::side::Sampled;
use crate::Failure;
use crate::system::System;

const ENTER: &str = "SELECT tenancy.set_tenant_context($1::text::uuid)";
const ENQUEUE: &str = "INSERT INTO jobs.jobs (tenant_id, id, class, kind, payload, max_attempts)
    VALUES ($1::text::uuid, gen_random_uuid(), 'interactive', 'bench.nothing', '{}', 1)";
const CLAIM: &str =
    "SELECT job_id::text FROM jobs.claim('interactive', gen_random_uuid(), 8, 4, NULL, interval '60 s')
    WHERE job_id IS NOT NULL";

/// Claims a job of one tenant after another until the time is over, of each at least once.
pub(super) async fn measure(
    system: &System,
    sample: &[Sampled],
    lasting: Duration,
) -> Result<Vec<Duration>, Failure> {
    let mut database = connect(system.endpoint("database"), None).await?;
    // A claim is of the queue of the role that is logged in.
    database.batch_execute(&format!("SET SESSION AUTHORIZATION {}", ServiceName::Orders.role())).await?;
    let statements =
        (database.prepare(ENTER).await?, database.prepare(ENQUEUE).await?, database.prepare(CLAIM).await?);
    let (enter, enqueue, claim) = statements;
    let mut latencies = Vec::new();
    let began = Instant::now();
    for Sampled { tenant, .. } in sample.iter().cycle() {
        if latencies.len() >= sample.len() && began.elapsed() >= lasting {
            break;
        }
        let tenant = tenant.id.to_string();
        let transaction = database.transaction().await?;
        transaction.execute(&enter, &[&tenant]).await?;
        transaction.execute(&enqueue, &[&tenant]).await?;
        transaction.batch_execute("SET CONSTRAINTS ALL IMMEDIATE").await?;
        let asked = Instant::now();
        let claimed = transaction.query(&claim, &[]).await?;
        latencies.push(asked.elapsed());
        if claimed.is_empty() {
            return Err("a claim found no job".into());
        }
        transaction.rollback().await?;
    }
    Ok(latencies)
}
