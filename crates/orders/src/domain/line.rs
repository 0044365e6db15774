//! The lines of an order, with their limits and total.

use rowhouse_text::Text;

use super::money::Amount;

/// The article, as named in the tenant's catalogue.
pub(crate) type Sku = Text<64>;

/// The quantity: 1 to 1,000,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quantity(i64);

/// The error for a number that is not a quantity.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("send a quantity of 1 to 1000000")]
pub(crate) struct InvalidQuantity;

impl Quantity {
    pub(crate) const fn get(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for Quantity {
    type Error = InvalidQuantity;

    fn try_from(quantity: i64) -> Result<Self, InvalidQuantity> {
        if (1..=1_000_000).contains(&quantity) { Ok(Self(quantity)) } else { Err(InvalidQuantity) }
    }
}

/// A line of a new order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewLine {
    pub(crate) sku: Sku,
    pub(crate) quantity: Quantity,
    pub(crate) unit_price: Amount,
}

impl NewLine {
    /// Returns the line's price, or `None` if it is too large.
    fn total(&self) -> Option<Amount> {
        self.unit_price.times(self.quantity.get())
    }
}

/// The lines of a new order with their total.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewLines {
    lines: Vec<NewLine>,
    total: Amount,
}

/// The reason why lines are refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidLines {
    #[error("send 1 to {} lines", NewLines::MAX)]
    Count,
    #[error("the total of the lines is more than {}: split the lines into several orders", Amount::MAX.minor())]
    Total,
}

impl NewLines {
    /// The largest number of lines of an order.
    pub(super) const MAX: usize = 200;

    pub(crate) fn new(lines: Vec<NewLine>) -> Result<Self, InvalidLines> {
        Self::check_count(lines.len())?;
        let total = lines.iter().try_fold(Amount::ZERO, |total, line| total.plus(line.total()?));
        Ok(Self { lines, total: total.ok_or(InvalidLines::Total)? })
    }

    /// Checks the number of lines, before each one is parsed.
    pub(crate) fn check_count(count: usize) -> Result<(), InvalidLines> {
        if (1..=Self::MAX).contains(&count) { Ok(()) } else { Err(InvalidLines::Count) }
    }

    pub(crate) const fn total(&self) -> Amount {
        self.total
    }

    pub(crate) fn as_slice(&self) -> &[NewLine] {
        &self.lines
    }
}

/// A line of a placed order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrderLine {
    pub(crate) sku: String,
    pub(crate) quantity: i64,
    pub(crate) unit_price_minor: i64,
}

impl From<&NewLine> for OrderLine {
    fn from(line: &NewLine) -> Self {
        Self {
            sku: line.sku.as_str().to_owned(),
            quantity: line.quantity.get(),
            unit_price_minor: line.unit_price.minor(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities() {
        for quantity in [1, 2, 1_000_000] {
            assert_eq!(Quantity::try_from(quantity).unwrap().get(), quantity);
        }
        for quantity in [0, -1, 1_000_001, i64::MIN, i64::MAX] {
            assert_eq!(Quantity::try_from(quantity), Err(InvalidQuantity), "{quantity}");
        }
    }

    fn line(quantity: i64, unit_price: i64) -> NewLine {
        NewLine {
            sku: "chair".parse().unwrap(),
            quantity: quantity.try_into().unwrap(),
            unit_price: unit_price.try_into().unwrap(),
        }
    }

    #[test]
    fn totals() {
        let max = Amount::MAX.minor();
        for (lines, expected) in [
            (vec![line(1, 0)], Ok(0)),
            (vec![line(2, 4_950), line(3, 100)], Ok(10_200)),
            (vec![line(1, max)], Ok(max)),
            (vec![line(1, max), line(1_000_000, 0)], Ok(max)),
            (vec![line(1, max - 1), line(1, 1)], Ok(max)),
            (vec![line(1, max), line(1, 1)], Err(InvalidLines::Total)),
            (vec![line(2, max)], Err(InvalidLines::Total)),
            (vec![line(1_000_000, max); 200], Err(InvalidLines::Total)),
            (vec![line(1, 1); 200], Ok(200)),
            (vec![line(1, 1); 201], Err(InvalidLines::Count)),
            (vec![], Err(InvalidLines::Count)),
        ] {
            assert_eq!(NewLines::new(lines).map(|lines| lines.total().minor()), expected);
        }
    }
}
