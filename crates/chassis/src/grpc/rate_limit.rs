//! Rate limits of calls per tenant, person and API key.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::{BoxFuture, Either};
use http::{Request, Response};
use rowhouse_tenancy::TenantContext;
use tonic::body::Body;
use tower::{Layer, Service};

use crate::rate_limit::RateLimiter;

/// A layer after the verification of the token, since it counts by the token's contents.
#[derive(Clone)]
pub(super) struct RateLimitLayer {
    pub(super) limiter: Arc<RateLimiter>,
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimited<S>;

    fn layer(&self, inner: S) -> RateLimited<S> {
        RateLimited { inner, limiter: Arc::clone(&self.limiter) }
    }
}

#[derive(Clone)]
pub(super) struct RateLimited<S> {
    inner: S,
    limiter: Arc<RateLimiter>,
}

impl<S, B> Service<Request<B>> for RateLimited<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error: Send + 'static>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<BoxFuture<'static, Result<Response<Body>, S::Error>>, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let caller = request.extensions().get::<TenantContext>();
        let refusal = caller.and_then(|cx| self.limiter.check(cx.tenant(), cx.principal()).refusal());
        match refusal {
            Some(refusal) => Either::Left(Box::pin(async { Ok(refusal.answer().await.into_http()) })),
            None => Either::Right(self.inner.call(request)),
        }
    }
}
