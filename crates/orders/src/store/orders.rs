//! The tables `orders.orders` and `orders.order_lines`.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Record, SingleValue, Text, Uuid as SqlUuid};
use diesel::{dsl, pg};
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, OfTenant, TenantId, TenantTx, of_tenant};
use uuid::Uuid;

use crate::domain::{NewOrder, Order, OrderId, OrderLine, OrderStatus, Page, PageRequest};
use crate::schema::{order_lines, orders};

#[derive(Queryable, Selectable)]
#[diesel(table_name = orders, check_for_backend(pg::Pg))]
struct OrderRow {
    id: Uuid,
    number: i64,
    customer: String,
    currency: String,
    status: String,
    total_minor: i64,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// A line in its order's row.
type LineRow = (String, i64, i64);
type Line = Record<(Text, BigInt, BigInt)>;
type LineColumns = (order_lines::sku, order_lines::quantity, order_lines::unit_price_minor);

/// The lines of the order that a query is about, for `dsl::array`: an order and its lines are one row of one
/// statement.
#[dsl::auto_type]
fn lines_of_order(tenant: TenantId) -> _ {
    let lines: OfTenant<order_lines::table> = of_tenant(order_lines::table, tenant);
    let line: dsl::AsExprOf<LineColumns, Line> = LineColumns::default().into_sql::<Line>();
    lines.filter(order_lines::order_id.eq(orders::id)).order(order_lines::position).select(line)
}

pub(crate) async fn find_order(tx: &mut TenantTx, id: OrderId) -> Result<Option<Order>, DbError> {
    of_tenant(orders::table, tx.tenant())
        .filter(orders::id.eq(id.as_uuid()))
        .select((OrderRow::as_select(), dsl::array::<Line, _>(lines_of_order(tx.tenant()))))
        .first(tx)
        .await
        .optional()?
        .map(|(row, lines)| order(row, lines))
        .transpose()
}

/// As [`find_order`], and until the transaction ends nobody else changes the order.
pub(crate) async fn lock_order(tx: &mut TenantTx, id: OrderId) -> Result<Option<Order>, DbError> {
    of_tenant(orders::table, tx.tenant())
        .filter(orders::id.eq(id.as_uuid()))
        .select((OrderRow::as_select(), dsl::array::<Line, _>(lines_of_order(tx.tenant()))))
        .for_no_key_update()
        .first(tx)
        .await
        .optional()?
        .map(|(row, lines)| order(row, lines))
        .transpose()
}

pub(crate) async fn list_orders(tx: &mut TenantTx, request: &PageRequest) -> Result<Page, DbError> {
    let mut query = of_tenant(orders::table, tx.tenant())
        .select((OrderRow::as_select(), dsl::array::<Line, _>(lines_of_order(tx.tenant()))))
        .order(orders::number.desc())
        .limit(request.size.and_one())
        .into_boxed();
    if let Some(status) = request.status {
        query = query.filter(orders::status.eq(status.as_str()));
    }
    if let Some(before) = request.before {
        query = query.filter(orders::number.lt(before));
    }
    let rows: Vec<(OrderRow, Vec<LineRow>)> = query.load(tx).await?;
    let found = rows.into_iter().map(|(row, lines)| order(row, lines)).collect::<Result<_, _>>()?;
    Ok(Page::cut(request, found))
}

/// Takes the tenant's next number, and makes others who place an order wait for it: from here to the
/// transaction's end there is as little as possible.
pub(crate) async fn insert_order(tx: &mut TenantTx, new: &NewOrder) -> Result<Order, DbError> {
    let row = diesel::insert_into(orders::table)
        .values((
            orders::tenant_id.eq(tx.tenant()),
            orders::id.eq(new.id.as_uuid()),
            orders::customer.eq(new.customer.as_str()),
            orders::currency.eq(new.currency.code()),
            orders::total_minor.eq(new.lines.total().minor()),
        ))
        .returning(OrderRow::as_returning())
        .get_result(tx)
        .await?;
    let lines: Vec<OrderLine> = new.lines.as_slice().iter().map(OrderLine::from).collect();
    insert_lines(tx, new.id, &lines).await?;
    Ok(Order { lines, ..order(row, Vec::new())? })
}

#[diesel::declare_sql_function]
extern "SQL" {
    fn unnest<ST: SingleValue>(array: Array<ST>) -> ST;
}

/// One statement whose text is the same for any number of lines, so that it is prepared once.
async fn insert_lines(tx: &mut TenantTx, order: OrderId, lines: &[OrderLine]) -> Result<(), DbError> {
    let ids: Vec<Uuid> = lines.iter().map(|_| Uuid::now_v7()).collect();
    let positions: Vec<i32> = (1..).take(lines.len()).collect();
    let skus: Vec<&str> = lines.iter().map(|line| line.sku.as_str()).collect();
    let quantities: Vec<i64> = lines.iter().map(|line| line.quantity).collect();
    let unit_prices: Vec<i64> = lines.iter().map(|line| line.unit_price_minor).collect();
    let rows = dsl::select((
        tx.tenant().into_sql::<SqlUuid>(),
        order.as_uuid().into_sql::<SqlUuid>(),
        unnest::<SqlUuid, _>(ids),
        unnest::<Integer, _>(positions),
        unnest::<Text, _>(skus),
        unnest::<BigInt, _>(quantities),
        unnest::<BigInt, _>(unit_prices),
    ));
    diesel::insert_into(order_lines::table)
        .values(rows)
        .into_columns((
            order_lines::tenant_id,
            order_lines::order_id,
            order_lines::id,
            order_lines::position,
            order_lines::sku,
            order_lines::quantity,
            order_lines::unit_price_minor,
        ))
        .execute(tx)
        .await?;
    Ok(())
}

/// Gives an order that the transaction has locked another status.
pub(crate) async fn update_status(
    tx: &mut TenantTx,
    locked: Order,
    status: OrderStatus,
) -> Result<Order, DbError> {
    let target = of_tenant(orders::table, tx.tenant()).filter(orders::id.eq(locked.id.as_uuid()));
    let row = diesel::update(target)
        .set((
            orders::status.eq(status.as_str()),
            orders::version.eq(orders::version + 1),
            orders::updated_at.eq(dsl::now),
        ))
        .returning(OrderRow::as_returning())
        .get_result(tx)
        .await?;
    Ok(Order { lines: locked.lines, ..order(row, Vec::new())? })
}

fn order(row: OrderRow, lines: Vec<LineRow>) -> Result<Order, DbError> {
    let OrderRow { id, number, customer, currency, status, total_minor, version, created_at, updated_at } =
        row;
    // The column's CHECK knows the same four names.
    let status =
        status.parse().map_err(|error| diesel::result::Error::DeserializationError(Box::new(error)))?;
    let lines = lines.into_iter();
    let lines = lines.map(|(sku, quantity, unit_price_minor)| OrderLine { sku, quantity, unit_price_minor });
    Ok(Order {
        id: id.into(),
        number,
        customer,
        currency,
        status,
        total_minor,
        lines: lines.collect(),
        version,
        created_at,
        updated_at,
    })
}
