//! Admission control of the calls to this process.

use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response};
use rowhouse_tenancy::TenantContext;
use tonic::body::Body;
use tower::{Layer, Service};

use super::deadline::Deadline;
use crate::admission::{Admission, Asker, PRIORITY, urgency, while_admitted};
use crate::client::Client;

/// A layer after the verification of the token, since parties take turns, and after the rate limits, whose refusals take no place.
#[derive(Clone)]
pub(super) struct AdmissionLayer {
    pub(super) admission: Admission,
}

impl<S> Layer<S> for AdmissionLayer {
    type Service = Admitted<S>;

    fn layer(&self, inner: S) -> Admitted<S> {
        Admitted { inner, admission: self.admission.clone() }
    }
}

#[derive(Clone)]
pub(super) struct Admitted<S> {
    inner: S,
    admission: Admission,
}

impl<S, B> Service<Request<B>> for Admitted<S>
where
    S: Service<Request<B>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The instance that was polled ready is called; its clone replaces it for the next request.
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        let admission = self.admission.clone();
        Box::pin(async move {
            let deadline = request.extensions().get::<Deadline>().copied();
            match admission.enter(asker(&request), deadline).await {
                Ok(place) => while_admitted(place, inner.call(request)).await,
                Err(refusal) => Ok(refusal.into_http()),
            }
        })
    }
}

fn asker<B>(request: &Request<B>) -> Asker {
    let urgency = urgency(request.headers().get_all(PRIORITY).iter().map(HeaderValue::as_bytes));
    match request.extensions().get::<TenantContext>() {
        Some(caller) => Asker::in_tenant(caller.tenant(), caller.principal(), urgency),
        None => {
            let network = request.extensions().get().and_then(Client::network);
            Asker::stranger(network, urgency)
        }
    }
}
