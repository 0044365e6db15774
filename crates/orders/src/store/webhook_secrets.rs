//! The secrets in `orders.webhook_endpoints`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::dsl;
use diesel::prelude::*;
use diesel::sql_types::{Bytea, Double, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, TenantTx, of_tenant};
use uuid::Uuid;

use crate::schema::webhook_endpoints;

/// Replaces an endpoint's secret. The current one signs beside the new one for `overlap`, and an older one not any
/// more. Returns whether the endpoint exists.
pub(crate) async fn replace_secret(
    tx: &mut TenantTx,
    id: Uuid,
    encrypted_secret: &[u8],
    overlap: Duration,
) -> Result<bool, DbError> {
    let replaced = diesel::sql_query(
        "UPDATE orders.webhook_endpoints SET
             previous_sealed_secret = CASE WHEN $4 > 0 THEN sealed_secret END,
             previous_secret_expires_at = CASE WHEN $4 > 0 THEN now() + make_interval(secs => $4) END,
             sealed_secret = $3, updated_at = now()
         WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .bind::<SqlUuid, _>(id)
    .bind::<Bytea, _>(encrypted_secret)
    .bind::<Double, _>(overlap.as_secs_f64())
    .execute(tx)
    .await?;
    Ok(replaced == 1)
}

/// Deletes the secrets that no longer sign.
pub(crate) async fn delete_expired_secrets(tx: &mut TenantTx) -> Result<(), DbError> {
    diesel::update(of_tenant(webhook_endpoints::table, tx.tenant()))
        .filter(webhook_endpoints::previous_secret_expires_at.le(dsl::now))
        .set((
            webhook_endpoints::previous_sealed_secret.eq(None::<Vec<u8>>),
            webhook_endpoints::previous_secret_expires_at.eq(None::<DateTime<Utc>>),
        ))
        .execute(tx)
        .await?;
    Ok(())
}
