//! The enforcement of the access that the API definition declares.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::Either;
use http::{Request, Response};
use rowhouse_tenancy::TenantContext;
use tonic::body::Body;
use tower::{Layer, Service};

use crate::access::AccessRules;
use crate::error::IntoStatus;

/// A layer after the verification of the token and before the handlers.
#[derive(Clone)]
pub(super) struct AccessLayer {
    pub(super) rules: Arc<AccessRules>,
}

impl<S> Layer<S> for AccessLayer {
    type Service = AccessControlled<S>;

    fn layer(&self, inner: S) -> AccessControlled<S> {
        AccessControlled { inner, rules: Arc::clone(&self.rules) }
    }
}

#[derive(Clone)]
pub(super) struct AccessControlled<S> {
    inner: S,
    rules: Arc<AccessRules>,
}

impl<S, B> Service<Request<B>> for AccessControlled<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<Ready<Result<Response<Body>, S::Error>>, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let caller = request.extensions().get::<TenantContext>();
        match self.rules.check(request.uri().path(), caller) {
            Ok(()) => Either::Right(self.inner.call(request)),
            Err(denied) => Either::Left(ready(Ok(denied.into_status("access").into_http()))),
        }
    }
}
