//! Placing orders: the queries before it, and the one statement that writes all of it.
//!
//! The statement takes the tenant's next numbers, for which other orders of the tenant wait until the transaction
//! ends. So it is the last one before COMMIT. Everything that contains a number, an event's body and the stored
//! answer, is composed in the database.

mod statement;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::dsl;
use diesel::prelude::*;
use diesel::result::Error::DatabaseError;
use diesel::sql_types::{Binary, Record, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, OfTenant, TenantId, TenantTx, of_tenant};
use uuid::Uuid;

use super::idempotency_keys::FirstCall;
use super::webhook_endpoints::listeners;
use crate::domain::{EventType, Fingerprint, IdempotencyKey, Order};
use crate::schema::idempotency_keys;
use statement::InsertOrders;

/// The data that is read before orders are placed.
#[derive(Queryable)]
pub(crate) struct PlacementInputs {
    /// The time of the transaction.
    pub(crate) now: DateTime<Utc>,
    /// The webhook endpoints that subscribe to the event.
    pub(crate) listeners: Vec<Uuid>,
    first_calls: Vec<(String, Vec<u8>, Vec<u8>)>,
}

impl PlacementInputs {
    /// Takes the first calls with the keys, by key.
    pub(crate) fn take_first_calls(&mut self) -> HashMap<String, FirstCall> {
        let calls = self.first_calls.drain(..);
        calls.map(|(key, fingerprint, response)| (key, FirstCall::from((fingerprint, response)))).collect()
    }
}

pub(crate) async fn read_placement_inputs<'a>(
    tx: &mut TenantTx,
    keys: impl Iterator<Item = &'a IdempotencyKey>,
) -> Result<PlacementInputs, DbError> {
    let tenant = tx.tenant();
    let keys = keys.map(|key| key.as_str().to_owned()).collect();
    Ok(dsl::select((
        dsl::now.into_sql::<Timestamptz>(),
        listeners(tenant, EventType::OrderCreated),
        dsl::array::<FirstCallRecord, _>(first_calls(tenant, keys)),
    ))
    .get_result(tx)
    .await?)
}

type FirstCallColumns = (idempotency_keys::id, idempotency_keys::fingerprint, idempotency_keys::response);
type FirstCallRecord = Record<(Text, Binary, Binary)>;

#[dsl::auto_type]
fn first_calls(tenant: TenantId, keys: Vec<String>) -> _ {
    let calls: OfTenant<idempotency_keys::table> = of_tenant(idempotency_keys::table, tenant);
    let call: dsl::AsExprOf<FirstCallColumns, FirstCallRecord> =
        FirstCallColumns::default().into_sql::<FirstCallRecord>();
    calls.filter(idempotency_keys::id.eq_any(keys)).select(call)
}

/// An order with everything that is written with it.
pub(crate) struct Placement<'a> {
    pub(crate) order: &'a Order,
    /// `None` if no endpoint subscribes to it.
    pub(crate) event: Option<CreatedEvent>,
    /// The answer that is stored for repeats.
    pub(crate) answer: Option<KeptAnswer<'a>>,
}

/// The event of a new order, in two parts between which the number is inserted.
pub(crate) struct CreatedEvent {
    pub(crate) before_number: String,
    pub(crate) after_number: String,
    /// The endpoints that receive it.
    pub(crate) listeners: Vec<Uuid>,
    /// The trace that the deliveries continue.
    pub(crate) trace_parent: Option<String>,
}

/// The answer that is stored for repeats.
pub(crate) struct KeptAnswer<'a> {
    pub(crate) key: &'a IdempotencyKey,
    pub(crate) fingerprint: &'a Fingerprint,
    /// The encoded `orders.v1.CreateOrderResponse`, without the number.
    pub(crate) response: Vec<u8>,
}

/// The reason why orders were not placed.
#[derive(Debug)]
pub(crate) enum PlacementError {
    /// A concurrent call with one of the keys was faster.
    KeyTaken,
    Db(DbError),
}

/// Writes orders with everything that belongs to them, and returns their numbers, by id. Until the transaction ends, no
/// other order of the tenant gets one.
pub(crate) async fn insert_orders(
    tx: &mut TenantTx,
    placements: &[Placement<'_>],
) -> Result<HashMap<Uuid, i64>, PlacementError> {
    let insert = InsertOrders::new(tx.tenant(), placements);
    let numbers: Vec<(Uuid, i64)> = insert.load(tx).await.map_err(|error| match error {
        DatabaseError(_, information) if information.constraint_name() == Some("idempotency_keys_pkey") => {
            PlacementError::KeyTaken
        }
        error => PlacementError::Db(error.into()),
    })?;
    Ok(numbers.into_iter().collect())
}
