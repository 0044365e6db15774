//! Reading an order.

use actix_web::http::StatusCode;
use actix_web::http::header::ETAG;
use actix_web::{HttpRequest, HttpResponse, get, web};
use rowhouse_chassis::error::Code;
use rowhouse_proto::orders::v1;

use super::{Order, tagged};
use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::headers::has_already;
use crate::json::{private, write};
use crate::openapi::{CALLER, IfNoneMatchHeader, TenantIdHeader, UPSTREAM, problems};
use crate::query::NoQuery;
use crate::routes::Id;

problems!(Problems: UPSTREAM, CALLER, &[Code::OrderNotFound]);

/// Read an order
///
/// Another tenant's order gets the same answer as one that does not exist.
#[utoipa::path(
    tag = "orders",
    params(
        TenantIdHeader,
        IfNoneMatchHeader,
        ("id" = String, Path, format = "uuid", example = "01990a5e-0b7c-7d31-8f5e-6a1b2c3d4e5f"),
    ),
    responses(
        (status = 200, description = "The order.", body = Order, headers(
            ("ETag" = String, description = "The order's version, for `If-Match` and `If-None-Match`."),
        )),
        (status = 304, description = "The order is as `If-None-Match` has it.", headers(
            ("ETag" = String, description = "The order's version."),
        )),
        Problems,
    ),
    security(("bearer" = [])),
)]
#[get("/v1/orders/{id}")]
pub(crate) async fn get_order(
    caller: Caller,
    _: NoQuery,
    Id(id): Id,
    request: HttpRequest,
    clients: web::Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let answer =
        clients.answer(clients.orders().get_order(clients.of(&caller, v1::GetOrderRequest { id }))).await?;
    let (etag, order) = tagged(answer.order)?;
    let unchanged = has_already(&request, &etag);
    let mut response = private(if unchanged { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
    response.insert_header((ETAG, etag));
    if unchanged { Ok(response.finish()) } else { write(response, &order) }
}
