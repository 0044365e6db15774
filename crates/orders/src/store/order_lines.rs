//! The table `orders.order_lines`. Lines are read and written with their order; this module reads them.

use diesel::dsl;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Record, Text};
use rowhouse_tenancy::{OfTenant, TenantId, of_tenant};

use crate::domain::OrderLine;
use crate::schema::{order_lines, orders};

type Columns = (order_lines::sku, order_lines::quantity, order_lines::unit_price_minor);
type Line = Record<(Text, BigInt, BigInt)>;

/// The columns of a line in an array of rows.
pub(super) type LineRow = (String, i64, i64);

impl From<LineRow> for OrderLine {
    fn from((sku, quantity, unit_price_minor): LineRow) -> Self {
        Self { sku, quantity, unit_price_minor }
    }
}

/// Returns the lines of an order as a column, `ARRAY(SELECT ROW(…) …)`, so that the order's own statement reads them.
pub(super) fn lines(tenant: TenantId) -> dsl::array<Line, lines_of_order> {
    dsl::array(lines_of_order(tenant))
}

#[dsl::auto_type]
fn lines_of_order(tenant: TenantId) -> _ {
    let lines: OfTenant<order_lines::table> = of_tenant(order_lines::table, tenant);
    let line: dsl::AsExprOf<Columns, Line> = Columns::default().into_sql::<Line>();
    lines.filter(order_lines::order_id.eq(orders::id)).order(order_lines::position).select(line)
}
