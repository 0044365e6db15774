//! The table `orders.idempotency_keys`: the first answer to each call that may be repeated.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, TenantTx, of_tenant};

use crate::domain::{Fingerprint, IdempotencyKey};
use crate::schema::idempotency_keys;

/// What a key was first used for.
pub(crate) struct FirstCall {
    fingerprint: Vec<u8>,
    /// The encoded answer.
    pub(crate) response: Vec<u8>,
}

impl FirstCall {
    /// Whether it was this request.
    pub(crate) fn was(&self, request: &Fingerprint) -> bool {
        self.fingerprint == request.as_bytes()
    }
}

pub(crate) async fn find_first_call(
    tx: &mut TenantTx,
    key: &IdempotencyKey,
) -> Result<Option<FirstCall>, DbError> {
    let found = of_tenant(idempotency_keys::table, tx.tenant())
        .filter(idempotency_keys::id.eq(key.as_str()))
        .select((idempotency_keys::fingerprint, idempotency_keys::response))
        .first(tx)
        .await
        .optional()?;
    Ok(found.map(|(fingerprint, response)| FirstCall { fingerprint, response }))
}

/// Keeps an answer under its key, or says that the key has one already. While another transaction is about
/// to keep one, this waits for its end.
pub(crate) async fn insert_first_call(
    tx: &mut TenantTx,
    key: &IdempotencyKey,
    request: &Fingerprint,
    response: &[u8],
) -> Result<bool, DbError> {
    let inserted = diesel::insert_into(idempotency_keys::table)
        .values((
            idempotency_keys::tenant_id.eq(tx.tenant()),
            idempotency_keys::id.eq(key.as_str()),
            idempotency_keys::fingerprint.eq(request.as_bytes()),
            idempotency_keys::response.eq(response),
        ))
        .on_conflict((idempotency_keys::tenant_id, idempotency_keys::id))
        .do_nothing()
        .execute(tx)
        .await?;
    Ok(inserted == 1)
}

/// Removes answers that are older, `most` of them at most; how many it was.
pub(crate) async fn delete_first_calls(
    tx: &mut TenantTx,
    before: DateTime<Utc>,
    most: i64,
) -> Result<usize, DbError> {
    let tenant = tx.tenant();
    let old: Vec<String> = of_tenant(idempotency_keys::table, tenant)
        .filter(idempotency_keys::created_at.lt(before))
        .select(idempotency_keys::id)
        .limit(most)
        .load(tx)
        .await?;
    Ok(diesel::delete(of_tenant(idempotency_keys::table, tenant).filter(idempotency_keys::id.eq_any(old)))
        .execute(tx)
        .await?)
}
