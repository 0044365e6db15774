//! The table `orders.idempotency_keys`: the first answers of repeatable calls. An order's answer contains no secret,
//! and the database inserts the number, so it is not encrypted; the others are.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, TenantTx, of_tenant};

use crate::domain::Fingerprint;
use crate::schema::idempotency_keys;

rowhouse_chassis::kept_answers!();

/// The first call with a key.
pub(crate) struct FirstCall {
    fingerprint: Vec<u8>,
    /// The encoded answer.
    pub(crate) response: Vec<u8>,
}

impl From<(Vec<u8>, Vec<u8>)> for FirstCall {
    fn from((fingerprint, response): (Vec<u8>, Vec<u8>)) -> Self {
        Self { fingerprint, response }
    }
}

impl FirstCall {
    /// Returns whether it had this request.
    pub(crate) fn matches(&self, request: &Fingerprint) -> bool {
        self.fingerprint == request.as_bytes()
    }
}

/// Deletes at most `most` older answers and returns their number.
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
