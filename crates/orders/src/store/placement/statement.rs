//! The statement that writes orders with their lines, events, deliveries and stored answers.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Binary, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use rowhouse_tenancy::TenantId;
use uuid::Uuid;

use super::{CreatedEvent, KeptAnswer, Placement};
use crate::domain::{EventType, MAX_DELIVERY_ATTEMPTS, Order, Part};

/// The statement, with a column of values for each column that it writes. Its text is always the same, so it is prepared once.
///
/// A stored answer gets its number by the merge rule of Protocol Buffers: an appended
/// `orders.v1.CreateOrderResponse` whose order (field 1) has a number (field 2) and nothing else completes the one
/// before it.
pub(super) struct InsertOrders<'a> {
    tenant: TenantId,
    orders: Orders<'a>,
    lines: Lines<'a>,
    events: Events<'a>,
    deliveries: Deliveries,
    answers: Answers<'a>,
}

#[derive(Default)]
struct Orders<'a> {
    ids: Vec<Uuid>,
    customers: Vec<&'a str>,
    currencies: Vec<&'a str>,
    statuses: Vec<&'static str>,
    priorities: Vec<&'static str>,
    totals: Vec<i64>,
    versions: Vec<i64>,
    created_at: Vec<DateTime<Utc>>,
    updated_at: Vec<DateTime<Utc>>,
}

#[derive(Default)]
struct Lines<'a> {
    orders: Vec<Uuid>,
    ids: Vec<Uuid>,
    positions: Vec<i32>,
    skus: Vec<&'a str>,
    quantities: Vec<i64>,
    unit_prices: Vec<i64>,
}

#[derive(Default)]
struct Events<'a> {
    orders: Vec<Uuid>,
    ids: Vec<Uuid>,
    before_numbers: Vec<&'a str>,
    after_numbers: Vec<&'a str>,
    trace_parents: Vec<Option<&'a str>>,
}

#[derive(Default)]
struct Deliveries {
    orders: Vec<Uuid>,
    ids: Vec<Uuid>,
    endpoints: Vec<Uuid>,
    parts: Vec<i32>,
}

#[derive(Default)]
struct Answers<'a> {
    orders: Vec<Uuid>,
    keys: Vec<&'a str>,
    fingerprints: Vec<&'a [u8]>,
    responses: Vec<&'a [u8]>,
}

impl<'a> InsertOrders<'a> {
    pub(super) fn new(tenant: TenantId, placements: &'a [Placement<'a>]) -> Self {
        let (orders, lines, events) = (Orders::default(), Lines::default(), Events::default());
        let (deliveries, answers) = (Deliveries::default(), Answers::default());
        let mut insert = Self { tenant, orders, lines, events, deliveries, answers };
        for Placement { order, event, answer } in placements {
            insert.add_order(order);
            if let Some(event) = event {
                insert.add_event(order.id.as_uuid(), event);
            }
            if let Some(answer) = answer {
                insert.add_answer(order.id.as_uuid(), answer);
            }
        }
        insert
    }

    fn add_order(&mut self, order: &'a Order) {
        let Self { orders, lines, .. } = self;
        orders.ids.push(order.id.as_uuid());
        orders.customers.push(&order.customer);
        orders.currencies.push(&order.currency);
        orders.statuses.push(order.status.as_str());
        orders.priorities.push(order.priority.as_str());
        orders.totals.push(order.total_minor);
        orders.versions.push(order.version);
        orders.created_at.push(order.created_at);
        orders.updated_at.push(order.updated_at);
        for (position, line) in (1..).zip(&order.lines) {
            lines.orders.push(order.id.as_uuid());
            lines.ids.push(Uuid::now_v7());
            lines.positions.push(position);
            lines.skus.push(&line.sku);
            lines.quantities.push(line.quantity);
            lines.unit_prices.push(line.unit_price_minor);
        }
    }

    fn add_event(&mut self, order: Uuid, event: &'a CreatedEvent) {
        let Self { events, deliveries, .. } = self;
        events.orders.push(order);
        events.ids.push(Uuid::now_v7());
        events.before_numbers.push(&event.before_number);
        events.after_numbers.push(&event.after_number);
        events.trace_parents.push(event.trace_parent.as_deref());
        for endpoint in &event.listeners {
            deliveries.orders.push(order);
            deliveries.ids.push(Uuid::now_v7());
            deliveries.endpoints.push(*endpoint);
            deliveries.parts.push(Part::of(order).number());
        }
    }

    fn add_answer(&mut self, order: Uuid, answer: &'a KeptAnswer<'_>) {
        let answers = &mut self.answers;
        answers.orders.push(order);
        answers.keys.push(answer.key.as_str());
        answers.fingerprints.push(answer.fingerprint.as_bytes());
        answers.responses.push(&answer.response);
    }
}

