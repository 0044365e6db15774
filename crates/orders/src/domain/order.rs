//! [`Order`], [`NewOrder`] and the rules for changing an order.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use rowhouse_text::Text;
use uuid::Uuid;

use super::currency::Currency;
use super::etag::{Condition, Etag};
use super::line::{NewLines, OrderLine};
use super::priority::OrderPriority;
use super::status::OrderStatus;

/// The customer, as named by the tenant.
pub(crate) type Customer = Text<200>;

/// An order's id: a UUID, version 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OrderId(Uuid);

/// The error of parsing a text that is not a UUID.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("send the id of an order, a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057")]
pub(crate) struct InvalidOrderId;

impl OrderId {
    /// Generates an id for a new order.
    pub(crate) fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    pub(crate) const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for OrderId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl FromStr for OrderId {
    type Err = InvalidOrderId;

    fn from_str(text: &str) -> Result<Self, InvalidOrderId> {
        Uuid::try_parse(text).map(Self).or(Err(InvalidOrderId))
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An order to be placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewOrder {
    pub(crate) id: OrderId,
    pub(crate) customer: Customer,
    pub(crate) currency: Currency,
    pub(crate) lines: NewLines,
    pub(crate) priority: OrderPriority,
}

impl NewOrder {
    /// Returns the order as placed, except for its number.
    pub(crate) fn placed_at(&self, now: DateTime<Utc>) -> Order {
        Order {
            id: self.id,
            number: 0,
            customer: self.customer.as_str().to_owned(),
            currency: self.currency.code().to_owned(),
            status: OrderStatus::Placed,
            priority: self.priority,
            total_minor: self.lines.total().minor(),
            lines: self.lines.as_slice().iter().map(OrderLine::from).collect(),
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }
}

/// A change of an order. A field without a value stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OrderChange {
    pub(crate) status: Option<OrderStatus>,
    pub(crate) priority: Option<OrderPriority>,
}

/// A placed order. It contains what is stored, even if the rules for new orders have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) id: OrderId,
    pub(crate) number: i64,
    pub(crate) customer: String,
    pub(crate) currency: String,
    pub(crate) status: OrderStatus,
    pub(crate) priority: OrderPriority,
    pub(crate) total_minor: i64,
    pub(crate) lines: Vec<OrderLine>,
    pub(crate) version: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// The reason why a change is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the order has changed since it was read: read it again before you change it")]
    Stale,
    #[error("an order that is {from} cannot become {to}")]
    Transition { from: OrderStatus, to: OrderStatus },
}

impl Order {
    pub(crate) const fn etag(&self) -> Etag {
        Etag::of_version(self.version)
    }

    /// Checks whether the order may change in this way now. Its priority may change at any time.
    pub(crate) fn check_change(&self, to: OrderChange, condition: &Condition) -> Result<(), Refusal> {
        if !condition.holds_for(self.etag()) {
            return Err(Refusal::Stale);
        }
        match to.status {
            Some(to) if !self.status.may_become(to) => Err(Refusal::Transition { from: self.status, to }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
pub(crate) fn placed(number: i64, lines: usize) -> Order {
    let line = OrderLine { sku: "chair".to_owned(), quantity: 1, unit_price_minor: 4_950 };
    Order {
        id: OrderId::generate(),
        number,
        customer: "Ada".to_owned(),
        currency: "EUR".to_owned(),
        status: OrderStatus::Placed,
        priority: OrderPriority::Normal,
        total_minor: 4_950,
        lines: vec![line; lines],
        version: 1,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids() {
        let id = OrderId::generate();
        assert_eq!(id.as_uuid().get_version_num(), 7);
        for text in [id.to_string(), id.to_string().to_uppercase(), id.as_uuid().simple().to_string()] {
            assert_eq!(text.parse(), Ok(id), "{text:?}");
        }
        for text in
            ["", "1", "null", "01890a5d-ac96-774b-bcce", "01890a5d-ac96-774b-bcce-b302099a805g", "../x"]
        {
            assert_eq!(text.parse::<OrderId>(), Err(InvalidOrderId), "{text:?}");
        }
    }

    #[test]
    fn a_change_needs_the_tag_first_and_the_status_then() {
        use OrderStatus::{Fulfilled, Paid};
        let order = placed(1, 1);
        let transition = Refusal::Transition { from: OrderStatus::Placed, to: Fulfilled };
        for (to, tag, expected) in [
            (Paid, "", Ok(())),
            (Paid, "*", Ok(())),
            (Paid, "\"1\"", Ok(())),
            (Paid, "\"2\"", Err(Refusal::Stale)),
            (Fulfilled, "\"2\"", Err(Refusal::Stale)),
            (Fulfilled, "\"1\"", Err(transition)),
        ] {
            let change = OrderChange { status: Some(to), priority: None };
            assert_eq!(order.check_change(change, &tag.parse().unwrap()), expected, "{to} {tag}");
            // The priority makes no difference.
            let change = OrderChange { priority: Some(OrderPriority::High), ..change };
            assert_eq!(order.check_change(change, &tag.parse().unwrap()), expected, "{to} {tag}");
        }
    }

    #[test]
    fn a_priority_needs_the_tag_alone() {
        let change = OrderChange { status: None, priority: Some(OrderPriority::High) };
        for status in [OrderStatus::Placed, OrderStatus::Fulfilled, OrderStatus::Cancelled] {
            let order = Order { status, ..placed(1, 1) };
            assert_eq!(order.check_change(change, &"\"1\"".parse().unwrap()), Ok(()));
            assert_eq!(order.check_change(change, &"\"2\"".parse().unwrap()), Err(Refusal::Stale));
        }
    }
}
