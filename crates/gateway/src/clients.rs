//! Calling the services.

use std::time::Duration;

use rowhouse_catalog::{PerService, ServiceName};
use rowhouse_chassis::error::Code;
use rowhouse_chassis::grpc::{EndpointError, TracedChannel, channel, set_deadline};
use rowhouse_tenancy::grpc::carry_token;
use tonic::{Request, Response, Status, Streaming};

use crate::Config;
use crate::caller::{Caller, Viewer};
use crate::error::Problem;
use crate::origin::Origin;

/// An order with 200 lines has some 20 KB, and a page has 100 orders.
pub(crate) const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// The channel ends a call that is not answered at its deadline; this much later, an answer that began and does
/// not end is given up.
const GRACE: Duration = Duration::from_millis(500);

/// The channels to the services. They connect when they are first used, and again whenever they have to.
#[derive(Clone)]
pub(crate) struct Clients {
    channels: PerService<TracedChannel>,
    timeout: Duration,
}

impl Clients {
    /// Needs a tokio runtime, which then drives the connections.
    pub(crate) fn new(config: &Config) -> Result<Self, EndpointError> {
        let channels = PerService::try_from_fn(|service| channel(&config.endpoints.0[service]))?;
        Ok(Self { channels, timeout: config.request_timeout })
    }

    pub(crate) fn channel(&self, service: ServiceName) -> TracedChannel {
        self.channels[service].clone()
    }

    /// The channels to all services.
    pub(crate) const fn channels(&self) -> &PerService<TracedChannel> {
        &self.channels
    }

    /// A call on nobody's behalf, with the deadline and where the request comes from.
    pub(crate) fn anonymous<T>(&self, origin: &Origin, message: T) -> Request<T> {
        let mut request = Request::new(message);
        set_deadline(&mut request, self.timeout);
        origin.client().carry(request.metadata_mut());
        request
    }

    /// A call on the caller's behalf, with the deadline and where the request comes from.
    pub(crate) fn of<T>(&self, caller: &Caller, message: T) -> Request<T> {
        let mut request = self.anonymous(caller.origin(), message);
        carry_token(request.metadata_mut(), caller.tenant(), caller.token());
        request
    }

    /// A call on behalf of the caller, if there is one.
    pub(crate) fn of_optional<T>(&self, caller: Option<&Caller>, origin: &Origin, message: T) -> Request<T> {
        match caller {
            Some(caller) => self.of(caller, message),
            None => self.anonymous(origin, message),
        }
    }

    /// A call on behalf of somebody who looks at one tenant.
    pub(crate) fn of_viewer<T>(&self, viewer: &Viewer, message: T) -> Request<T> {
        let mut request = self.anonymous(viewer.origin(), message);
        carry_token(request.metadata_mut(), viewer.tenant(), viewer.token());
        request
    }

    /// The next piece of an answer that comes in pieces; nothing when it has ended.
    pub(crate) async fn next<T>(&self, pieces: &mut Streaming<T>) -> Result<Option<T>, Problem> {
        self.in_time(pieces.message()).await
    }

    /// The answer to a call.
    pub(crate) async fn answer<T>(
        &self,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Problem> {
        self.in_time(call).await.map(Response::into_inner)
    }

    async fn in_time<T>(&self, answer: impl Future<Output = Result<T, Status>>) -> Result<T, Problem> {
        match tokio::time::timeout(self.timeout + GRACE, answer).await {
            Ok(answer) => Ok(answer?),
            Err(_elapsed) => Err(Problem::new(
                Code::DeadlineExceeded,
                "the answer did not arrive in time: try again later, or ask for less",
            )),
        }
    }
}
