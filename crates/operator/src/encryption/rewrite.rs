//! Encrypting the rows of a column again.

use rowhouse_tenancy::TenantId;
use tokio_postgres::Client;

use super::columns::{EncryptedColumn, Rewriting};
use super::{ReencryptError, ServiceKeys};
use crate::tenants::enter;

/// The number of rows in one transaction.
const BATCH: i64 = 500;

/// Changes the rows of one tenant, or of a table without tenants, and returns their number.
pub(super) async fn rewrite(
    owner: &mut Client,
    column: &EncryptedColumn,
    tenant: Option<TenantId>,
    keys: &ServiceKeys,
) -> Result<u64, ReencryptError> {
    let mut rows = 0;
    loop {
        let changed = batch(owner, column, tenant, keys).await?;
        rows += changed;
        if changed < BATCH.unsigned_abs() {
            return Ok(rows);
        }
    }
}

async fn batch(
    owner: &mut Client,
    column: &EncryptedColumn,
    tenant: Option<TenantId>,
    keys: &ServiceKeys,
) -> Result<u64, ReencryptError> {
    let EncryptedColumn { name, table, rows, value, write, .. } = column;
    let (Some(Rewriting { column, purpose, owner: bound_to }), [_, old @ ..]) = (write, keys.ids.as_slice())
    else {
        return Ok(0);
    };
    let of_tenant = if tenant.is_some() { "t.tenant_id = (SELECT tenancy.current_tenant())" } else { "true" };
    let old: Vec<&[u8]> = old.iter().map(|id| &id[..]).collect();
    // The row's place stays the same as long as it is locked.
    let read = format!(
        "SELECT t.ctid::text, {value}, {bound_to} FROM {table} t
         WHERE {of_tenant} AND {rows} AND pg_catalog.substring({value}, 1, 4) = ANY ($1)
         LIMIT $2 FOR NO KEY UPDATE"
    );
    let update = format!("UPDATE {table} t SET {column} = $1 WHERE {of_tenant} AND t.ctid = $2::text::tid");
    let tx = owner.transaction().await?;
    tx.batch_execute("SET LOCAL lock_timeout = '5s'").await?;
    if let Some(tenant) = tenant {
        enter(&tx, tenant).await?;
    }
    let found = tx.query(&read, &[&old, &BATCH]).await?;
    for row in &found {
        let (place, ciphertext, bound_to): (String, Vec<u8>, Vec<u8>) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let again = keys.keys.decrypt(purpose, &bound_to, &ciphertext);
        let again = again.and_then(|secret| keys.keys.encrypt(purpose, &bound_to, &secret));
        let again = again.or(Err(ReencryptError::Undecryptable { column: name, tenant }))?;
        tx.execute(&update, &[&again, &place]).await?;
    }
    tx.commit().await?;
    Ok(u64::try_from(found.len()).unwrap_or(u64::MAX))
}
