//! The table `orders.exports`. An export that has expired is shown nowhere; its row goes soon after.

use chrono::{DateTime, Utc};
use diesel::dsl;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::result::Error::DeserializationError;
use diesel::sql_types::{BigInt, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use rowhouse_tenancy::{DbError, TenantTx, lock_count, of_tenant};
use uuid::Uuid;

use crate::domain::OrderStatus;
use crate::exports::{Export, ExportState, Format};
use crate::schema::{exports, orders};

const UNFINISHED: [&str; 2] = [ExportState::Queued.as_str(), ExportState::Running.as_str()];

/// When an export expires that ends now.
const EXPIRY: &str = "now() + interval '24 hours'";

/// An export that is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewExport {
    pub(crate) id: Uuid,
    pub(crate) format: Format,
    pub(crate) status: Option<OrderStatus>,
    pub(crate) job_id: Uuid,
    /// The id of a person or an API key.
    pub(crate) created_by: Uuid,
}

/// An export that is being written: how far its file goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(crate) id: Uuid,
    pub(crate) format: Format,
    pub(crate) status: Option<OrderStatus>,
    pub(crate) orders_done: i64,
    pub(crate) orders_total: i64,
    pub(crate) chunk_count: i32,
    pub(crate) size_bytes: i64,
    /// Orders up to this number are in the file.
    pub(crate) done_number: i64,
    /// Orders with a higher number are not to be in it.
    pub(crate) last_number: i64,
}

impl Draft {
    pub(crate) const fn is_complete(&self) -> bool {
        self.done_number >= self.last_number
    }

    /// Notes that an order is in the file. More may get the wanted status on the way than there were at first.
    pub(crate) fn add(&mut self, number: i64) {
        self.orders_done = self.orders_done.saturating_add(1);
        self.orders_total = self.orders_total.max(self.orders_done);
        self.reach(number);
    }

    /// Notes that there are no further orders to put into it.
    pub(crate) fn add_rest(&mut self) {
        self.reach(self.last_number);
    }

    /// At the end there are as many as are in it, whatever was counted at first.
    fn reach(&mut self, number: i64) {
        self.done_number = number;
        if self.is_complete() {
            self.orders_total = self.orders_done;
        }
    }
}

/// How an export has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome<'a> {
    Succeeded,
    Failed { reason: &'a str },
    Cancelled,
}

impl Outcome<'_> {
    const fn state(&self) -> ExportState {
        match self {
            Self::Succeeded => ExportState::Succeeded,
            Self::Failed { .. } => ExportState::Failed,
            Self::Cancelled => ExportState::Cancelled,
        }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = exports, check_for_backend(Pg))]
struct ExportRow {
    id: Uuid,
    resource: String,
    format: String,
    order_status: Option<String>,
    state: String,
    orders_done: i64,
    orders_total: i64,
    chunk_count: i32,
    size_bytes: i64,
    done_number: i64,
    last_number: Option<i64>,
    job_id: Uuid,
    created_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
    expires_at: Option<DateTime<Utc>>,
    failure: Option<String>,
}