impl QueryId for InsertOrders<'_> {
    type QueryId = InsertOrders<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for InsertOrders<'_> {
    type SqlType = (SqlUuid, BigInt);
}

impl QueryFragment<Pg> for InsertOrders<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        /// Declares parts of the text, each with the value after it.
        macro_rules! parts {
            ($($sql:literal, $type:ty, $value:expr;)*) => {
                $(
                    out.push_sql($sql);
                    out.push_bind_param::<$type, _>($value)?;
                )*
            };
        }
        let Self { tenant, orders, lines, events, deliveries, answers } = self;
        parts! {
            "WITH tenant AS (SELECT ", SqlUuid, tenant;
            " AS id), placed AS (
                INSERT INTO orders.orders
                    (tenant_id, id, customer, currency, status, priority, total_minor, version, created_at, updated_at)
                SELECT tenant.id, new.* FROM tenant, unnest(", Array<SqlUuid>, &orders.ids;
            ", ", Array<Text>, &orders.customers;
            ", ", Array<Text>, &orders.currencies;
            ", ", Array<Text>, &orders.statuses;
            ", ", Array<Text>, &orders.priorities;
            ", ", Array<BigInt>, &orders.totals;
            ", ", Array<BigInt>, &orders.versions;
            ", ", Array<Timestamptz>, &orders.created_at;
            ", ", Array<Timestamptz>, &orders.updated_at;
            ") AS new
                RETURNING tenant_id, id, number, version
            ), lines AS (
                INSERT INTO orders.order_lines (tenant_id, order_id, id, position, sku, quantity, unit_price_minor)
                SELECT tenant.id, line.* FROM tenant, unnest(", Array<SqlUuid>, &lines.orders;
            ", ", Array<SqlUuid>, &lines.ids;
            ", ", Array<Integer>, &lines.positions;
            ", ", Array<Text>, &lines.skus;
            ", ", Array<BigInt>, &lines.quantities;
            ", ", Array<BigInt>, &lines.unit_prices;
            ") AS line
            ), event AS (
                INSERT INTO orders.order_events (tenant_id, id, order_id, order_version, type, body, trace_parent)
                SELECT placed.tenant_id, new.id, placed.id, placed.version, ", Text, EventType::OrderCreated.as_str();
            ", new.before_number || placed.number || new.after_number, new.trace_parent
                FROM unnest(", Array<SqlUuid>, &events.orders;
            ", ", Array<SqlUuid>, &events.ids;
            ", ", Array<Text>, &events.before_numbers;
            ", ", Array<Text>, &events.after_numbers;
            ", ", Array<Nullable<Text>>, &events.trace_parents;
            ") AS new (order_id, id, before_number, after_number, trace_parent) JOIN placed ON placed.id = new.order_id
                RETURNING tenant_id, id, order_id, order_version
            ), deliveries AS (
                INSERT INTO orders.webhook_deliveries
                    (tenant_id, id, webhook_endpoint_id, event_id, order_id, order_version, attempts_left, part)
                SELECT event.tenant_id, new.id, new.endpoint, event.id, order_id, event.order_version, ",
                Integer, &MAX_DELIVERY_ATTEMPTS;
            ", new.part
                FROM unnest(", Array<SqlUuid>, &deliveries.orders;
            ", ", Array<SqlUuid>, &deliveries.ids;
            ", ", Array<SqlUuid>, &deliveries.endpoints;
            ", ", Array<Integer>, &deliveries.parts;
            ") AS new (order_id, id, endpoint, part) JOIN event USING (order_id)
            ), answer AS (
                INSERT INTO orders.idempotency_keys (tenant_id, id, fingerprint, response)
                SELECT placed.tenant_id, new.key, new.fingerprint, new.response || decode('0a', 'hex')
                    || set_byte(decode('00', 'hex'), 0, 1 + octet_length(varint.bytes)) || decode('10', 'hex') || varint.bytes
                FROM unnest(", Array<SqlUuid>, &answers.orders;
            ", ", Array<Text>, &answers.keys;
            ", ", Array<Binary>, &answers.fingerprints;
            ", ", Array<Binary>, &answers.responses;
        }
        out.push_sql(
            ") AS new (order_id, key, fingerprint, response) JOIN placed ON placed.id = new.order_id, LATERAL (
                    SELECT string_agg(
                        set_byte(decode('00', 'hex'), 0, ((placed.number >> 7 * i) & 127)::integer
                            + CASE WHEN placed.number >> 7 * (i + 1) > 0 THEN 128 ELSE 0 END),
                        ''::bytea ORDER BY i) AS bytes
                    FROM generate_series(0, 8) AS i WHERE i = 0 OR placed.number >> 7 * i > 0
                ) AS varint
            ) SELECT id, number FROM placed",
        );
        Ok(())
    }
}
