//! Changing an order's status or priority.

use actix_web::http::StatusCode;
use actix_web::http::header::ETAG;
use actix_web::{HttpResponse, patch, web};
use rowhouse_chassis::error::Code;
use rowhouse_proto::orders::v1;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Order, OrderPriority, OrderStatus, tagged};
use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::headers::IfMatch;
use crate::json::{Body, present, private, write};
use crate::openapi::{BODY, CALLER, IfMatchHeader, TenantIdHeader, UPSTREAM, problems};
use crate::query::NoQuery;
use crate::routes::Id;

problems!(
    Problems: UPSTREAM, CALLER, BODY,
    &[Code::OrderNotFound, Code::OrderTransitionNotAllowed, Code::EtagMismatch],
);

/// What to change: a status, a priority, or both. What is absent stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateOrder {
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    status: Option<OrderStatus>,
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    priority: Option<OrderPriority>,
}

/// Change an order's status or priority
///
/// The status goes from placed to paid to fulfilled, and from placed or paid to cancelled; the priority may change at any time.
#[utoipa::path(
    tag = "orders",
    params(
        TenantIdHeader,
        IfMatchHeader,
        ("id" = String, Path, format = "uuid", example = "01990a5e-0b7c-7d31-8f5e-6a1b2c3d4e5f"),
    ),
    request_body = UpdateOrder,
    responses(
        (status = 200, description = "The order as it is now.", body = Order, headers(
            ("ETag" = String, description = "The order's new version."),
        )),
        Problems,
    ),
    security(("bearer" = [])),
)]
#[patch("/v1/orders/{id}")]
pub(crate) async fn update_order(
    caller: Caller,
    _: NoQuery,
    IfMatch(etag): IfMatch,
    Id(id): Id,
    clients: web::Data<Clients>,
    Body(UpdateOrder { status, priority }): Body<UpdateOrder>,
) -> Result<HttpResponse, Problem> {
    let message = v1::UpdateOrderRequest {
        id,
        status: status.map_or(v1::OrderStatus::Unspecified, Into::into).into(),
        etag,
        priority: priority.map_or(v1::OrderPriority::Unspecified, Into::into).into(),
    };
    let answer = clients.answer(clients.orders().update_order(clients.of(&caller, message))).await?;
    let (etag, order) = tagged(answer.order)?;
    let mut response = private(StatusCode::OK);
    response.insert_header((ETAG, etag));
    write(response, &order)
}
