//! HEAD requests, which are answered as GET without the body.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::Error;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::web::Bytes;

/// Answers HEAD like GET.
pub(crate) async fn head(mut request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse, Error> {
    if request.method() != Method::HEAD {
        return next.call(request).await;
    }
    request.head_mut().method = Method::GET;
    // The server would leave the body out by itself, but only after reading it to its end.
    Ok(next.call(request).await?.map_body(|_, body| UnreadBody(body.size()).boxed()))
}

/// A body of which only the size is known.
struct UnreadBody(BodySize);

impl MessageBody for UnreadBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        self.0
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        Poll::Ready(None)
    }
}
