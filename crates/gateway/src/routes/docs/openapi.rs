//! The OpenAPI document.

use actix_web::http::header::{CACHE_CONTROL, ContentType, ETAG, X_CONTENT_TYPE_OPTIONS};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::headers::has_already;
use crate::openapi::ServedDocument;

/// Serves the OpenAPI document.
pub(crate) async fn openapi(request: HttpRequest, api: web::Data<ServedDocument>) -> HttpResponse {
    let unchanged = has_already(&request, &api.etag);
    let mut response = if unchanged { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((ETAG, api.etag.as_str()))
        .insert_header((CACHE_CONTROL, "public, max-age=300"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"));
    if unchanged {
        response.finish()
    } else {
        response.insert_header(ContentType::json()).body(api.json.clone())
    }
}
