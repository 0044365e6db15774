//! Placing an order.

use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, LOCATION};
use actix_web::{HttpResponse, post, web};
use rowhouse_chassis::error::Code;
use rowhouse_proto::orders::v1;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Order, OrderPriority, tagged};
use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::headers::IdempotencyKey;
use crate::json::{Body, objects, private, whole_number, write};
use crate::openapi::{BODY, CALLER, IdempotencyKeyHeader, TenantIdHeader, UPSTREAM, problems};
use crate::query::NoQuery;

problems!(Problems: UPSTREAM, CALLER, BODY, &[Code::IdempotencyKeyReused]);

/// What is ordered, and for whom.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateOrder {
    #[schema(min_length = 1, max_length = 200, example = "Alice")]
    customer: String,
    /// ISO 4217.
    #[schema(pattern = "^[A-Z]{3}$", example = "EUR")]
    currency: String,
    #[serde(deserialize_with = "objects")]
    #[schema(min_items = 1, max_items = 200)]
    lines: Vec<NewOrderLine>,
    /// Normal when absent.
    priority: Option<OrderPriority>,
}

/// So many of one thing at a price.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewOrderLine {
    #[schema(min_length = 1, max_length = 64, example = "chair")]
    sku: String,
    #[serde(deserialize_with = "whole_number")]
    #[schema(minimum = 1, maximum = 1_000_000, example = 2)]
    quantity: i64,
    /// Minor units of the order's currency.
    #[serde(deserialize_with = "whole_number")]
    #[schema(minimum = 0, example = 4950)]
    unit_price_minor: i64,
}

/// Place an order
#[utoipa::path(
    tag = "orders",
    params(TenantIdHeader, IdempotencyKeyHeader),
    request_body = CreateOrder,
    responses(
        (status = 201, description = "The order.", body = Order, headers(
            ("ETag" = String, description = "The order's version, for `If-Match` and `If-None-Match`."),
            ("Location" = String, description = "Where the order is."),
        )),
        Problems,
    ),
    security(("bearer" = [])),
)]
#[post("/v1/orders")]
pub(crate) async fn create_order(
    caller: Caller,
    _: NoQuery,
    clients: web::Data<Clients>,
    IdempotencyKey(idempotency_key): IdempotencyKey,
    Body(CreateOrder { customer, currency, lines, priority }): Body<CreateOrder>,
) -> Result<HttpResponse, Problem> {
    let line =
        |NewOrderLine { sku, quantity, unit_price_minor }| v1::OrderLine { sku, quantity, unit_price_minor };
    let lines = lines.into_iter().map(line).collect();
    let priority = priority.map_or(v1::OrderPriority::Unspecified, Into::into).into();
    let message = v1::CreateOrderRequest { customer, currency, lines, idempotency_key, priority };
    let request = clients.of(&caller, message);
    let answer = clients.answer(clients.orders().create_order(request)).await?;
    let (etag, order) = tagged(answer.order)?;
    let mut response = private(StatusCode::CREATED);
    response.insert_header((ETAG, etag)).insert_header((LOCATION, format!("/v1/orders/{}", order.id)));
    write(response, &order)
}