/// A column's CHECK knows the same names.
fn named<T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>>(
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
            status: row.order_status.as_deref().map(named).transpose()?,
            state: named(&row.state)?,
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

/// What a tenant has of exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, QueryableByName)]
pub(crate) struct Usage {
    /// How many have not ended.
    #[diesel(sql_type = BigInt)]
    pub(crate) unfinished: i64,
    /// How many have not expired, those included.
    #[diesel(sql_type = BigInt)]
    pub(crate) kept: i64,
    /// How much their files take.
    #[diesel(sql_type = BigInt)]
    pub(crate) size_bytes: i64,
}

/// Until the transaction ends, no other of the tenant's can look.
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
            exports::order_status.eq(new.status.map(OrderStatus::as_str)),
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

/// What is to be written of an export that has not ended: all of it, or what an earlier run has left.
pub(crate) async fn begin(tx: &mut TenantTx, id: Uuid) -> Result<Option<Draft>, DbError> {
    let found: Option<ExportRow> = of_tenant(exports::table, tx.tenant())
        .filter(exports::id.eq(id))
        .filter(exports::state.eq_any(UNFINISHED))
        .select(ExportRow::as_select())
        .first(tx)
        .await
        .optional()?;
    let Some(row) = found else { return Ok(None) };
    let status: Option<OrderStatus> = row.order_status.as_deref().map(named).transpose()?;
    let (last_number, orders_total) = match row.last_number {
        Some(last_number) => (last_number, row.orders_total),
        None => extent(tx, status).await?,
    };
    diesel::update(of_tenant(exports::table, tx.tenant()))
        .filter(exports::id.eq(id))
        .set((
            exports::state.eq(ExportState::Running.as_str()),
            exports::last_number.eq(last_number),
            exports::orders_total.eq(orders_total),
        ))
        .execute(tx)
        .await?;
    Ok(Some(Draft {
        id,
        format: named(&row.format)?,
        status,
        orders_done: row.orders_done,
        orders_total,
        chunk_count: row.chunk_count,
        size_bytes: row.size_bytes,
        done_number: row.done_number,
        last_number,
    }))
}

/// The highest number, and how many orders there are to export up to it.
async fn extent(tx: &mut TenantTx, status: Option<OrderStatus>) -> Result<(i64, i64), DbError> {
    // Nobody waits for it, so it may take longer than what is done for a caller.
    tx.batch_execute("SET LOCAL statement_timeout = '1min'").await?;
    let last: Option<i64> =
        of_tenant(orders::table, tx.tenant()).select(dsl::max(orders::number)).first(tx).await?;
    let last = last.unwrap_or(0);
    let mut counted =
        of_tenant(orders::table, tx.tenant()).filter(orders::number.le(last)).count().into_boxed();
    if let Some(status) = status {
        counted = counted.filter(orders::status.eq(status.as_str()));
    }
    Ok((last, counted.get_result(tx).await?))
}

/// Writes down how far the file goes.
pub(crate) async fn save(tx: &mut TenantTx, draft: &Draft) -> Result<(), DbError> {
    diesel::update(of_tenant(exports::table, tx.tenant()))
        .filter(exports::id.eq(draft.id))
        .set((
            exports::orders_done.eq(draft.orders_done),
            exports::orders_total.eq(draft.orders_total),
            exports::chunk_count.eq(draft.chunk_count),
            exports::size_bytes.eq(draft.size_bytes),
            exports::done_number.eq(draft.done_number),
        ))
        .execute(tx)
        .await?;
    Ok(())
}

/// Ends an export that has not ended; it expires a day later.
pub(crate) async fn finish(tx: &mut TenantTx, id: Uuid, outcome: &Outcome<'_>) -> Result<(), DbError> {
    let failure = match outcome {
        Outcome::Failed { reason } => Some(*reason),
        Outcome::Succeeded | Outcome::Cancelled => None,
    };
    diesel::update(of_tenant(exports::table, tx.tenant()))
        .filter(exports::id.eq(id))
        .filter(exports::state.eq_any(UNFINISHED))
        .set((
            exports::state.eq(outcome.state().as_str()),
            exports::failure.eq(failure),
            exports::finished_at.eq(dsl::now),
            exports::expires_at.eq(dsl::sql::<Nullable<Timestamptz>>(EXPIRY)),
        ))
        .execute(tx)
        .await?;
    Ok(())
}

/// When an export expires; none when it has not ended, or is gone.
pub(crate) async fn expiry(tx: &mut TenantTx, id: Uuid) -> Result<Option<DateTime<Utc>>, DbError> {
    let expiry: Option<Option<DateTime<Utc>>> = of_tenant(exports::table, tx.tenant())
        .filter(exports::id.eq(id))
        .select(exports::expires_at)
        .first(tx)
        .await
        .optional()?;
    Ok(expiry.flatten())
}

/// Removes an export that has expired, and what is left of its file. Whether it had.
pub(crate) async fn delete_expired(tx: &mut TenantTx, id: Uuid) -> Result<bool, DbError> {
    let deleted = diesel::delete(of_tenant(exports::table, tx.tenant()))
        .filter(exports::id.eq(id))
        .filter(exports::expires_at.le(dsl::now))
        .execute(tx)
        .await?;
    Ok(deleted == 1)
}
