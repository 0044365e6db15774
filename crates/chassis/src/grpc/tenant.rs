//! The tenant in a call's span, as soon as it is known.

use std::task::{Context, Poll};

use http::Request;
use rowhouse_tenancy::TenantContext;
use tower::{Layer, Service};
use tracing::{Span, field};

#[derive(Clone, Copy)]
pub(super) struct RecordTenantLayer;

impl<S> Layer<S> for RecordTenantLayer {
    type Service = RecordTenant<S>;

    fn layer(&self, inner: S) -> RecordTenant<S> {
        RecordTenant { inner }
    }
}

#[derive(Clone)]
pub(super) struct RecordTenant<S> {
    inner: S,
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for RecordTenant<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> S::Future {
        if let Some(context) = request.extensions().get::<TenantContext>() {
            Span::current().record("tenant_id", field::display(context.tenant()));
        }
        self.inner.call(request)
    }
}
