//! Listing orders.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, HttpResponse, get, web};
use rowhouse_proto::orders::v1;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Order, OrderStatus};
use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{private, write};
use crate::openapi::{CALLER, TenantIdHeader, UPSTREAM, problems};
use crate::query::{one_of, page_size, parameters};

problems!(Problems: UPSTREAM, CALLER);

/// Which orders, and how many.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// At most this many orders; 20 when absent, more than 100 means 100.
    #[param(value_type = Option<i32>, minimum = 1, example = 20)]
    page_size: i32,
    /// The `next_page_token` of the page before; the other parameters must be as they were.
    #[param(value_type = Option<String>)]
    page_token: String,
    /// Only orders in this status.
    status: Option<OrderStatus>,
}

impl FromRequest for Filter {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::parse(request.query_string()))
    }
}

impl Filter {
    fn parse(query: &str) -> Result<Self, Problem> {
        let [size, token, status] = parameters(query, ["page_size", "page_token", "status"])?;
        Ok(Self {
            page_size: page_size(size)?,
            page_token: token.map(Into::into).unwrap_or_default(),
            status: one_of("status", status, "placed, paid, fulfilled, cancelled")?,
        })
    }
}

/// A part of the orders, newest first.
#[derive(Serialize, ToSchema)]
struct OrderPage {
    orders: Vec<Order>,
    /// Send it as `page_token` for the next page. Empty on the last page.
    next_page_token: String,
}

/// List orders
///
/// Newest first.
#[utoipa::path(
    tag = "orders",
    params(TenantIdHeader, Filter),
    responses((status = 200, description = "A page of orders.", body = OrderPage), Problems),
    security(("bearer" = [])),
)]
#[get("/v1/orders")]
pub(crate) async fn list_orders(
    caller: Caller,
    Filter { page_size, page_token, status }: Filter,
    clients: web::Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let request = clients.of(
        &caller,
        v1::ListOrdersRequest {
            page_size,
            page_token,
            status: status.map_or(v1::OrderStatus::Unspecified, Into::into).into(),
        },
    );
    let answer = clients.answer(clients.orders().list_orders(request)).await?;
    let orders = answer.orders.into_iter().map(Order::try_from).collect::<Result<_, _>>()?;
    write(private(StatusCode::OK), &OrderPage { orders, next_page_token: answer.next_page_token })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_it_may_be_left_out() {
        let Filter { page_size, page_token, status } = Filter::parse("").unwrap();
        assert!(page_size == 0 && page_token.is_empty() && status.is_none());
        let filter = Filter::parse("status=paid&page_token=a%3D&page_size=5").unwrap();
        assert_eq!((filter.page_size, filter.page_token.as_str()), (5, "a="));
        assert!(matches!(filter.status, Some(OrderStatus::Paid)));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, field) in [
            ("page_size=", "page_size"),
            ("page_size=ten", "page_size"),
            ("page_size=1.5", "page_size"),
            ("page_size=99999999999999999999", "page_size"),
            ("status=", "status"),
            ("status=Paid", "status"),
            ("status=open", "status"),
            ("size=5", "size"),
            ("page_token=a&page_token=b", "page_token"),
        ] {
            let problem = Filter::parse(query).err().unwrap().to_string();
            assert!(problem.starts_with(&format!("invalid_argument: {field}: ")), "{query}: {problem}");
        }
    }
}
