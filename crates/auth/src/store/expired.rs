//! Tenants' rows that have expired.

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

/// Removes up to `most` rows of up to `tenants` tenants that come after this id: sessions that are long over, revocations of
/// tokens that have expired by themselves, answers that nobody repeats a call for any more, and invitations that expired long
/// ago. Looks across tenants, through a function made for it. Returns from which id to go on, as long as there is more.
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
