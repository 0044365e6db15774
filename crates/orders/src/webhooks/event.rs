//! What is told of orders.

use chrono::Utc;
use rowhouse_chassis::wire::rfc3339;
use rowhouse_tenancy::TenantTx;
use serde::Serialize;
use uuid::Uuid;

use super::jobs::{enqueue, probe_now};
use crate::domain::{EventType, Order};
use crate::error::Error;
use crate::json::OrderJson;
use crate::store::placement::CreatedEvent;
use crate::store::webhook_events::{NewEvent, insert_event};
use crate::store::webhook_health::try_now;

/// Has an event delivered, if the transaction is committed, to those that `listen`.
pub(crate) async fn tell(
    tx: &mut TenantTx,
    event: EventType,
    order: &Order,
    listeners: &[Uuid],
) -> Result<(), Error> {
    if listeners.is_empty() {
        return Ok(());
    }
    // Two orders' changes lock the jobs of their endpoints in the same sequence.
    let mut listeners = listeners.to_vec();
    listeners.sort_unstable();
    let new = NewEvent { id: Uuid::now_v7(), event, order: Some(order), body: body(event, order)? };
    for endpoint in &listeners {
        enqueue(tx, *endpoint, new.sequence()).await?;
    }
    insert_event(tx, &new, &listeners).await?;
    Ok(())
}

/// The same for an order that is about to be placed, and has no number yet: its jobs are enqueued, and the rest is written with
/// the order.
pub(crate) async fn tell_created(
    tx: &mut TenantTx,
    order: &Order,
    mut listeners: Vec<Uuid>,
) -> Result<Option<CreatedEvent>, Error> {
    if listeners.is_empty() {
        return Ok(None);
    }
    // In the sequence in which `tell` locks the jobs.
    listeners.sort_unstable();
    for endpoint in &listeners {
        enqueue(tx, *endpoint, order.id.as_uuid()).await?;
    }
    let (before_number, after_number) = around_number(&body(EventType::OrderCreated, order)?)?;
    Ok(Some(CreatedEvent { before_number, after_number, listeners }))
}

/// A body in two parts, without the number 0 between them.
fn around_number(body: &str) -> Result<(String, String), serde_json::Error> {
    const MEMBER: &str = "\"number\":";
    // In a JSON text a quotation mark has a backslash before it: no value contains this.
    body.split_once(&format!("{MEMBER}0,"))
        .map(|(before, after)| (format!("{before}{MEMBER}"), format!(",{after}")))
        .ok_or_else(|| serde::ser::Error::custom("an order's JSON has no number"))
}

/// Has an endpoint be sent an event that says nothing, and tried now if it is paused. Returns the delivery's id. Its jobs are locked
/// ([`super::lock_jobs`]).
pub(crate) async fn send_test(tx: &mut TenantTx, endpoint: Uuid) -> Result<Uuid, Error> {
    let event = EventType::Test;
    let data = TestData { webhook_endpoint_id: endpoint };
    let body =
        serde_json::to_string(&Payload { event_type: event.as_str(), timestamp: rfc3339(Utc::now()), data })?;
    let new = NewEvent { id: Uuid::now_v7(), event, order: None, body };
    enqueue(tx, endpoint, new.sequence()).await?;
    probe_now(tx, endpoint).await?;
    let deliveries = insert_event(tx, &new, &[endpoint]).await?;
    try_now(tx, endpoint).await?;
    deliveries.first().copied().ok_or(Error::EndpointNotFound)
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
