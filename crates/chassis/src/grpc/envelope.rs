//! The layers around every call, from the outside in: its span and log line, its deadline, the handling of panics.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{Request, Response};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tower::{Layer, Service};
use tracing::{Instrument, Span};

use super::answer::Answer;
use super::deadline::{self, Deadline};
use super::malformed;
use super::panics;
use super::rpc::{CallLog, Rpc, begins_well};
use crate::access::AccessRules;
use crate::client::TrustedProxies;

#[derive(Clone)]
pub(super) struct EnvelopeLayer {
    pub(super) request_timeout: Duration,
    /// Knows the methods.
    pub(super) access: Arc<AccessRules>,
    /// Determines the origin of each call, for the layers and handlers inside.
    pub(super) proxies: TrustedProxies,
    /// Cancels every running call.
    pub(super) stop: CancellationToken,
}

impl<S> Layer<S> for EnvelopeLayer {
    type Service = Envelope<S>;

    fn layer(&self, inner: S) -> Envelope<S> {
        Envelope { inner, options: self.clone() }
    }
}

#[derive(Clone)]
pub(super) struct Envelope<S> {
    inner: S,
    options: EnvelopeLayer,
}

impl<S> Service<Request<Body>> for Envelope<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        // The instance that was polled ready is called; its clone replaces it for the next request.
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        let budget = deadline::budget(request.headers(), self.options.request_timeout);
        let deadline = Deadline::after(budget);
        let rpc = Rpc::of(request.uri().path());
        let client = self.options.proxies.client(request.headers(), request.extensions().get());
        let operational = rpc.is_operational();
        let span =
            if operational { Span::none() } else { rpc.server_span(request.headers(), client.network()) };
        let stop = self.options.stop.clone();
        let exists = self.options.access.declares(request.uri().path());
        let pending = span.in_scope(|| CallLog::pending(&rpc, exists));
        request.extensions_mut().insert(client);
        request.extensions_mut().insert(deadline);
        let call = async move {
            let handler = panics::catch_panic(async move {
                let Ok(response) = inner.call(request).await;
                malformed::with_details(response)
            });
            let response = deadline::enforce(deadline, &stop, handler).await;
            // A watch of the server's health lasts until a change.
            if operational || !begins_well(&response) {
                pending.answered(&response);
                return Ok(response);
            }
            Ok(Answer::surround(response, pending, budget, stop))
        };
        Box::pin(call.instrument(span))
    }
}
