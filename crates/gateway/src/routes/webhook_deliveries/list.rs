//! Listing deliveries.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, HttpResponse, get, web};
use rowhouse_proto::orders::v1;
use serde::Serialize;
use utoipa::ToSchema;

use super::{WebhookDelivery, WebhookDeliveryState};
use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{private, write};
use crate::openapi::{CALLER, TenantIdHeader, UPSTREAM, problems};
use crate::query::{filled, one_of, page_size, parameters};

problems!(Problems: UPSTREAM, CALLER);

/// Which deliveries, and how many.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// At most this many deliveries; 20 when absent, more than 100 means 100.
    #[param(value_type = Option<i32>, minimum = 1, example = 20)]
    page_size: i32,
    /// The `next_page_token` of the page before; the other parameters must be as they were.
    #[param(value_type = Option<String>)]
    page_token: String,
    /// Only deliveries to this endpoint.
    #[param(format = "uuid", example = "01990a5e-0b7c-7d31-8f5e-6a1b2c3d4e5f")]
    webhook_endpoint_id: Option<String>,
    /// Only deliveries in this state.
    state: Option<WebhookDeliveryState>,
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
        let [size, token, endpoint, state] =
            parameters(query, ["page_size", "page_token", "webhook_endpoint_id", "state"])?;
        Ok(Self {
            page_size: page_size(size)?,
            page_token: token.map(Into::into).unwrap_or_default(),
            webhook_endpoint_id: filled("webhook_endpoint_id", endpoint, "the id of an endpoint")?,
            state: one_of("state", state, "pending, delivered, failed")?,
        })
    }
}

/// A part of the deliveries, newest first.
#[derive(Serialize, ToSchema)]
struct WebhookDeliveryPage {
    webhook_deliveries: Vec<WebhookDelivery>,
    /// Send it as `page_token` for the next page. Empty on the last page.
    next_page_token: String,
}

/// List webhook deliveries
///
/// Newest first. Kept for 30 days.
#[utoipa::path(
    tag = "webhooks",
    params(TenantIdHeader, Filter),
    responses((status = 200, description = "A page of deliveries.", body = WebhookDeliveryPage), Problems),
    security(("bearer" = [])),
)]
#[get("/v1/webhook-deliveries")]
pub(crate) async fn list_webhook_deliveries(
    caller: Caller,
    Filter { page_size, page_token, webhook_endpoint_id, state }: Filter,
    clients: web::Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let message = v1::ListWebhookDeliveriesRequest {
        page_size,
        page_token,
        webhook_endpoint_id: webhook_endpoint_id.unwrap_or_default(),
        state: state.map_or(v1::WebhookDeliveryState::Unspecified, Into::into).into(),
    };
    let request = clients.of(&caller, message);
    let answer = clients.answer(clients.webhooks().list_webhook_deliveries(request)).await?;
    let deliveries = answer.webhook_deliveries.into_iter().map(WebhookDelivery::try_from);
    let webhook_deliveries = deliveries.collect::<Result<_, _>>()?;
    let next_page_token = answer.next_page_token;
    write(private(StatusCode::OK), &WebhookDeliveryPage { webhook_deliveries, next_page_token })
}
