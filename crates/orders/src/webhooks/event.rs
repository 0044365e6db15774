//! The events of orders.

use std::collections::BTreeSet;

use chrono::Utc;
use rowhouse_chassis::telemetry::traceparent;
use rowhouse_chassis::wire::rfc3339;
use rowhouse_proto::orders::v1::error_code;
use rowhouse_tenancy::TenantTx;
use serde::Serialize;
use uuid::Uuid;

use super::jobs::{enqueue, lock_jobs, probe_now};
use crate::domain::{EventType, Order, Part};
use crate::error::Error;
use crate::json::OrderJson;
use crate::store::placement::CreatedEvent;
use crate::store::webhook_events::{NewEvent, insert_event};
use crate::store::webhook_health::try_now;

/// Creates an event and its deliveries to the `listeners`, which are sent if the transaction is committed.
pub(crate) async fn emit_event(
    tx: &mut TenantTx,
    event: EventType,
    order: &Order,
    listeners: &[Uuid],
) -> Result<(), Error> {
    if listeners.is_empty() {
        return Ok(());
    }
    // Changes of two orders lock the jobs of their endpoints in the same order.
    let mut listeners = listeners.to_vec();
    listeners.sort_unstable();
    let new = NewEvent { id: Uuid::now_v7(), event, order: Some(order), body: body(event, order)? };
    for endpoint in &listeners {
        enqueue(tx, *endpoint, Part::of(new.sequence())).await?;
    }
    insert_event(tx, &new, &listeners).await?;
    Ok(())
}

/// Enqueues the jobs for the events of orders that will be placed; their deliveries are written with the orders.
pub(crate) async fn enqueue_created_events(
    tx: &mut TenantTx,
    orders: &[Order],
    listeners: &[Uuid],
) -> Result<(), Error> {
    // In the same order as `emit_event` locks the jobs.
    let mut listeners = listeners.to_vec();
    listeners.sort_unstable();
    let parts: BTreeSet<Part> = orders.iter().map(|order| Part::of(order.id.as_uuid())).collect();
    for endpoint in listeners {
        if parts.len() > 1 {
            lock_jobs(tx, endpoint).await?;
        }
        for part in &parts {
            enqueue(tx, endpoint, *part).await?;
        }
    }
    Ok(())
}

/// Returns the event of an order that will be placed and has no number yet, or `None` if nobody listens.
pub(crate) fn created_event(order: &Order, listeners: &[Uuid]) -> Result<Option<CreatedEvent>, Error> {
    if listeners.is_empty() {
        return Ok(None);
    }
    let (before_number, after_number) = around_number(&body(EventType::OrderCreated, order)?)?;
    let (listeners, trace_parent) = (listeners.to_vec(), traceparent());
    Ok(Some(CreatedEvent { before_number, after_number, listeners, trace_parent }))
}

/// Splits a body at the number 0, which is left out.
fn around_number(body: &str) -> Result<(String, String), serde_json::Error> {
    const MEMBER: &str = "\"number\":";
    // In JSON a quotation mark inside a text is escaped, so no value contains this.
    body.split_once(&format!("{MEMBER}0,"))
        .map(|(before, after)| (format!("{before}{MEMBER}"), format!(",{after}")))
        .ok_or_else(|| serde::ser::Error::custom("an order's JSON has no number"))
}

/// Sends an endpoint a test event, now if it is paused. Returns the delivery's id. The caller has locked its jobs
/// ([`super::lock_jobs`]).
pub(crate) async fn send_test(tx: &mut TenantTx, endpoint: Uuid) -> Result<Uuid, Error> {
    let event = EventType::Test;
    let data = TestData { webhook_endpoint_id: endpoint };
    let body =
        serde_json::to_string(&Payload { event_type: event.as_str(), timestamp: rfc3339(Utc::now()), data })?;
    let new = NewEvent { id: Uuid::now_v7(), event, order: None, body };
    enqueue(tx, endpoint, Part::of(new.sequence())).await?;
    probe_now(tx, endpoint).await?;
    let deliveries = insert_event(tx, &new, &[endpoint]).await?;
    try_now(tx, endpoint).await?;
    deliveries.first().copied().ok_or(Error::Missing(error_code::WEBHOOK_ENDPOINT_NOT_FOUND))
}

/// The payload of Standard Webhooks.
#[derive(Serialize)]
struct Payload<D> {
    #[serde(rename = "type")]
    event_type: &'static str,
    timestamp: String,
    data: D,
}

#[derive(Serialize)]
struct TestData {
    webhook_endpoint_id: Uuid,
}

fn body(event: EventType, order: &Order) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Payload {
        event_type: event.as_str(),
        timestamp: rfc3339(order.updated_at),
        data: OrderJson::from(order),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::placed;

    #[test]
    fn a_number_that_comes_later_stands_where_it_belongs() {
        for customer in ["Ada", "\"number\":0,", "\\\"number\":0,\\"] {
            let order = Order { customer: customer.to_owned(), ..placed(0, 2) };
            let (before, after) = around_number(&body(EventType::OrderCreated, &order).unwrap()).unwrap();
            for number in [1, 128, i64::MAX] {
                let whole = body(EventType::OrderCreated, &Order { number, ..order.clone() }).unwrap();
                assert_eq!(format!("{before}{number}{after}"), whole);
            }
        }
    }
}
