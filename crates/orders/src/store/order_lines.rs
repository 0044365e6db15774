//! The table `orders.order_lines`: what was ordered. Lines are read and written with their order only.

use diesel::dsl;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Record, SingleValue, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, OfTenant, TenantId, TenantTx, of_tenant};
use uuid::Uuid;

use crate::domain::{OrderId, OrderLine};
use crate::schema::{order_lines, orders};

type Columns = (order_lines::sku, order_lines::quantity, order_lines::unit_price_minor);
type Line = Record<(Text, BigInt, BigInt)>;

/// A line in the row of its order.
pub(super) type LineRow = (String, i64, i64);

impl From<LineRow> for OrderLine {
    fn from((sku, quantity, unit_price_minor): LineRow) -> Self {
        Self { sku, quantity, unit_price_minor }
    }
}

/// The lines of an order as a column of it, `ARRAY(SELECT ROW(…) …)`: so they come in the order's own
/// statement, and two orders' lines never mix.
pub(super) fn lines(tenant: TenantId) -> dsl::array<Line, lines_of_order> {
    dsl::array(lines_of_order(tenant))
}

#[dsl::auto_type]
fn lines_of_order(tenant: TenantId) -> _ {
    let lines: OfTenant<order_lines::table> = of_tenant(order_lines::table, tenant);
    let line: dsl::AsExprOf<Columns, Line> = Columns::default().into_sql::<Line>();
    lines.filter(order_lines::order_id.eq(orders::id)).order(order_lines::position).select(line)
}

#[diesel::declare_sql_function]
extern "SQL" {
    fn unnest<ST: SingleValue>(array: Array<ST>) -> ST;
}

/// Sends a column an array: the statement's text is then the same for any number of lines, and it is
/// prepared once.
pub(super) async fn insert_lines(
    tx: &mut TenantTx,
    order: OrderId,
    lines: &[OrderLine],
) -> Result<(), DbError> {
    let ids: Vec<_> = lines.iter().map(|_| Uuid::now_v7()).collect();
    let positions: Vec<_> = (1..).take(lines.len()).collect();
    let skus: Vec<_> = lines.iter().map(|line| line.sku.as_str()).collect();
    let quantities: Vec<_> = lines.iter().map(|line| line.quantity).collect();
    let unit_prices: Vec<_> = lines.iter().map(|line| line.unit_price_minor).collect();
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
