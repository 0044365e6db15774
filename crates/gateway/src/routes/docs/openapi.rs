//! The OpenAPI document.

use actix_web::http::header::{CACHE_CONTROL, ContentType, X_CONTENT_TYPE_OPTIONS};
use actix_web::{HttpResponse, web};

use crate::openapi::Served;

/// The OpenAPI document
pub(crate) async fn openapi(api: web::Data<Served>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(ContentType::json())
        .insert_header((CACHE_CONTROL, "public, max-age=300"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(api.json.clone())
}
