//! Health and reflection. They are served without authentication: probes have no token, and they reveal nothing about
//! tenants.

use std::convert::Infallible;
use std::task::{Context, Poll};

use futures_util::future::Either;
use http::{Request, Response};
use tonic::body::Body;
use tonic::service::Routes;
use tower::{Layer, Service};

use super::rpc::Rpc;

#[derive(Clone)]
pub(super) struct OperationsLayer {
    pub(super) routes: Routes,
}

impl<S> Layer<S> for OperationsLayer {
    type Service = Operations<S>;

    fn layer(&self, inner: S) -> Operations<S> {
        Operations { routes: self.routes.clone(), inner }
    }
}

#[derive(Clone)]
pub(super) struct Operations<S> {
    routes: Routes,
    inner: S,
}

impl<S> Service<Request<Body>> for Operations<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<<Routes as Service<Request<Body>>>::Future, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Routes are always ready.
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if Rpc::of(request.uri().path()).is_operational() {
            Either::Left(self.routes.call(request))
        } else {
            Either::Right(self.inner.call(request))
        }
    }
}
