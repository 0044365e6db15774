//! Counting the rows by the key that encrypted them.

use std::collections::BTreeMap;

use rowhouse_tenancy::TenantId;
use serde::Serialize;
use tokio_postgres::Client;

use super::columns::{EncryptedColumn, of};
use super::{ReencryptError, ServiceKeys, hex};
use crate::tenants::enter;

/// The rows of a column that one key has encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyUse {
    /// The service whose keys these are.
    pub service: String,
    /// The key's id.
    pub key: String,
    /// `current`, `old`, or `unknown` if the file does not have it.
    pub state: &'static str,
    /// The table and the column.
    pub column: &'static str,
    /// The number of rows.
    pub rows: i64,
    /// True if the rows are used up within hours and are not encrypted again.
    pub short_lived: bool,
}

pub(super) async fn usage(
    owner: &mut Client,
    service: &str,
    keys: &ServiceKeys,
    tenants: &[TenantId],
) -> Result<Vec<KeyUse>, ReencryptError> {
    let mut uses = Vec::new();
    for column in of(service) {
        let mut counts: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
        if column.of_tenant {
            for tenant in tenants {
                count(owner, column, Some(*tenant), &mut counts).await?;
            }
        } else {
            count(owner, column, None, &mut counts).await?;
        }
        uses.extend(counts.into_iter().map(|(id, rows)| KeyUse {
            service: service.to_owned(),
            key: hex(&id),
            state: match keys.ids.iter().position(|known| known[..] == id) {
                Some(0) => "current",
                Some(_) => "old",
                None => "unknown",
            },
            column: column.name,
            rows,
            short_lived: column.write.is_none(),
        }));
    }
    Ok(uses)
}

async fn count(
    owner: &mut Client,
    column: &EncryptedColumn,
    tenant: Option<TenantId>,
    counts: &mut BTreeMap<Vec<u8>, i64>,
) -> Result<(), ReencryptError> {
    let EncryptedColumn { table, rows, value, .. } = column;
    let of_tenant = if tenant.is_some() { "t.tenant_id = (SELECT tenancy.current_tenant())" } else { "true" };
    let query = format!(
        "SELECT pg_catalog.substring({value}, 1, 4), count(*) FROM {table} t
         WHERE {of_tenant} AND {rows} AND {value} IS NOT NULL GROUP BY 1"
    );
    let tx = owner.build_transaction().read_only(true).start().await?;
    if let Some(tenant) = tenant {
        enter(&tx, tenant).await?;
    }
    for row in tx.query(&query, &[]).await? {
        *counts.entry(row.try_get(0)?).or_default() += row.try_get::<_, i64>(1)?;
    }
    Ok(tx.commit().await?)
}
