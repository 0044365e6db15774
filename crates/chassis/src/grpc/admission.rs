//! Admission control of the calls to this process.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use rowhouse_tenancy::TenantContext;
use rowhouse_tokens::Principal;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::deadline::Deadline;
use super::malformed::{MAX_REQUEST, too_large, unreadable};
use crate::admission::{Admission, Applicant, Arriving, NoRoom, PRIORITY, Room, urgency, while_admitted};
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
            let applicant = applicant(&request);
            let request = match arrived(request, &admission, applicant).await {
                Ok(request) => request,
                Err(refusal) => return Ok(refusal.into_http()),
            };
            let deadline = request.extensions().get::<Deadline>().copied();
            match admission.enter(applicant, deadline).await {
                Ok(permit) => while_admitted(permit, inner.call(request)).await,
                Err(refusal) => Ok(refusal.into_http()),
            }
        })
    }
}

/// Waits for the message of a call, of which all have one: a client that is slow to send it takes no place. It takes memory, of which
/// its party has a part.
pub(super) async fn arrived(
    request: Request<Body>,
    admission: &Admission,
    applicant: Applicant,
) -> Result<Request<Body>, Status> {
    let (parts, mut body) = request.into_parts();
    let mut message = admission.arriving(applicant);
    let full = |NoRoom| admission.overloaded(applicant);
    loop {
        let next = poll_fn(|context| {
            let frame = Pin::new(&mut body).poll_frame(context);
            if frame.is_pending()
                && let Err(refusal) = message.wait()
            {
                return Poll::Ready(Err(refusal));
            }
            frame.map(Ok)
        });
        let frame = match next.await.map_err(full)? {
            Some(Ok(frame)) => frame,
            // The stream was reset, so the answer is for the log.
            Some(Err(_reset)) => return Err(unreadable("it did not arrive to its end")),
            None => break,
        };
        let Some(piece) = frame.data_ref() else { continue };
        if message.len() + piece.len() > MAX_REQUEST + PREFIX {
            return Err(too_large());
        }
        if let ([_, prefix @ ..], true) = (&**piece, message.is_empty())
            && let Some(length) = prefix.first_chunk()
        {
            let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            message.announce(length.saturating_add(PREFIX));
        }
        message.push(piece).map_err(full)?;
    }
    Ok(Request::from_parts(parts, Body::new(Message::from(message))))
}

/// A message that has arrived. It takes memory until it is read: its queue for a place is long enough for many of them.
struct Message {
    bytes: Option<Bytes>,
    _room: Option<Room>,
}

impl From<Arriving> for Message {
    fn from(arrived: Arriving) -> Self {
        let (bytes, room) = arrived.finish();
        Self { bytes: Some(bytes).filter(|bytes| !bytes.is_empty()).map(Bytes::from), _room: room }
    }
}

impl HttpBody for Message {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(
            self.bytes.as_ref().map_or(0, |bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX)),
        )
    }
}

pub(super) fn applicant(request: &Request<Body>) -> Applicant {
    let urgency = urgency(request.headers().get_all(PRIORITY).iter().map(HeaderValue::as_bytes));
    match request.extensions().get::<TenantContext>() {
        // A service calls for tenants that do not exist yet, of which a stranger could make as many as they like.
        Some(caller) if !matches!(caller.principal(), Some(Principal::Service { .. })) => {
            Applicant::in_tenant(caller.tenant(), caller.principal(), urgency)
        }
        _ => Applicant::stranger(request.extensions().get().and_then(Client::network), urgency),
    }
}
