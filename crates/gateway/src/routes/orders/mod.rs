//! Orders.

pub(super) mod create;
pub(super) mod get;
pub(super) mod list;
pub(super) mod update;

use prost_types::Timestamp;
use rowhouse_proto::orders::v1;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Problem;
use crate::json::{lacking, rfc3339};

/// An order of the access token's tenant.
#[derive(Serialize, ToSchema)]
struct Order {
    #[schema(format = "uuid", example = "01990a5e-0b7c-7d31-8f5e-6a1b2c3d4e5f")]
    id: String,
    /// Counts up from 1 in each tenant, without gaps.
    #[schema(example = 1)]
    number: i64,
    #[schema(example = "Alice")]
    customer: String,
    /// ISO 4217.
    #[schema(example = "EUR")]
    currency: String,
    status: OrderStatus,
    priority: OrderPriority,
    /// The sum of the lines, in minor units of the currency.
    #[schema(example = 9900)]
    total_minor: i64,
    lines: Vec<OrderLine>,
    /// Counts up from 1 with each change.
    #[schema(example = 1)]
    version: i64,
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-23T08:30:00.123456Z")]
    created_at: Timestamp,
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-23T08:30:00.123456Z")]
    updated_at: Timestamp,
}

/// So many of one thing at a price.
#[derive(Serialize, ToSchema)]
struct OrderLine {
    #[schema(example = "chair")]
    sku: String,
    #[schema(example = 2)]
    quantity: i64,
    /// Minor units of the order's currency.
    #[schema(example = 4950)]
    unit_price_minor: i64,
}

/// Where an order is in its life: placed to paid to fulfilled, and from placed or paid to cancelled.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum OrderStatus {
    Placed,
    Paid,
    Fulfilled,
    Cancelled,
}

/// How urgent an order is.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum OrderPriority {
    Low,
    Normal,
    High,
}

impl From<OrderStatus> for v1::OrderStatus {
    fn from(status: OrderStatus) -> Self {
        match status {
            OrderStatus::Placed => Self::Placed,
            OrderStatus::Paid => Self::Paid,
            OrderStatus::Fulfilled => Self::Fulfilled,
            OrderStatus::Cancelled => Self::Cancelled,
        }
    }
}

impl TryFrom<v1::OrderStatus> for OrderStatus {
    type Error = Problem;

    fn try_from(status: v1::OrderStatus) -> Result<Self, Problem> {
        match status {
            v1::OrderStatus::Placed => Ok(Self::Placed),
            v1::OrderStatus::Paid => Ok(Self::Paid),
            v1::OrderStatus::Fulfilled => Ok(Self::Fulfilled),
            v1::OrderStatus::Cancelled => Ok(Self::Cancelled),
            v1::OrderStatus::Unspecified => Err(lacking("order.status")()),
        }
    }
}

impl From<OrderPriority> for v1::OrderPriority {
    fn from(priority: OrderPriority) -> Self {
        match priority {
            OrderPriority::Low => Self::Low,
            OrderPriority::Normal => Self::Normal,
            OrderPriority::High => Self::High,
        }
    }
}

impl From<v1::OrderPriority> for OrderPriority {
    fn from(priority: v1::OrderPriority) -> Self {
        match priority {
            v1::OrderPriority::Low => Self::Low,
            // Nothing is said in the repeated answer to a request from before there were priorities.
            v1::OrderPriority::Normal | v1::OrderPriority::Unspecified => Self::Normal,
            v1::OrderPriority::High => Self::High,
        }
    }
}

impl TryFrom<v1::Order> for Order {
    type Error = Problem;

    fn try_from(order: v1::Order) -> Result<Self, Problem> {
        let line =
            |v1::OrderLine { sku, quantity, unit_price_minor }| OrderLine { sku, quantity, unit_price_minor };
        Ok(Self {
            status: order.status().try_into()?,
            priority: order.priority().into(),
            id: order.id,
            number: order.number,
            customer: order.customer,
            currency: order.currency,
            total_minor: order.total_minor,
            lines: order.lines.into_iter().map(line).collect(),
            version: order.version,
            created_at: order.created_at.ok_or_else(lacking("order.created_at"))?,
            updated_at: order.updated_at.ok_or_else(lacking("order.updated_at"))?,
        })
    }
}

/// The order in a service's answer, and its entity tag.
fn tagged(order: Option<v1::Order>) -> Result<(String, Order), Problem> {
    let mut order = order.ok_or_else(lacking("order"))?;
    let etag = std::mem::take(&mut order.etag);
    Ok((etag, order.try_into()?))
}
