//! The table `orders.exports`. Expired exports are not shown, and their rows are deleted soon.

use chrono::{DateTime, Utc};
use diesel::dsl;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::result::Error::DeserializationError;
use diesel::sql_types::{BigInt, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, TenantTx, lock_count, of_tenant};
use uuid::Uuid;

use crate::domain::{Export, ExportFormat, OrderStatus};
use crate::schema::exports;

/// An export to be created.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewExport {
    pub(crate) id: Uuid,
    pub(crate) format: ExportFormat,
    pub(crate) order_status: Option<OrderStatus>,
    pub(crate) job_id: Uuid,
    /// The id of the person or API key.
    pub(crate) created_by: Uuid,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = exports, check_for_backend(Pg))]
pub(super) struct ExportRow {
    id: Uuid,
    resource: String,
    pub(super) format: String,
    pub(super) order_status: Option<String>,
    state: String,
    pub(super) orders_done: i64,
    pub(super) orders_total: i64,
    pub(super) chunk_count: i32,
    pub(super) size_bytes: i64,
    pub(super) done_number: i64,
    pub(super) last_number: Option<i64>,
    job_id: Uuid,
    created_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
    expires_at: Option<DateTime<Utc>>,
    failure: Option<String>,
}

/// Parses a name. The column's CHECK has the same names.
pub(super) fn named<T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    text: &str,
) -> Result<T, DbError> {
    Ok(text.parse().map_err(|unknown| DeserializationError(Box::new(unknown)))?)
}

impl TryFrom<ExportRow> for Export {
    type Error = DbError;

    fn try_from(row: ExportRow) -> Result<Self, DbError> {
        Ok(Self {
            id: row.id,
            resource: row.resource,
            format: named(&row.format)?,
            order_status: row.order_status.as_deref().map(named).transpose()?,
            status: named(&row.state)?,
            orders_done: row.orders_done,
            orders_total: row.orders_total,
            chunk_count: row.chunk_count,
            size_bytes: row.size_bytes,
            job_id: row.job_id,
            created_at: row.created_at,
            finished_at: row.finished_at,
            expires_at: row.expires_at,
            failure: row.failure,
        })
    }
}

/// A tenant's use of exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, QueryableByName)]
pub(crate) struct Usage {
    /// The number of exports that have not ended.
    #[diesel(sql_type = BigInt)]
    pub(crate) unfinished: i64,
    /// The number of exports that have not expired, including those.
    #[diesel(sql_type = BigInt)]
    pub(crate) kept: i64,
    /// The total size of their files.
    #[diesel(sql_type = BigInt)]
    pub(crate) size_bytes: i64,
}

/// Returns the tenant's use. Other transactions of the tenant that call this wait until this one ends.
pub(crate) async fn usage(tx: &mut TenantTx) -> Result<Usage, DbError> {
    lock_count(tx, "orders.exports").await?;
    Ok(diesel::sql_query(
        "SELECT count(*) FILTER (WHERE e.state IN ('queued', 'running')) AS unfinished, count(*) AS kept,
             coalesce(sum(e.size_bytes), 0)::bigint AS size_bytes
         FROM orders.exports e WHERE e.tenant_id = $1 AND (e.expires_at IS NULL OR e.expires_at > now())",
    )
    .bind::<SqlUuid, _>(tx.tenant())
    .get_result(tx)
    .await?)
}

pub(crate) async fn insert_export(tx: &mut TenantTx, new: &NewExport) -> Result<Export, DbError> {
    let row: ExportRow = diesel::insert_into(exports::table)
        .values((
            exports::tenant_id.eq(tx.tenant()),
            exports::id.eq(new.id),
            exports::resource.eq("orders"),
            exports::format.eq(new.format.as_str()),
            exports::order_status.eq(new.order_status.map(OrderStatus::as_str)),
            exports::job_id.eq(new.job_id),
            exports::created_by.eq(new.created_by),
        ))
        .returning(ExportRow::as_returning())
        .get_result(tx)
        .await?;
    row.try_into()
}

pub(crate) async fn find_export(tx: &mut TenantTx, id: Uuid) -> Result<Option<Export>, DbError> {
    let found: Option<ExportRow> = of_tenant(exports::table, tx.tenant())
        .filter(exports::id.eq(id))
        .filter(exports::expires_at.is_null().or(exports::expires_at.gt(dsl::now)))
        .select(ExportRow::as_select())
        .first(tx)
        .await
        .optional()?;
    found.map(Export::try_from).transpose()
}

/// Returns the time when an export expires, or `None` if it has not ended or does not exist.
pub(crate) async fn expiry(tx: &mut TenantTx, id: Uuid) -> Result<Option<DateTime<Utc>>, DbError> {
    let expiry: Option<Option<DateTime<Utc>>> = of_tenant(exports::table, tx.tenant())
        .filter(exports::id.eq(id))
        .select(exports::expires_at)
        .first(tx)
        .await
        .optional()?;
    Ok(expiry.flatten())
}
