//! Looking at the orders, newest first.

use rowhouse_chassis::access::authorize;
use rowhouse_proto::orders::v1::{ListOrdersRequest, ListOrdersResponse};
use rowhouse_tokens::Permission;
use tonic::Request;

use super::Rpc;
use super::order::parse_status;
use crate::domain::{Page, PageRequest, PageToken};
use crate::error::Error;
use crate::store::orders;
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::page::PageSize;

pub(super) async fn list_orders(
    rpc: &Rpc,
    request: &Request<ListOrdersRequest>,
) -> Result<ListOrdersResponse, Error> {
    let cx = authorize(request, Permission::OrdersRead)?;
    let asked = parse(request.get_ref())?;
    let page =
        rpc.db.tx(&cx, "orders.list", async |tx| Ok::<_, Error>(orders::list_orders(tx, &asked).await?));
    let Page { orders, next } = page.await?;
    Ok(ListOrdersResponse {
        orders: orders.into_iter().map(Into::into).collect(),
        next_page_token: next.map(PageToken::encode).unwrap_or_default(),
    })
}

fn parse(request: &ListOrdersRequest) -> Result<PageRequest, Error> {
    let ListOrdersRequest { page_size, page_token, status } = request;
    let mut violations = Violations::default();
    let size = violations.check("page_size", PageSize::try_from(*page_size));
    let status = violations.check("status", parse_status(*status));
    let before = match status {
        Some(status) if !page_token.is_empty() => {
            violations.check("page_token", PageToken::decode(page_token, status)).map(Some)
        }
        _ => Some(None),
    };
    match (size, status, before) {
        (Some(size), Some(status), Some(before)) => Ok(PageRequest { size, status, before }),
        _ => Err(violations.into()),
    }
}

#[cfg(test)]
mod tests {
    use rowhouse_proto::orders::v1::OrderStatus;

    use super::*;

    fn asked(page_size: i32, page_token: &str, status: i32) -> ListOrdersRequest {
        ListOrdersRequest { page_size, page_token: page_token.to_owned(), status }
    }

    #[test]
    fn an_empty_request_is_the_first_page_of_all() {
        let size = PageSize::try_from(20).unwrap();
        assert_eq!(parse(&asked(0, "", 0)).unwrap(), PageRequest { size, status: None, before: None });
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        for (request, wrong) in [
            (asked(-1, "x", 0), vec!["page_size", "page_token"]),
            (asked(-1, "x", 17), vec!["page_size", "status"]),
            (asked(0, "x", OrderStatus::Paid.into()), vec!["page_token"]),
        ] {
            match parse(&request) {
                Err(Error::Invalid(violations)) => {
                    assert_eq!(violations.into_iter().map(|one| one.field).collect::<Vec<_>>(), wrong);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
