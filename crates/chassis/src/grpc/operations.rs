//! Health and reflection. They are served without authentication: probes have no token, and they reveal nothing about
//! tenants.
//!
//! So anybody can call them. A check has a message like every call, and what streams, such as a watch, has one of a number of places.

use std::convert::Infallible;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::{BoxFuture, Either};
use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tower::{Layer, Service};

use super::admission::{applicant, arrived};
use super::permitted_body::hold;
use super::rpc::Rpc;
use crate::admission::Admission;

/// The method that is not a stream.
const CHECK: &str = "/grpc.health.v1.Health/Check";

#[derive(Clone)]
pub(super) struct OperationsLayer {
    pub(super) routes: Routes,
    pub(super) admission: Admission,
    /// The time for which a reader may take nothing.
    pub(super) unread_limit: Duration,
}

impl OperationsLayer {
    async fn serve(mut self, request: Request<Body>) -> Result<Response<Body>, Status> {
        let applicant = applicant(&request);
        if request.uri().path() == CHECK {
            let request = arrived(request, &self.admission, applicant).await?;
            let Ok(answer) = self.routes.call(request).await;
            return Ok(answer);
        }
        let place = self.admission.enter_watch(applicant)?;
        let Ok(answer) = self.routes.call(request).await;
        Ok(hold(place, answer, self.unread_limit))
    }
}

impl<S> Layer<S> for OperationsLayer {
    type Service = Operations<S>;

    fn layer(&self, inner: S) -> Operations<S> {
        Operations { layer: self.clone(), inner }
    }
}

#[derive(Clone)]
pub(super) struct Operations<S> {
    layer: OperationsLayer,
    inner: S,
}

impl<S> Service<Request<Body>> for Operations<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<BoxFuture<'static, Result<Response<Body>, Infallible>>, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // The routes are always ready.
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if Rpc::of(request.uri().path()).is_operational() {
            let layer = self.layer.clone();
            Either::Left(Box::pin(async { Ok(layer.serve(request).await.unwrap_or_else(Status::into_http)) }))
        } else {
            Either::Right(self.inner.call(request))
        }
    }
}
