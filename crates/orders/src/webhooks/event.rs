//! What is told of orders.

use chrono::Utc;
use rowhouse_chassis::wire::rfc3339;
use rowhouse_tenancy::TenantTx;
use serde::Serialize;
use uuid::Uuid;

use super::jobs::{enqueue, probe_now};
use crate::domain::Order;
use crate::error::Error;
use crate::json::OrderJson;
use crate::store::placement::CreatedEvent;
use crate::store::webhook_events::{NewEvent, insert_event};
use crate::store::webhook_health::try_now;

/// Something that happens to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventType {
    OrderCreated,
    OrderUpdated,
    /// Somebody wants to see whether an endpoint takes what it is sent. Nobody has it in a list.
    Test,
}

/// All events, also those that there are not yet.
const ALL: &str = "*";

impl EventType {
    const EACH: [Self; 2] = [Self::OrderCreated, Self::OrderUpdated];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::OrderCreated => "order.created",
            Self::OrderUpdated => "order.updated",
            Self::Test => "webhook.test",
        }
    }

    /// What an endpoint has in its list that wants to hear of it.
    pub(crate) fn wanted_as(self) -> Vec<&'static str> {
        vec![self.as_str(), ALL]
    }
}

/// The events that an endpoint wants to hear of: one or more names, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Events(Vec<&'static str>);

/// The list names no events, or unknown ones.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "send one or more of order.created, order.updated; or * for all events, also those that are new one day"
)]
pub(crate) struct InvalidEvents;

impl Events {
    pub(crate) fn parse(names: &[String]) -> Result<Self, InvalidEvents> {
        let mut events = Vec::new();
        for name in names {
            let known = EventType::EACH.into_iter().map(EventType::as_str).chain([ALL]);
            let known = known.into_iter().find(|known| known == name).ok_or(InvalidEvents)?;
            if !events.contains(&known) {
                events.push(known);
            }
        }
        if events.is_empty() { Err(InvalidEvents) } else { Ok(Self(events)) }
    }

    pub(crate) fn as_slice(&self) -> &[&'static str] {
        &self.0
    }
}

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

    fn parse(names: &[&str]) -> Result<Vec<&'static str>, InvalidEvents> {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        Events::parse(&names).map(|events| events.0)
    }

    #[test]
    fn lists_of_events() {
        assert_eq!(parse(&["*"]), Ok(vec!["*"]));
        assert_eq!(
            parse(&["order.updated", "order.created", "order.updated"]),
            Ok(vec!["order.updated", "order.created"])
        );
        for names in [&[][..], &[""], &["order.deleted"], &["order.created", "ORDER.UPDATED"], &["order.*"]] {
            assert_eq!(parse(names), Err(InvalidEvents), "{names:?}");
        }
    }
}
