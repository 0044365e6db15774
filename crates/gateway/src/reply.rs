//! [`Reply`], a successful answer with its headers.

use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, LOCATION};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};

use crate::error::Problem;
use crate::headers::has_already;
use crate::json::{Json, Members, uncached_response, write};

/// A successful answer that must not be cached, before it has a body.
pub(crate) struct Reply {
    response: HttpResponseBuilder,
    /// The caller has this version already.
    unchanged: bool,
}

impl Reply {
    /// Creates the answer with a status of success.
    pub(crate) fn new(status: StatusCode) -> Self {
        Self { response: uncached_response(status), unchanged: false }
    }

    pub(crate) fn etag(mut self, etag: &str) -> Self {
        self.response.insert_header((ETAG, etag));
        self
    }

    /// Sets the entity tag, and answers 304 if the request has this version already.
    pub(crate) fn etag_unless(mut self, request: &HttpRequest, etag: &str) -> Self {
        if has_already(request, etag) {
            self = Self { response: uncached_response(StatusCode::NOT_MODIFIED), unchanged: true };
        }
        self.etag(etag)
    }

    pub(crate) fn location(mut self, prefix: &str, id: &str) -> Self {
        self.response.insert_header((LOCATION, format!("{prefix}{id}")));
        self
    }

    pub(crate) fn json<T: Members>(mut self, message: &T) -> Result<HttpResponse, Problem> {
        if self.unchanged { Ok(self.response.finish()) } else { write(self.response, &Json(message)) }
    }

    pub(crate) fn empty(mut self) -> HttpResponse {
        self.response.finish()
    }
}
