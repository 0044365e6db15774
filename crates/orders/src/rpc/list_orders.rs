//! The method that lists orders, newest first.

use rowhouse_chassis::access::context;
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::page::PageRequest;
use rowhouse_proto::orders::v1::{ListOrdersRequest, ListOrdersResponse};
use tonic::Request;

use super::Rpc;
use super::order::parse_status;
use crate::domain::{Order, OrderStatus};
use crate::error::Error;
use crate::store::orders;

/// The largest number of lines on a page. A page with more would exceed the size that gRPC clients accept, so it ends
/// early.
const MAX_LINES: usize = 5_000;

pub(super) async fn list_orders(
    rpc: &Rpc,
    request: &Request<ListOrdersRequest>,
) -> Result<ListOrdersResponse, Error> {
    let cx = context(request)?;
    let (status, page) = parse(request.get_ref())?;
    let found = rpc
        .db
        .read(&cx, "orders.list", async |tx| Ok::<_, Error>(orders::list_orders(tx, &page, status).await?));
    let (orders, next_page_token) = cut(&page, found.await?);
    Ok(ListOrdersResponse { orders: orders.into_iter().map(Into::into).collect(), next_page_token })
}

fn parse(request: &ListOrdersRequest) -> Result<(Option<OrderStatus>, PageRequest<i64>), Error> {
    let ListOrdersRequest { page_size, page_token, status } = request;
    let mut violations = Violations::default();
    let list = format!("orders {status}");
    let page = PageRequest::parse(*page_size, page_token, &list, &mut violations);
    let status = violations.check("status", parse_status(*status));
    status.zip(page).ok_or(violations.into())
}

fn cut(page: &PageRequest<i64>, found: Vec<Order>) -> (Vec<Order>, String) {
    let mut lines = 0;
    let fits = |order: &Order| {
        lines += order.lines.len();
        lines <= MAX_LINES
    };
    page.cut_where(found, fits, |order| order.number)
}

#[cfg(test)]
mod tests {
    use rowhouse_proto::orders::v1;

    use super::*;
    use crate::domain::placed;

    fn asked(page_size: i32, page_token: &str, status: i32) -> ListOrdersRequest {
        ListOrdersRequest { page_size, page_token: page_token.to_owned(), status }
    }

    #[test]
    fn an_empty_request_is_the_first_page_of_all() {
        let (status, page) = parse(&asked(0, "", 0)).unwrap();
        assert_eq!((status, page.size.get(), page.after), (None, 20, None));
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        for (request, wrong) in [
            (asked(-1, "x", 0), vec!["page_size", "page_token"]),
            (asked(-1, "x", 17), vec!["page_size", "page_token", "status"]),
            (asked(0, "x", v1::OrderStatus::Paid.into()), vec!["page_token"]),
        ] {
            match parse(&request) {
                Err(Error::Invalid(violations)) => {
                    assert_eq!(violations.into_iter().map(|one| one.field).collect::<Vec<_>>(), wrong);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_page_of_very_long_orders_ends_early() {
        let found: Vec<_> = (1..=101).rev().map(|number| placed(number, 200)).collect();
        let (_, page) = parse(&asked(100, "", 0)).unwrap();
        let (shown, next) = cut(&page, found);
        assert_eq!(shown.len(), 25);
        assert_eq!(parse(&asked(100, &next, 0)).unwrap().1.after, Some(77));
    }
}
