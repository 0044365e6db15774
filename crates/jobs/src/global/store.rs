//! The functions by which a service reaches its own jobs that belong to no tenant.

use std::time::Duration;

use diesel::sql_types::{Binary, Bool, Double, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, GlobalTx, Transaction};
use uuid::Uuid;

use crate::JobId;

/// A claimed job, until its lease ends.
#[derive(Clone, Debug)]
pub(crate) struct GlobalClaim {
    pub(crate) id: JobId,
    pub(crate) kind: String,
    pub(crate) payload: Vec<u8>,
    /// The number of attempts, including this one.
    pub(crate) attempts: i32,
    /// The lease that identifies the claim. Every change of the job names it.
    pub(crate) lease: Uuid,
}

pub(crate) async fn enqueue_global(
    tx: &mut impl Transaction,
    id: JobId,
    kind: &str,
    payload: Vec<u8>,
    wanted: bool,
) -> Result<(), DbError> {
    sql_query("SELECT jobs.enqueue_global($1, $2, $3, $4)")
        .bind::<SqlUuid, _>(id.as_uuid())
        .bind::<Text, _>(kind)
        .bind::<Binary, _>(payload)
        .bind::<Bool, _>(wanted)
        .execute(tx)
        .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct ClaimRow {
    #[diesel(sql_type = Nullable<SqlUuid>)]
    job_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<Text>)]
    kind: Option<String>,
    #[diesel(sql_type = Nullable<Binary>)]
    payload: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Integer>)]
    attempts: Option<i32>,
    #[diesel(sql_type = Nullable<Double>)]
    wait: Option<f64>,
}

/// Claims at most this many jobs for the time of the lease. Also returns the time until there may be another one to claim, or
/// `None` if nothing is queued.
pub(crate) async fn claim_global(
    tx: &mut GlobalTx,
    most: usize,
    lease_time: Duration,
) -> Result<(Vec<GlobalClaim>, Option<Duration>), DbError> {
    let lease = Uuid::new_v4();
    let rows: Vec<ClaimRow> =
        sql_query("SELECT job_id, kind, payload, attempts, wait FROM jobs.claim_global($1, $2, make_interval(secs => $3))")
            .bind::<SqlUuid, _>(lease)
            .bind::<Integer, _>(i32::try_from(most).unwrap_or(i32::MAX))
            .bind::<Double, _>(lease_time.as_secs_f64())
            .load(tx)
            .await?;
    let wait = rows.last().and_then(|row| row.wait);
    let wait = wait.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default());
    let claim = |row: ClaimRow| {
        let ClaimRow { job_id, kind, payload, attempts, wait: _ } = row;
        Some(GlobalClaim { id: job_id?.into(), kind: kind?, payload: payload?, attempts: attempts?, lease })
    };
    Ok((rows.into_iter().filter_map(claim).collect(), wait))
}

#[derive(QueryableByName)]
struct Ours {
    #[diesel(sql_type = Bool)]
    ours: bool,
}

/// Extends the lease. Until the transaction ends, no other one can change the job. Returns whether the lease is still valid, as do
/// the functions below.
pub(crate) async fn renew_global_lease(
    tx: &mut impl Transaction,
    claim: &GlobalClaim,
    lease_time: Duration,
) -> Result<bool, DbError> {
    let Ours { ours } = sql_query("SELECT jobs.hold_global($1, $2, make_interval(secs => $3)) AS ours")
        .bind::<SqlUuid, _>(claim.id.as_uuid())
        .bind::<SqlUuid, _>(claim.lease)
        .bind::<Double, _>(lease_time.as_secs_f64())
        .get_result(tx)
        .await?;
    Ok(ours)
}

/// Removes the job.
pub(crate) async fn end_global(tx: &mut impl Transaction, claim: &GlobalClaim) -> Result<bool, DbError> {
    let Ours { ours } = sql_query("SELECT jobs.end_global($1, $2) AS ours")
        .bind::<SqlUuid, _>(claim.id.as_uuid())
        .bind::<SqlUuid, _>(claim.lease)
        .get_result(tx)
        .await?;
    Ok(ours)
}

/// Releases the job, to run again after the delay. With `uncounted`, the attempt does not count.
pub(crate) async fn release_global(
    tx: &mut GlobalTx,
    claim: &GlobalClaim,
    delay: Duration,
    uncounted: bool,
) -> Result<bool, DbError> {
    let Ours { ours } =
        sql_query("SELECT jobs.release_global($1, $2, make_interval(secs => $3), $4) AS ours")
            .bind::<SqlUuid, _>(claim.id.as_uuid())
            .bind::<SqlUuid, _>(claim.lease)
            .bind::<Double, _>(delay.as_secs_f64())
            .bind::<Bool, _>(uncounted)
            .get_result(tx)
            .await?;
    Ok(ours)
}
