//! Admission control of the calls to this process.

use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use rowhouse_tenancy::TenantContext;
use rowhouse_tokens::Principal;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::deadline::Deadline;
use super::server::MAX_REQUEST;
use crate::admission::{Admission, Applicant, PRIORITY, urgency, while_admitted};
use crate::client::Client;

/// The bytes before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// A layer after the verification of the token, since tenants take turns, and after the rate limits, whose refusals take no place.
#[derive(Clone)]
pub(super) struct AdmissionLayer {
    pub(super) admission: Admission,
}

impl<S> Layer<S> for AdmissionLayer {
    type Service = WithAdmission<S>;

    fn layer(&self, inner: S) -> WithAdmission<S> {
        WithAdmission { inner, admission: self.admission.clone() }
    }
}

#[derive(Clone)]
pub(super) struct WithAdmission<S> {
    inner: S,
    admission: Admission,
}

impl<S> Service<Request<Body>> for WithAdmission<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The instance that was polled ready is called; its clone replaces it for the next request.
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        let admission = self.admission.clone();
        Box::pin(async move {
            let request = match arrived(request).await {
                Ok(request) => request,
                Err(refusal) => return Ok(refusal.into_http()),
            };
            let deadline = request.extensions().get::<Deadline>().copied();
            match admission.enter(applicant(&request), deadline).await {
                Ok(permit) => while_admitted(permit, inner.call(request)).await,
                Err(refusal) => Ok(refusal.into_http()),
            }
        })
    }
}

/// Waits for the message of a call, of which all have one: a client that is slow to send it takes no place.
async fn arrived(request: Request<Body>) -> Result<Request<Body>, Status> {
    let (parts, body) = request.into_parts();
    let message = Limited::new(body, MAX_REQUEST + PREFIX).collect().await.map_err(|error| {
        // As tonic answers to a message that is too large.
        if error.is::<LengthLimitError>() {
            Status::out_of_range("the message is too large")
        } else {
            Status::cancelled("the message did not arrive")
        }
    })?;
    Ok(Request::from_parts(parts, Body::new(Full::new(message.to_bytes()))))
}

fn applicant(request: &Request<Body>) -> Applicant {
    let urgency = urgency(request.headers().get_all(PRIORITY).iter().map(HeaderValue::as_bytes));
    match request.extensions().get::<TenantContext>() {
        // A service calls for tenants that do not exist yet, of which a stranger could make as many as they like.
        Some(caller) if !matches!(caller.principal(), Some(Principal::Service { .. })) => {
            Applicant::in_tenant(caller.tenant(), caller.principal(), urgency)
        }
        _ => Applicant::stranger(request.extensions().get().and_then(Client::network), urgency),
    }
}
