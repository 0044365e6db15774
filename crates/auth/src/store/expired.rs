//! Expired rows of tenants.

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

/// Deletes at most `most` rows of at most `tenants` tenants after this id: old sessions, revocations of expired
/// tokens, old answers to repeatable calls, and old invitations. It works across tenants through a function. Returns
/// the id from which to continue, if there is more.
pub(crate) async fn purge_expired(
    tx: &mut GlobalTx,
    after: Uuid,
    tenants: i32,
    most: i32,
) -> Result<Option<Uuid>, DbError> {
    let Purged { done } = diesel::sql_query("SELECT auth.purge_expired($1, $2, $3) AS done")
        .bind::<SqlUuid, _>(after)
        .bind::<Integer, _>(tenants)
        .bind::<Integer, _>(most)
        .get_result(tx)
        .await?;
    Ok(done)
}
