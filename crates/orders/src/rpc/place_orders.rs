//! Placing the orders of a tenant's callers in one transaction.
//!
//! Orders of a tenant wait for each other, since the counter of their numbers is locked until COMMIT. So those that are
//! asked for at the same time are placed together, which takes one connection of the pool instead of one each.

use std::collections::HashMap;

use prost::Message;
use rowhouse_chassis::group_commit::Group;
use rowhouse_proto::orders::v1::{self, CreateOrderResponse};
use rowhouse_tenancy::{DbError, TenantContext, TenantDb, TenantTx};
use tracing::Span;

use crate::domain::{Fingerprint, IdempotencyKey, NewOrder, Order};
use crate::error::Error;
use crate::store::idempotency_keys::FirstCall;
use crate::store::placement::{KeptAnswer, Placement, insert_orders, read_placement_inputs};
use crate::webhooks::{created_event, enqueue_created_events};

/// The most orders and lines that are placed in one transaction, unless one order has more.
pub(super) const MOST_ROWS: usize = 1_000;

/// A call that places an order.
pub(crate) struct Placing {
    pub(super) cx: TenantContext,
    pub(super) new: NewOrder,
    pub(super) keyed: Option<KeyedCall>,
    /// The span of the call, whose trace the order's event continues.
    pub(super) span: Span,
}

/// A call with a key.
#[derive(Debug)]
pub(super) struct KeyedCall {
    pub(super) key: IdempotencyKey,
    pub(super) fingerprint: Fingerprint,
}

/// The calls that place orders.
pub(crate) struct Placings {
    pub(super) db: TenantDb,
}

type Placed = Result<CreateOrderResponse, Error>;

impl Group for Placings {
    type Work = Placing;
    type Outcome = Placed;

    fn rows(call: &Placing) -> usize {
        1 + call.new.lines.as_slice().len()
    }

    async fn commit(&self, calls: &[Placing]) -> Option<Vec<Placed>> {
        let mut may_be_placed = false;
        let mut placed = self.place(calls, &mut may_be_placed).await;
        if let (Err(Error::KeyTaken), [_]) = (&placed, calls) {
            // A concurrent call with the key was faster. It has been committed, so this finds its answer.
            placed = self.place(calls, &mut may_be_placed).await;
        }
        match placed {
            Ok(outcomes) => Some(outcomes),
            Err(error) if calls.len() == 1 => Some(vec![Err(error)]),
            Err(Error::Db(error)) if may_be_placed || is_of_the_database(&error) => {
                Some(calls.iter().map(|_| Err(error.for_another().into())).collect())
            }
            Err(_) => None,
        }
    }
}

/// Returns whether the error is hardly one call's, so that the others would have it as well without that call.
const fn is_of_the_database(error: &DbError) -> bool {
    use DbError::{Contended, TenantSuspended, TimedOut, Unavailable, UnknownTenant};
    matches!(error, Unavailable(_) | TimedOut(_) | Contended(_) | UnknownTenant | TenantSuspended)
}

impl Placings {
    /// Writes the orders, their events and the stored answers in one transaction. While the tenant's other orders wait
    /// for the numbers, only COMMIT is sent. Then `may_be_placed` is true, whatever the outcome.
    async fn place(&self, calls: &[Placing], may_be_placed: &mut bool) -> Result<Vec<Placed>, Error> {
        let Some((first, others)) = calls.split_first() else { return Ok(Vec::new()) };
        let others = others.iter().map(|call| &call.cx);
        let placed = self.db.tx_together(&first.cx, others, "orders.create", async |tx| {
            let outcomes = place_in(tx, calls).await?;
            *may_be_placed = true;
            Ok(outcomes)
        });
        placed.await
    }
}

/// The database did not return an order that it was given.
const NOT_PLACED: DbError = DbError::Query(diesel::result::Error::NotFound);

/// A call's answer, or the index of the order that is placed for it.
enum Plan {
    Answered(Placed),
    Places(usize),
}

