//! [`Currency`], the currency of an order.

use std::str::FromStr;

/// A currency of a new order: one in use for payments, by its ISO 4217 code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Currency(iso_currency::Currency);

/// The error of parsing a text that is not a currency's code.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("send the ISO 4217 code of a currency that is in use, in capitals, such as EUR")]
pub(crate) struct InvalidCurrency;

impl Currency {
    /// Returns the three letters.
    pub(crate) fn code(self) -> &'static str {
        self.0.code()
    }
}

impl FromStr for Currency {
    type Err = InvalidCurrency;

    /// Refuses codes that are not money in use: metals, units of account and funds, the codes for testing and for "no
    /// currency", and replaced currencies.
    fn from_str(code: &str) -> Result<Self, InvalidCurrency> {
        let currency = iso_currency::Currency::from_code(code).ok_or(InvalidCurrency)?;
        if currency.is_special() || currency.is_fund() || currency.is_superseded().is_some() {
            return Err(InvalidCurrency);
        }
        Ok(Self(currency))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_taken() {
        for code in ["EUR", "USD", "JPY", "KWD", "XAF", "XCD", "XPF", "ZWG"] {
            assert_eq!(code.parse::<Currency>().unwrap().code(), code);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for code in
            ["", "EU", "EURO", "eur", " EUR", "E\0R", "ÄÖÜ", "ZZZ", "XXX", "XTS", "XAU", "XDR", "CHE", "HRK"]
        {
            assert_eq!(code.parse::<Currency>(), Err(InvalidCurrency), "{code:?}");
        }
    }
}
