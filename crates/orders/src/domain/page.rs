//! Pages of a list, by keyset: a page begins behind the last order of the one before, so that orders which
//! are placed meanwhile are neither skipped nor shown twice.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rowhouse_chassis::page::PageSize;

use super::order::Order;
use super::status::OrderStatus;

/// The page that a caller asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageRequest {
    pub(crate) size: PageSize,
    /// Only orders in this status.
    pub(crate) status: Option<OrderStatus>,
    /// Only orders with a lower number.
    pub(crate) before: Option<i64>,
}

/// Orders, newest first, and where to go on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) orders: Vec<Order>,
    pub(crate) next: Option<PageToken>,
}

impl Page {
    /// A page ends early rather than become a message that a gRPC client refuses by its size.
    const MAX_LINES: usize = 5_000;

    /// Makes a page out of what was found: one order more than its size, if there are as many.
    pub(crate) fn cut(request: &PageRequest, found: Vec<Order>) -> Self {
        let found_all = found.len();
        let mut lines = 0;
        let orders: Vec<Order> = found
            .into_iter()
            .take(request.size.get().into())
            .take_while(|order| {
                lines += order.lines.len();
                lines <= Self::MAX_LINES
            })
            .collect();
        let next = match orders.last() {
            Some(last) if orders.len() < found_all => {
                Some(PageToken { status: request.status, before: last.number })
            }
            _ => None,
        };
        Self { orders, next }
    }
}

/// Where the next page begins. It only says where in the caller's own list to go on, so it is not signed:
/// a forged one leads to another page of the same list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageToken {
    status: Option<OrderStatus>,
    before: i64,
}

/// The text is no page token, or one of another list.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidPageToken {
    #[error("send the next_page_token of the page before as it was, or leave it out for the first page")]
    Malformed,
    #[error("the token is of a list with another status: keep the status, or start at the first page")]
    AnotherList,
}

/// The first byte of a token, so that a later form can be told from this one.
const VERSION: u8 = 1;

impl PageToken {
    /// Version, status, number; in base64url.
    pub(crate) fn encode(self) -> String {
        let mut bytes = vec![VERSION, code(self.status)];
        bytes.extend(self.before.to_be_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Where the list of the orders in `status` goes on.
    pub(crate) fn decode(text: &str, status: Option<OrderStatus>) -> Result<i64, InvalidPageToken> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).or(Err(InvalidPageToken::Malformed))?;
        let [VERSION, of_status, number @ ..] = bytes.as_slice() else {
            return Err(InvalidPageToken::Malformed);
        };
        let number = number.try_into().map(i64::from_be_bytes).or(Err(InvalidPageToken::Malformed))?;
        if number < 1 {
            return Err(InvalidPageToken::Malformed);
        }
        if *of_status != code(status) {
            return Err(InvalidPageToken::AnotherList);
        }
        Ok(number)
    }
}

const fn code(status: Option<OrderStatus>) -> u8 {
    match status {
        None => 0,
        Some(OrderStatus::Placed) => 1,
        Some(OrderStatus::Paid) => 2,
        Some(OrderStatus::Fulfilled) => 3,
        Some(OrderStatus::Cancelled) => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::super::order::placed;
    use super::*;

    #[test]
    fn a_token_is_read_back_for_its_own_list_only() {
        let lists = [
            None,
            Some(OrderStatus::Placed),
            Some(OrderStatus::Paid),
            Some(OrderStatus::Fulfilled),
            Some(OrderStatus::Cancelled),
        ];
        for before in [1, 20, i64::MAX] {
            for status in lists {
                let token = PageToken { status, before }.encode();
                for list in lists {
                    let expected =
                        if list == status { Ok(before) } else { Err(InvalidPageToken::AnotherList) };
                    assert_eq!(PageToken::decode(&token, list), expected, "{token}");
                }
            }
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let good = PageToken { status: None, before: 20 }.encode();
        let of = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let long = "A".repeat(10_000);
        for text in [
            "",
            "x",
            "20",
            "{\"before\":20}",
            &good[1..],
            &good[..good.len() - 1],
            &format!("{good}A"),
            &format!("{good}=="),
            &format!("{good} "),
            &good.replace('A', "+"),
            &of(&[]),
            &of(&[VERSION]),
            &of(&[VERSION, 0]),
            &of(&[VERSION, 0, 0, 0, 0, 0, 0, 0, 0]),
            &of(&[VERSION, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            &of(&[VERSION, 0, 0xff, 0, 0, 0, 0, 0, 0, 1]),
            &of(&[VERSION + 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            &of(&[VERSION, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]),
            &long,
        ] {
            assert_eq!(PageToken::decode(text, None), Err(InvalidPageToken::Malformed), "{text:?}");
        }
    }

    fn request(size: i32) -> PageRequest {
        PageRequest { size: size.try_into().unwrap(), status: Some(OrderStatus::Placed), before: None }
    }

    #[test]
    fn a_page_has_a_next_one_when_more_was_found_than_it_shows() {
        for (found, shown, next) in [(0, 0, None), (1, 1, None), (2, 2, None), (3, 2, Some(2))] {
            let found = (1..=found).rev().map(|number| placed(number, 1)).collect();
            let page = Page::cut(&request(2), found);
            assert_eq!(page.orders.len(), shown);
            assert_eq!(page.next, next.map(|before| PageToken { status: Some(OrderStatus::Placed), before }));
        }
    }

    #[test]
    fn a_page_of_very_long_orders_ends_early() {
        let found: Vec<_> = (1..=101).rev().map(|number| placed(number, 200)).collect();
        let page = Page::cut(&request(100), found);
        assert_eq!(page.orders.len(), 25);
        assert_eq!(page.next, Some(PageToken { status: Some(OrderStatus::Placed), before: 77 }));
    }
}