async fn place_in(tx: &mut TenantTx, calls: &[Placing]) -> Result<Vec<Placed>, Error> {
    let keys = calls.iter().filter_map(|call| Some(&call.keyed.as_ref()?.key));
    let mut before = read_placement_inputs(tx, keys).await?;
    let (placing, plans) = plan(calls, &before.take_first_calls());
    let mut orders: Vec<Order> = placing.iter().map(|call| call.new.placed_at(before.now)).collect();
    if !orders.is_empty() {
        enqueue_created_events(tx, &orders, &before.listeners).await?;
        let placements = placing.iter().zip(&orders).map(|(call, order)| {
            let event = call.span.in_scope(|| created_event(order, &before.listeners))?;
            Ok(Placement { order, event, answer: call.keyed.as_ref().map(|call| kept(call, order)) })
        });
        let placements: Vec<_> = placements.collect::<Result<_, Error>>()?;
        let numbers = insert_orders(tx, &placements).await?;
        for order in &mut orders {
            order.number = numbers.get(&order.id.as_uuid()).copied().ok_or(NOT_PLACED)?;
        }
    }
    let responses: Vec<_> = orders.into_iter().map(response).collect();
    let outcome = |plan| match plan {
        Plan::Answered(answer) => Ok(answer),
        Plan::Places(index) => Ok(Ok(responses.get(index).cloned().ok_or(NOT_PLACED)?)),
    };
    plans.into_iter().map(outcome).collect()
}

/// Decides which calls place an order: those without a key, and the first of those with one.
fn plan<'a>(calls: &'a [Placing], first_calls: &HashMap<String, FirstCall>) -> (Vec<&'a Placing>, Vec<Plan>) {
    let (mut placing, mut by_key) = (Vec::new(), HashMap::new());
    let plans = calls.iter().map(|call| {
        if let Some(KeyedCall { key, fingerprint }) = &call.keyed {
            if let Some(first) = first_calls.get(key.as_str()) {
                return Plan::Answered(answer_of(first, fingerprint));
            }
            let (first, index) = *by_key.entry(key.as_str()).or_insert((fingerprint, placing.len()));
            if first != fingerprint {
                return Plan::Answered(Err(Error::KeyReused));
            }
            if index < placing.len() {
                return Plan::Places(index);
            }
        }
        placing.push(call);
        Plan::Places(placing.len() - 1)
    });
    let plans = plans.collect();
    (placing, plans)
}

fn answer_of(first: &FirstCall, fingerprint: &Fingerprint) -> Placed {
    if !first.matches(fingerprint) {
        return Err(Error::KeyReused);
    }
    Ok(completed(CreateOrderResponse::decode(first.response.as_slice())?))
}

fn kept<'a>(KeyedCall { key, fingerprint }: &'a KeyedCall, order: &Order) -> KeptAnswer<'a> {
    KeptAnswer { key, fingerprint, response: response(order.clone()).encode_to_vec() }
}

fn response(order: Order) -> CreateOrderResponse {
    CreateOrderResponse { order: Some(order.into()) }
}

/// Completes an answer that was kept by a release before priorities: such an order's is normal.
fn completed(mut kept: CreateOrderResponse) -> CreateOrderResponse {
    if let Some(order) = &mut kept.order
        && order.priority() == v1::OrderPriority::Unspecified
    {
        order.set_priority(v1::OrderPriority::Normal);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_from_before_priorities_is_normal() {
        for (kept, expected) in [
            (v1::OrderPriority::Unspecified, v1::OrderPriority::Normal),
            (v1::OrderPriority::High, v1::OrderPriority::High),
        ] {
            let order = v1::Order { priority: kept.into(), ..v1::Order::default() };
            let answer = completed(CreateOrderResponse { order: Some(order) });
            assert_eq!(answer.order.unwrap().priority(), expected);
        }
    }
}
