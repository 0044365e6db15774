//! The table `auth.idempotency_keys`: the first answer to each call that may be repeated.

use diesel::prelude::*;
use diesel::sql_types::{Integer, Nullable, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, GlobalTx};
use uuid::Uuid;

use crate::schema::idempotency_keys;

rowhouse_chassis::kept_answers!();

#[derive(QueryableByName)]
struct Purged {
    #[diesel(sql_type = Nullable<SqlUuid>)]
    done: Option<Uuid>,
}

/// Removes answers that are older than a day, of so many tenants after `after` and so many rows at most. Says from where to go
/// on, if there is more. Looks across tenants, through a function made for it.
pub(crate) async fn purge_answers(
    tx: &mut GlobalTx,
    after: Uuid,
    tenants: i32,
    most: i32,
) -> Result<Option<Uuid>, DbError> {
    let Purged { done } = diesel::sql_query("SELECT auth.purge_answers($1, $2, $3) AS done")
        .bind::<SqlUuid, _>(after)
        .bind::<Integer, _>(tenants)
        .bind::<Integer, _>(most)
        .get_result(tx)
        .await?;
    Ok(done)
}
