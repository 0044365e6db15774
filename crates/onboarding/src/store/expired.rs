//! Expired rows that functions of the database delete.

use diesel::prelude::*;
use diesel::sql_types::{Integer, Nullable, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, GlobalTx};
use uuid::Uuid;

#[derive(QueryableByName)]
struct Purged {
    #[diesel(sql_type = Nullable<SqlUuid>)]
    done: Option<Uuid>,
}

/// Deletes the records of set-ups that ended so many days ago, of `tenants` tenants after this id. Returns the id from which to
/// continue, if there are more.
pub(crate) async fn purge_onboardings(
    tx: &mut GlobalTx,
    after: Uuid,
    tenants: i32,
    days: i32,
) -> Result<Option<Uuid>, DbError> {
    let Purged { done } = diesel::sql_query("SELECT onboarding.purge_onboardings($1, $2, $3) AS done")
        .bind::<SqlUuid, _>(after)
        .bind::<Integer, _>(tenants)
        .bind::<Integer, _>(days)
        .get_result(tx)
        .await?;
    Ok(done)
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = Integer)]
    removed: i32,
}

/// Deletes at most `most` keys of sign-ups that are older than so many days, and returns their number.
pub(crate) async fn purge_keys(tx: &mut GlobalTx, days: i32, most: i32) -> Result<i32, DbError> {
    let Count { removed } = diesel::sql_query("SELECT onboarding.purge_keys($1, $2) AS removed")
        .bind::<Integer, _>(days)
        .bind::<Integer, _>(most)
        .get_result(tx)
        .await?;
    Ok(removed)
}
