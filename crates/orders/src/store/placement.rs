//! Placing an order: the queries before it, and the one statement that writes all of it.
//!
//! The statement takes the tenant's next number, for which other orders of the tenant wait until the transaction
//! ends. So it is the last one before COMMIT. Everything that contains the number, an event's body and the stored
//! answer, is composed in the database.

use chrono::{DateTime, Utc};
use diesel::dsl;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::Error::DatabaseError;
use diesel::sql_types::{
    Array, BigInt, Binary, Integer, Nullable, Record, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use rowhouse_chassis::telemetry::traceparent;
use rowhouse_tenancy::{DbError, OfTenant, TenantId, TenantTx, of_tenant};
use uuid::Uuid;

use super::idempotency_keys::FirstCall;
use super::webhook_endpoints::listeners;
use crate::domain::{EventType, Fingerprint, IdempotencyKey, MAX_DELIVERY_ATTEMPTS, Order, Part};
use crate::schema::idempotency_keys;

/// The data that is read before an order is placed.
#[derive(Queryable)]
pub(crate) struct PlacementInputs {
    /// The time of the transaction.
    pub(crate) now: DateTime<Utc>,
    /// The webhook endpoints that subscribe to the event.
    pub(crate) listeners: Vec<Uuid>,
    first_calls: Vec<(Vec<u8>, Vec<u8>)>,
}

impl PlacementInputs {
    /// Returns the first call with the key.
    pub(crate) fn first_call(&mut self) -> Option<FirstCall> {
        self.first_calls.pop().map(FirstCall::from)
    }
}

pub(crate) async fn read_placement_inputs(
    tx: &mut TenantTx,
    key: Option<&IdempotencyKey>,
) -> Result<PlacementInputs, DbError> {
    let tenant = tx.tenant();
    let keys = key.into_iter().map(|key| key.as_str().to_owned()).collect();
    Ok(dsl::select((
        dsl::now.into_sql::<Timestamptz>(),
        listeners(tenant, EventType::OrderCreated),
        dsl::array::<FirstCallRecord, _>(first_calls(tenant, keys)),
    ))
    .get_result(tx)
    .await?)
}

type FirstCallColumns = (idempotency_keys::fingerprint, idempotency_keys::response);
type FirstCallRecord = Record<(Binary, Binary)>;

/// Returns at most one first call, since there is one key or none.
#[dsl::auto_type]
fn first_calls(tenant: TenantId, keys: Vec<String>) -> _ {
    let calls: OfTenant<idempotency_keys::table> = of_tenant(idempotency_keys::table, tenant);
    let call: dsl::AsExprOf<FirstCallColumns, FirstCallRecord> =
        FirstCallColumns::default().into_sql::<FirstCallRecord>();
    calls.filter(idempotency_keys::id.eq_any(keys)).select(call)
}

/// The event of a new order, in two parts between which the number is inserted.
#[derive(Default)]
pub(crate) struct CreatedEvent {
    pub(crate) before_number: String,
    pub(crate) after_number: String,
    /// The endpoints that receive it.
    pub(crate) listeners: Vec<Uuid>,
}

/// The answer that is stored for repeats.
pub(crate) struct KeptAnswer<'a> {
    pub(crate) key: &'a IdempotencyKey,
    pub(crate) fingerprint: &'a Fingerprint,
    /// The encoded `orders.v1.CreateOrderResponse`, without the number.
    pub(crate) response: Vec<u8>,
}

/// The reason why an order was not placed.
#[derive(Debug)]
pub(crate) enum PlacementError {
    /// A concurrent call with the key was faster.
    KeyTaken,
    Db(DbError),
}

/// Writes an order with everything that belongs to it, and returns its number. Until the transaction ends, no other
/// order of the tenant gets one.
pub(crate) async fn insert_order(
    tx: &mut TenantTx,
    order: &Order,
    event: Option<CreatedEvent>,
    answer: Option<&KeptAnswer<'_>>,
) -> Result<i64, PlacementError> {
    let lines = order.lines.as_slice();
    let event = event.unwrap_or_default();
    let placement = Placement {
        tenant: tx.tenant(),
        id: order.id.as_uuid(),
        order,
        line_ids: lines.iter().map(|_| Uuid::now_v7()).collect(),
        positions: (1..).take(lines.len()).collect(),
        skus: lines.iter().map(|line| line.sku.as_str()).collect(),
        quantities: lines.iter().map(|line| line.quantity).collect(),
        unit_prices: lines.iter().map(|line| line.unit_price_minor).collect(),
        event_id: Uuid::now_v7(),
        delivery_ids: event.listeners.iter().map(|_| Uuid::now_v7()).collect(),
        part: Part::of(order.id.as_uuid()).number(),
        trace_parent: if event.listeners.is_empty() { None } else { traceparent() },
        event,
        key: answer.map(|answer| answer.key.as_str()),
        fingerprint: answer.map(|answer| answer.fingerprint.as_bytes()),
        response: answer.map(|answer| answer.response.as_slice()),
    };
    placement.get_result::<i64>(tx).await.map_err(|error| match error {
        DatabaseError(_, information) if information.constraint_name() == Some("idempotency_keys_pkey") => {
            PlacementError::KeyTaken
        }
        error => PlacementError::Db(error.into()),
    })
}

