//! The table `auth.outbox`: what remains to be done after a transaction.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{Binary, Bool, Double, Integer, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, GlobalTx, Transaction};
use uuid::Uuid;

use crate::schema::outbox;

/// A task that was claimed.
#[derive(QueryableByName)]
pub(crate) struct Claimed {
    #[diesel(sql_type = SqlUuid)]
    pub(crate) id: Uuid,
    #[diesel(sql_type = Binary)]
    pub(crate) sealed_task: Vec<u8>,
    /// How often it was tried, this time included.
    #[diesel(sql_type = Integer)]
    pub(crate) attempts: i32,
}

/// Adds a task, if it is `wanted`: the same statement is run, so that the time does not tell. It is done if the transaction is
/// committed, and not otherwise.
pub(crate) async fn insert_task(
    tx: &mut impl Transaction,
    id: Uuid,
    sealed: Vec<u8>,
    wanted: bool,
) -> Result<(), DbError> {
    diesel::sql_query("INSERT INTO auth.outbox (id, sealed_task) SELECT $1, $2 WHERE $3")
        .bind::<SqlUuid, _>(id)
        .bind::<Binary, _>(sealed)
        .bind::<Bool, _>(wanted)
        .execute(tx)
        .await?;
    Ok(())
}

/// Claims tasks that are due for the time of `lease`: after that they are another's, if they are still there.
pub(crate) async fn claim_tasks(
    tx: &mut GlobalTx,
    most: i32,
    lease: Duration,
) -> Result<Vec<Claimed>, DbError> {
    let claimed = diesel::sql_query(
        "UPDATE auth.outbox o
         SET attempts = o.attempts + 1, due_at = clock_timestamp() + make_interval(secs => $2)
         WHERE o.id IN (
             SELECT d.id FROM auth.outbox d WHERE d.due_at <= clock_timestamp()
             ORDER BY d.due_at LIMIT $1 FOR UPDATE SKIP LOCKED
         )
         RETURNING o.id, o.sealed_task, o.attempts",
    )
    .bind::<Integer, _>(most)
    .bind::<Double, _>(lease.as_secs_f64())
    .load(tx)
    .await?;
    Ok(claimed)
}

/// Puts a task off that did not succeed.
pub(crate) async fn postpone_task(tx: &mut GlobalTx, id: Uuid, delay: Duration) -> Result<(), DbError> {
    diesel::sql_query(
        "UPDATE auth.outbox SET due_at = clock_timestamp() + make_interval(secs => $2) WHERE id = $1",
    )
    .bind::<SqlUuid, _>(id)
    .bind::<Double, _>(delay.as_secs_f64())
    .execute(tx)
    .await?;
    Ok(())
}

/// Removes a task that is done.
pub(crate) async fn remove_task(tx: &mut impl Transaction, id: Uuid) -> Result<(), DbError> {
    diesel::delete(outbox::table.filter(outbox::id.eq(id))).execute(tx).await?;
    Ok(())
}
