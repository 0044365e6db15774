//! The queries of workers across tenants. They use functions that return ids and times only.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{Double, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, GlobalTx, TenantId};
use uuid::Uuid;

use crate::{Class, JobId};

/// A claimed job, as far as it is known outside of its tenant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClaimedJob {
    pub(crate) tenant: TenantId,
    pub(crate) id: JobId,
    /// The lease that identifies the claim. Every change of the job names it.
    pub(crate) lease: Uuid,
}

/// The result of a claim.
pub(crate) struct Claims {
    pub(crate) jobs: Vec<ClaimedJob>,
    /// The time until the next job may be due, or `None` if nothing is queued.
    pub(crate) wait: Option<Duration>,
}

#[derive(QueryableByName)]
struct ClaimRow {
    #[diesel(sql_type = Nullable<SqlUuid>)]
    tenant_id: Option<TenantId>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    job_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<Double>)]
    wait: Option<f64>,
}

const CLAIM: &str =
    "SELECT tenant_id, job_id, wait FROM jobs.claim($1, $2, $3, $4, $5, make_interval(secs => $6))";

/// Claims at most `most` jobs of a class for the time of the lease, none of a tenant that has `tenant_most` running.
pub(crate) async fn claim_jobs(
    tx: &mut GlobalTx,
    class: Class,
    most: usize,
    tenant_most: usize,
    lease_time: Duration,
) -> Result<Claims, DbError> {
    let lease = Uuid::new_v4();
    let rows: Vec<ClaimRow> = diesel::sql_query(CLAIM)
        .bind::<Text, _>(class.as_str())
        .bind::<SqlUuid, _>(lease)
        .bind::<Integer, _>(i32::try_from(most).unwrap_or(i32::MAX))
        .bind::<Integer, _>(i32::try_from(tenant_most).unwrap_or(i32::MAX))
        .bind::<Nullable<Integer>, _>(class.spread())
        .bind::<Double, _>(lease_time.as_secs_f64())
        .load(tx)
        .await?;
    let wait = rows.last().and_then(|row| row.wait);
    let wait = wait.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default());
    let jobs = rows
        .into_iter()
        .filter_map(|row| Some(ClaimedJob { tenant: row.tenant_id?, id: row.job_id?.into(), lease }))
        .collect();
    Ok(Claims { jobs, wait })
}

#[derive(QueryableByName)]
struct Seen {
    #[diesel(sql_type = Integer)]
    seen: i32,
}

/// Deletes jobs that ended longer ago than `keep`, for a limited number of tenants. Returns the number of tenants.
pub(crate) async fn purge(tx: &mut GlobalTx, keep: Duration, most: i32) -> Result<i32, DbError> {
    let Seen { seen } = diesel::sql_query("SELECT jobs.purge(make_interval(secs => $1), $2) AS seen")
        .bind::<Double, _>(keep.as_secs_f64())
        .bind::<Integer, _>(most)
        .get_result(tx)
        .await?;
    Ok(seen)
}

/// Notifies all instances of this service to look for jobs.
pub(crate) async fn announce(tx: &mut GlobalTx) -> Result<(), DbError> {
    diesel::sql_query("SELECT pg_notify('jobs_' || session_user, '')").execute(tx).await?;
    Ok(())
}
