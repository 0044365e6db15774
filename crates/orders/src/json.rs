//! The JSON form of an order, as in REST, files and webhooks.

use rowhouse_chassis::wire::rfc3339;
use serde::Serialize;

use crate::domain::{Order, OrderLine};

#[derive(Serialize)]
pub(crate) struct OrderJson<'a> {
    id: String,
    number: i64,
    customer: &'a str,
    currency: &'a str,
    status: &'static str,
    priority: &'static str,
    total_minor: i64,
    lines: Vec<LineJson<'a>>,
    version: i64,
    created_at: String,
    updated_at: String,
}

#[derive(Serialize)]
struct LineJson<'a> {
    sku: &'a str,
    quantity: i64,
    unit_price_minor: i64,
}

impl<'a> From<&'a Order> for OrderJson<'a> {
    fn from(order: &'a Order) -> Self {
        // Each field is named, so that code does not compile until a new field is shown.
        let Order {
            id,
            number,
            customer,
            currency,
            status,
            priority,
            total_minor,
            lines,
            version,
            created_at,
            updated_at,
        } = order;
        Self {
            id: id.to_string(),
            number: *number,
            customer,
            currency,
            status: status.as_str(),
            priority: priority.as_str(),
            total_minor: *total_minor,
            lines: lines.iter().map(LineJson::from).collect(),
            version: *version,
            created_at: rfc3339(*created_at),
            updated_at: rfc3339(*updated_at),
        }
    }
}

impl<'a> From<&'a OrderLine> for LineJson<'a> {
    fn from(OrderLine { sku, quantity, unit_price_minor }: &'a OrderLine) -> Self {
        Self { sku, quantity: *quantity, unit_price_minor: *unit_price_minor }
    }
}
