//! The size of a tenant's data.

use serde::Serialize;
use tokio_postgres::GenericClient;

use super::TenantError;

/// The size of a tenant's data, without indexes, which its rows share with those of other tenants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DataSize {
    /// The number of rows.
    pub rows: i64,
    /// The bytes of the rows as they are stored.
    pub bytes: i64,
    /// The tables with rows of the tenant, the largest first.
    pub tables: Vec<TableSize>,
}

/// The rows of a tenant in a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableSize {
    /// The name with its schema.
    pub table: String,
    /// The number of rows.
    pub rows: i64,
    /// The bytes of the rows as they are stored.
    pub bytes: i64,
}

/// Builds for each tenant table the query of its size. The size of a value is read without the value, which may be stored outside of
/// the row; a row has a header of 23 bytes, aligned, and a pointer of 4.
const QUERIES: &str = r"
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.format(
        'SELECT count(*), coalesce(sum(28 + %s), 0)::bigint FROM %I.%I t WHERE t.tenant_id = $1::text::uuid',
        pg_catalog.string_agg(pg_catalog.format('coalesce(pg_catalog.pg_column_size(t.%I), 0)', a.attname), ' + '),
        n.nspname, c.relname
    )
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind = 'r' AND c.relrowsecurity AND EXISTS (
        SELECT FROM pg_catalog.pg_attribute k
        WHERE k.attrelid = c.oid AND k.attname = 'tenant_id' AND NOT k.attisdropped
    )
    GROUP BY n.nspname, c.relname";

/// Measures the data of the tenant that was entered. It reads all of the tenant's rows.
pub(super) async fn measure(transaction: &impl GenericClient, id: &str) -> Result<DataSize, TenantError> {
    let mut size = DataSize::default();
    for query in transaction.query(QUERIES, &[]).await? {
        let (table, query): (String, String) = (query.try_get(0)?, query.try_get(1)?);
        let row = transaction.query_one(&query, &[&id]).await?;
        let (rows, bytes) = (row.try_get(0)?, row.try_get(1)?);
        if rows > 0 {
            size.rows += rows;
            size.bytes += bytes;
            size.tables.push(TableSize { table, rows, bytes });
        }
    }
    size.tables.sort_unstable_by(|one, other| other.bytes.cmp(&one.bytes).then(one.table.cmp(&other.table)));
    Ok(size)
}
