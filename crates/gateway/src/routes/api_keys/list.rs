//! Listing API keys.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, get, web};
use rowhouse_proto::auth::v1;
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiKey;
use crate::caller::Caller;
use crate::clients::Clients;
use crate::error::Problem;
use crate::json::{private, write};
use crate::openapi::{CALLER, TenantIdHeader, UPSTREAM, problems};
use crate::query::Page;

problems!(Problems: UPSTREAM, CALLER);

/// A part of the API keys, newest first.
#[derive(Serialize, ToSchema)]
struct ApiKeyPage {
    api_keys: Vec<ApiKey>,
    /// Send it as `page_token` for the next page. Empty on the last page.
    next_page_token: String,
}

/// List API keys
///
/// Those that are not deleted, newest first.
#[utoipa::path(
    tag = "api-keys",
    params(TenantIdHeader, Page),
    responses((status = 200, description = "A page of API keys.", body = ApiKeyPage), Problems),
    security(("bearer" = [])),
)]
#[get("/v1/api-keys")]
pub(crate) async fn list_api_keys(
    caller: Caller,
    Page { page_size, page_token }: Page,
    clients: web::Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let request = clients.of(&caller, v1::ListApiKeysRequest { page_size, page_token });
    let answer = clients.answer(clients.api_keys().list_api_keys(request)).await?;
    let api_keys = answer.api_keys.into_iter().map(ApiKey::try_from).collect::<Result<_, _>>()?;
    write(private(StatusCode::OK), &ApiKeyPage { api_keys, next_page_token: answer.next_page_token })
}
