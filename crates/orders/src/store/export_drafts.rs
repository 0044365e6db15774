//! The table `orders.exports`, for the jobs that write and delete an export's file.

use diesel::dsl::{self, IntervalDsl};
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use rowhouse_tenancy::{DbError, TenantTx, of_tenant};
use uuid::Uuid;

use super::exports::{ExportRow, named};
use crate::domain::{ExportFormat, ExportStatus, OrderStatus};
use crate::schema::{exports, orders};

const UNFINISHED: [&str; 2] = [ExportStatus::Queued.as_str(), ExportStatus::Running.as_str()];

/// The time for which an export is kept after its end, in hours.
const KEPT_HOURS: i32 = 24;

/// An export that is being written, with the position of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(crate) id: Uuid,
    pub(crate) format: ExportFormat,
    pub(crate) order_status: Option<OrderStatus>,
    pub(crate) orders_done: i64,
    pub(crate) orders_total: i64,
    pub(crate) chunk_count: i32,
    pub(crate) size_bytes: i64,
    /// The number of the last order in the file.
    pub(crate) done_number: i64,
    /// The number of the last order that belongs in the file.
    pub(crate) last_number: i64,
}

impl Draft {
    pub(crate) const fn is_complete(&self) -> bool {
        self.done_number >= self.last_number
    }

    /// Counts an order that is in the file. More orders than at first may have the status by then.
    pub(crate) fn add(&mut self, number: i64) {
        self.orders_done = self.orders_done.saturating_add(1);
        self.orders_total = self.orders_total.max(self.orders_done);
        self.reach(number);
    }

    /// Records that there are no further orders for the file.
    pub(crate) fn add_rest(&mut self) {
        self.reach(self.last_number);
    }

    /// Sets the position. In the end the total equals the number of orders in the file, whatever was counted first.
    fn reach(&mut self, number: i64) {
        self.done_number = number;
        if self.is_complete() {
            self.orders_total = self.orders_done;
        }
    }
}

/// The result of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ExportOutcome<'a> {
    Succeeded,
    Failed { reason: &'a str },
    Cancelled,
}

impl ExportOutcome<'_> {
    const fn status(&self) -> ExportStatus {
        match self {
            Self::Succeeded => ExportStatus::Succeeded,
            Self::Failed { .. } => ExportStatus::Failed,
            Self::Cancelled => ExportStatus::Cancelled,
        }
    }
}

/// Returns the export if it has not ended, with the position where an earlier run stopped.
pub(crate) async fn begin(tx: &mut TenantTx, id: Uuid) -> Result<Option<Draft>, DbError> {
    let found: Option<ExportRow> = of_tenant(exports::table, tx.tenant())
        .filter(exports::id.eq(id))
        .filter(exports::state.eq_any(UNFINISHED))
        .select(ExportRow::as_select())
        .first(tx)
        .await
        .optional()?;
    let Some(row) = found else { return Ok(None) };
    let order_status: Option<OrderStatus> = row.order_status.as_deref().map(named).transpose()?;
    let (last_number, orders_total) = match row.last_number {
        Some(last_number) => (last_number, row.orders_total),
        None => number_range(tx, order_status).await?,
    };
    diesel::update(of_tenant(exports::table, tx.tenant()))
        .filter(exports::id.eq(id))
        .set((
            exports::state.eq(ExportStatus::Running.as_str()),
            exports::last_number.eq(last_number),
            exports::orders_total.eq(orders_total),
        ))
        .execute(tx)
        .await?;
    Ok(Some(Draft {
        id,
        format: named(&row.format)?,
        order_status,
        orders_done: row.orders_done,
        orders_total,
        chunk_count: row.chunk_count,
        size_bytes: row.size_bytes,
        done_number: row.done_number,
        last_number,
    }))
}

/// Returns the highest number, and how many orders there are to export up to it.
async fn number_range(tx: &mut TenantTx, status: Option<OrderStatus>) -> Result<(i64, i64), DbError> {
    // Nobody waits for it, so it may take longer than a caller's statement.
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

/// Stores the position of the file.
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

/// Ends an export that has not ended. It expires a day later.
pub(crate) async fn finish(tx: &mut TenantTx, id: Uuid, outcome: &ExportOutcome<'_>) -> Result<(), DbError> {
    let failure = match outcome {
        ExportOutcome::Failed { reason } => Some(*reason),
        ExportOutcome::Succeeded | ExportOutcome::Cancelled => None,
    };
    diesel::update(of_tenant(exports::table, tx.tenant()))
        .filter(exports::id.eq(id))
        .filter(exports::state.eq_any(UNFINISHED))
        .set((
            exports::state.eq(outcome.status().as_str()),
            exports::failure.eq(failure),
            exports::finished_at.eq(dsl::now),
            exports::expires_at.eq((dsl::now.into_sql::<Timestamptz>() + KEPT_HOURS.hours()).nullable()),
        ))
        .execute(tx)
        .await?;
    Ok(())
}

/// Deletes an export that has expired, with the rest of its file. Returns whether it had.
pub(crate) async fn delete_expired(tx: &mut TenantTx, id: Uuid) -> Result<bool, DbError> {
    let deleted = diesel::delete(of_tenant(exports::table, tx.tenant()))
        .filter(exports::id.eq(id))
        .filter(exports::expires_at.le(dsl::now))
        .execute(tx)
        .await?;
    Ok(deleted == 1)
}