/// The statement. Its text is always the same, so it is prepared once.
///
/// The stored answer gets its number by the merge rule of Protocol Buffers: an appended
/// `orders.v1.CreateOrderResponse` whose order (field 1) has a number (field 2) and nothing else completes the one
/// before it.
struct Placement<'a> {
    tenant: TenantId,
    id: Uuid,
    order: &'a Order,
    line_ids: Vec<Uuid>,
    positions: Vec<i32>,
    skus: Vec<&'a str>,
    quantities: Vec<i64>,
    unit_prices: Vec<i64>,
    event_id: Uuid,
    delivery_ids: Vec<Uuid>,
    part: i32,
    event: CreatedEvent,
    trace_parent: Option<String>,
    key: Option<&'a str>,
    fingerprint: Option<&'a [u8]>,
    response: Option<&'a [u8]>,
}

impl QueryId for Placement<'_> {
    type QueryId = Placement<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for Placement<'_> {
    type SqlType = BigInt;
}

impl QueryFragment<Pg> for Placement<'_> {
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
        let Self { tenant, order, event, .. } = self;
        parts! {
            "WITH placed AS (
                INSERT INTO orders.orders
                    (tenant_id, id, customer, currency, status, priority, total_minor, version, created_at, updated_at)
                VALUES (", SqlUuid, tenant;
            ", ", SqlUuid, &self.id;
            ", ", Text, &order.customer;
            ", ", Text, &order.currency;
            ", ", Text, order.status.as_str();
            ", ", Text, order.priority.as_str();
            ", ", BigInt, &order.total_minor;
            ", ", BigInt, &order.version;
            ", ", Timestamptz, &order.created_at;
            ", ", Timestamptz, &order.updated_at;
            ") RETURNING tenant_id, id, number, version
            ), lines AS (
                INSERT INTO orders.order_lines (tenant_id, order_id, id, position, sku, quantity, unit_price_minor)
                SELECT placed.tenant_id, placed.id, line.id, line.position, line.sku, line.quantity, line.unit_price_minor
                FROM placed, unnest(", Array<SqlUuid>, &self.line_ids;
            ", ", Array<Integer>, &self.positions;
            ", ", Array<Text>, &self.skus;
            ", ", Array<BigInt>, &self.quantities;
            ", ", Array<BigInt>, &self.unit_prices;
            ") AS line (id, position, sku, quantity, unit_price_minor)
            ), listeners AS MATERIALIZED (
                SELECT listener.delivery, listener.endpoint
                FROM unnest(", Array<SqlUuid>, &self.delivery_ids;
            ", ", Array<SqlUuid>, &event.listeners;
            ") AS listener (delivery, endpoint)
            ), event AS (
                INSERT INTO orders.order_events (tenant_id, id, order_id, order_version, type, body, trace_parent)
                SELECT tenant_id, ", SqlUuid, &self.event_id;
            ", id, version, ", Text, EventType::OrderCreated.as_str();
            ", ", Text, &event.before_number;
            " || number || ", Text, &event.after_number;
            ", ", Nullable<Text>, &self.trace_parent;
            " FROM placed WHERE EXISTS (SELECT FROM listeners)
                RETURNING tenant_id, id, order_id, order_version
            ), deliveries AS (
                INSERT INTO orders.webhook_deliveries
                    (tenant_id, id, webhook_endpoint_id, event_id, order_id, order_version, attempts_left, part)
                SELECT tenant_id, delivery, endpoint, event.id, order_id, order_version, ", Integer, &MAX_DELIVERY_ATTEMPTS;
            ", ", Integer, &self.part;
            " FROM event, listeners
            ), varint AS (
                SELECT string_agg(
                    set_byte(decode('00', 'hex'), 0, ((number >> 7 * i) & 127)::integer
                        + CASE WHEN number >> 7 * (i + 1) > 0 THEN 128 ELSE 0 END),
                    ''::bytea ORDER BY i) AS bytes
                FROM placed, generate_series(0, 8) AS i WHERE i = 0 OR number >> 7 * i > 0
            ), encoded AS (
                SELECT decode('0a', 'hex') || set_byte(decode('00', 'hex'), 0, 1 + octet_length(bytes))
                    || decode('10', 'hex') || bytes AS number
                FROM varint
            ), answer AS (
                INSERT INTO orders.idempotency_keys (tenant_id, id, fingerprint, response)
                SELECT tenant_id, given.key, given.fingerprint, given.response || encoded.number
                FROM placed, encoded, (SELECT ", Nullable<Text>, &self.key;
            " AS key, ", Nullable<Binary>, &self.fingerprint;
            " AS fingerprint, ", Nullable<Binary>, &self.response;
        }
        out.push_sql(" AS response) AS given WHERE given.key IS NOT NULL) SELECT number FROM placed");
        Ok(())
    }
}
