//! What workers ask across tenants: through functions that yield ids and times, and nothing else.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Double, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, GlobalTx, TenantId};
use uuid::Uuid;

use crate::JobId;

/// A job that is ours, as far as it is known outside of its tenant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claimed {
    pub(crate) tenant: TenantId,
    pub(crate) id: JobId,
    /// The claim, without which nothing is done to the job.
    pub(crate) lease: Uuid,
}

/// The outcome of a claim.
pub(crate) struct Claims {
    pub(crate) jobs: Vec<Claimed>,
    /// Somebody else is just looking at what is left.
    pub(crate) contended: bool,
}

#[derive(QueryableByName)]
struct ClaimRow {
    #[diesel(sql_type = Nullable<SqlUuid>)]
    tenant_id: Option<TenantId>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    job_id: Option<Uuid>,
}

/// Claims at most so many jobs, for the time of the lease.
pub(crate) async fn claim_jobs(
    tx: &mut GlobalTx,
    most: i32,
    lease_time: Duration,
) -> Result<Claims, DbError> {
    let lease = Uuid::new_v4();
    let rows: Vec<ClaimRow> =
        diesel::sql_query("SELECT tenant_id, job_id FROM jobs.claim($1, $2, make_interval(secs => $3))")
            .bind::<SqlUuid, _>(lease)
            .bind::<Integer, _>(most)
            .bind::<Double, _>(lease_time.as_secs_f64())
            .load(tx)
            .await?;
    let found = rows.len();
    let jobs: Vec<Claimed> = rows
        .into_iter()
        .filter_map(|row| Some(Claimed { tenant: row.tenant_id?, id: row.job_id?.into(), lease }))
        .collect();
    let contended = jobs.len() < found;
    Ok(Claims { jobs, contended })
}

#[derive(QueryableByName)]
struct NextDue {
    #[diesel(sql_type = Nullable<Timestamptz>)]
    due_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Timestamptz)]
    now: DateTime<Utc>,
}

/// How long there is nothing to do; nothing when nothing is queued at all.
pub(crate) async fn idle_time(tx: &mut GlobalTx) -> Result<Option<Duration>, DbError> {
    let NextDue { due_at, now } =
        diesel::sql_query("SELECT jobs.next_due() AS due_at, clock_timestamp() AS now")
            .get_result(tx)
            .await?;
    Ok(due_at.map(|due_at| (due_at - now).to_std().unwrap_or_default()))
}

#[derive(QueryableByName)]
struct Seen {
    #[diesel(sql_type = Integer)]
    seen: i32,
}

/// Removes what ended longer ago than `keep`, of so many tenants at most; of how many it was.
pub(crate) async fn purge(tx: &mut GlobalTx, keep: Duration, most: i32) -> Result<i32, DbError> {
    let Seen { seen } = diesel::sql_query("SELECT jobs.purge(make_interval(secs => $1), $2) AS seen")
        .bind::<Double, _>(keep.as_secs_f64())
        .bind::<Integer, _>(most)
        .get_result(tx)
        .await?;
    Ok(seen)
}

#[derive(QueryableByName)]
struct Channel {
    #[diesel(sql_type = Text)]
    channel: String,
}

/// The channel on which this service's queue is announced.
pub(crate) async fn channel(tx: &mut GlobalTx) -> Result<String, DbError> {
    let Channel { channel } =
        diesel::sql_query("SELECT 'jobs_' || session_user AS channel").get_result(tx).await?;
    Ok(channel)
}
