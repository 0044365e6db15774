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

/// Deletes at most `most` rows of at most `tenants` tenants after this id: old sessions, revocations of expired tokens, old answers to
/// repeatable calls, old invitations, and entries of the audit log that are older than so many days. It works across tenants
/// through a function. Returns the id from which to continue, if there is more.
pub(crate) async fn purge_expired(
    tx: &mut GlobalTx,
    after: Uuid,
    tenants: i32,
    most: i32,
    audit_days: i32,
) -> Result<Option<Uuid>, DbError> {
    let Purged { done } = diesel::sql_query("SELECT auth.purge_expired($1, $2, $3, $4) AS done")
        .bind::<SqlUuid, _>(after)
        .bind::<Integer, _>(tenants)
        .bind::<Integer, _>(most)
        .bind::<Integer, _>(audit_days)
        .get_result(tx)
        .await?;
    Ok(done)
}

/// Looks at `people` people after this id, and deletes those who are in no tenant and did not change for so many days. Returns the id
/// from which to continue, if there are more.
pub(crate) async fn purge_identities(
    tx: &mut GlobalTx,
    after: Uuid,
    people: i32,
    days: i32,
) -> Result<Option<Uuid>, DbError> {
    let Purged { done } = diesel::sql_query("SELECT auth.purge_identities($1, $2, $3) AS done")
        .bind::<SqlUuid, _>(after)
        .bind::<Integer, _>(people)
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

/// Deletes at most `most` operators' actions that are older than so many days, and returns their number.
pub(crate) async fn purge_operator_actions(
    tx: &mut GlobalTx,
    days: i32,
    most: i32,
) -> Result<usize, DbError> {
    let Count { removed } = diesel::sql_query("SELECT tenancy.purge_operator_actions($1, $2) AS removed")
        .bind::<Integer, _>(days)
        .bind::<Integer, _>(most)
        .get_result(tx)
        .await?;
    Ok(usize::try_from(removed).unwrap_or_default())
}
