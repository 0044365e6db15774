//! The table `orders.orders`. An order is read together with its lines, in one statement.

use chrono::{DateTime, Utc};
use diesel::dsl;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::result::Error::DeserializationError;
use diesel_async::RunQueryDsl;
use rowhouse_chassis::page::PageRequest;
use rowhouse_tenancy::{DbError, TenantTx, of_tenant};
use uuid::Uuid;

use super::order_lines::{LineRow, lines};
use super::webhook_endpoints::listeners;
use crate::domain::{EventType, Order, OrderChange, OrderId, OrderLine, OrderPriority, OrderStatus};
use crate::schema::orders;

#[derive(Queryable, Selectable)]
#[diesel(table_name = orders, check_for_backend(Pg))]
struct OrderRow {
    id: Uuid,
    number: i64,
    customer: String,
    currency: String,
    status: String,
    /// Null in rows that the backfill `orders-priority` has not processed.
    priority: Option<String>,
    total_minor: i64,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// A changed order and the webhook endpoints that subscribe to the event.
pub(crate) struct ChangedOrder {
    pub(crate) order: Order,
    pub(crate) listeners: Vec<Uuid>,
}

pub(crate) async fn find_order(tx: &mut TenantTx, id: OrderId) -> Result<Option<Order>, DbError> {
    let found: Option<(OrderRow, Vec<LineRow>)> = of_tenant(orders::table, tx.tenant())
        .filter(orders::id.eq(id.as_uuid()))
        .select((OrderRow::as_select(), lines(tx.tenant())))
        .first(tx)
        .await
        .optional()?;
    found.map(|(row, lines)| row.with(lines)).transpose()
}

/// Finds an order as [`find_order`] does, and locks it until the transaction ends.
pub(crate) async fn lock_order(tx: &mut TenantTx, id: OrderId) -> Result<Option<Order>, DbError> {
    let found: Option<(OrderRow, Vec<LineRow>)> = of_tenant(orders::table, tx.tenant())
        .filter(orders::id.eq(id.as_uuid()))
        .select((OrderRow::as_select(), lines(tx.tenant())))
        .for_no_key_update()
        .first(tx)
        .await
        .optional()?;
    found.map(|(row, lines)| row.with(lines)).transpose()
}

/// Returns orders, newest first; with `status`, only orders in it.
pub(crate) async fn list_orders(
    tx: &mut TenantTx,
    page: &PageRequest<i64>,
    status: Option<OrderStatus>,
) -> Result<Vec<Order>, DbError> {
    let mut query = of_tenant(orders::table, tx.tenant())
        .select((OrderRow::as_select(), lines(tx.tenant())))
        .order(orders::number.desc())
        .limit(page.size.and_one())
        .into_boxed();
    if let Some(status) = status {
        query = query.filter(orders::status.eq(status.as_str()));
    }
    if let Some(number) = page.after {
        query = query.filter(orders::number.lt(number));
    }
    let found: Vec<(OrderRow, Vec<LineRow>)> = query.load(tx).await?;
    found.into_iter().map(|(row, lines)| row.with(lines)).collect()
}

/// Returns at most `limit` orders with numbers above `after`, up to `last`, in ascending order.
pub(crate) async fn list_upwards(
    tx: &mut TenantTx,
    after: i64,
    last: i64,
    status: Option<OrderStatus>,
    limit: i64,
) -> Result<Vec<Order>, DbError> {
    let mut query = of_tenant(orders::table, tx.tenant())
        .filter(orders::number.gt(after).and(orders::number.le(last)))
        .select((OrderRow::as_select(), lines(tx.tenant())))
        .order(orders::number)
        .limit(limit)
        .into_boxed();
    if let Some(status) = status {
        query = query.filter(orders::status.eq(status.as_str()));
    }
    let found: Vec<(OrderRow, Vec<LineRow>)> = query.load(tx).await?;
    found.into_iter().map(|(row, lines)| row.with(lines)).collect()
}

/// Changes an order that this transaction has locked.
pub(crate) async fn update_order(
    tx: &mut TenantTx,
    locked: Order,
    OrderChange { status, priority }: OrderChange,
) -> Result<ChangedOrder, DbError> {
    let (row, listeners): (OrderRow, Vec<Uuid>) = diesel::update(of_tenant(orders::table, tx.tenant()))
        .filter(orders::id.eq(locked.id.as_uuid()))
        .set((
            // Unchanged columns are written as well, so that the statement is always the same.
            orders::status.eq(status.unwrap_or(locked.status).as_str()),
            orders::priority.eq(priority.unwrap_or(locked.priority).as_str()),
            orders::version.eq(orders::version + 1),
            orders::updated_at.eq(dsl::now),
        ))
        .returning((OrderRow::as_returning(), listeners(tx.tenant(), EventType::OrderUpdated)))
        .get_result(tx)
        .await?;
    Ok(ChangedOrder { order: row.with(locked.lines)?, listeners })
}

impl OrderRow {
    fn with<L: Into<OrderLine>>(self, lines: Vec<L>) -> Result<Order, DbError> {
        Ok(Order {
            id: self.id.into(),
            number: self.number,
            customer: self.customer,
            currency: self.currency,
            // The column's CHECK has the same four names.
            status: self.status.parse().map_err(|unknown| DeserializationError(Box::new(unknown)))?,
            priority: match self.priority {
                Some(name) => name.parse().map_err(|unknown| DeserializationError(Box::new(unknown)))?,
                None => OrderPriority::default(),
            },
            total_minor: self.total_minor,
            lines: lines.into_iter().map(Into::into).collect(),
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}
