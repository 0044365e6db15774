//! The clients of the services.

use std::time::Duration;

use rowhouse_catalog::{PerService, ServiceName};
use rowhouse_chassis::admission::{Admission, Applicant};
use rowhouse_chassis::error::Code;
use rowhouse_chassis::grpc::{Deadline, TracedChannel, channel_over, mark_repeatable, set_deadline};
use rowhouse_chassis::program::StartError;
use rowhouse_chassis::tls::CallTls;
use rowhouse_tenancy::grpc::carry_token;
use tonic::{Request, Response, Status, Streaming};

use crate::Config;
use crate::caller::{Caller, Viewer};
use crate::error::Problem;
use crate::origin::Origin;

/// The size limit of a service's answer. An order with 200 lines has about 20 KB, and a page has up to 100 orders.
pub(crate) const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// The additional time after the deadline for an answer that has begun. The channel ends calls without an answer at
/// the deadline.
const GRACE: Duration = Duration::from_millis(500);

/// Marks a call as harmless if it is executed twice, on a condition: a read is, and a call that has an idempotency key.
pub(crate) fn repeatable_if<T>(repeatable: bool, mut call: Request<T>) -> Request<T> {
    if repeatable {
        mark_repeatable(&mut call);
    }
    call
}

/// The channels to the services. They connect when they are first used, and again whenever they have to.
#[derive(Clone)]
pub(crate) struct Clients {
    channels: PerService<TracedChannel>,
    timeout: Duration,
}

impl Clients {
    /// Reads the certificates and creates the channels. Needs a tokio runtime, which drives the connections.
    pub(crate) async fn new(config: &Config) -> Result<Self, StartError> {
        let tls = CallTls::new(&config.tls, &config.calls, config.environment);
        tls.check().await?;
        let channels = PerService::try_from_fn(|service| {
            channel_over(&config.endpoints.0[service], &tls)
                .map(|channel| {
                    channel.admitted_by(Admission::at_client(service, config.admission.max_concurrent_calls))
                })
                .map_err(|error| StartError::Own(format!("--{service}-endpoint: {error}").into()))
        })?;
        Ok(Self { channels, timeout: config.request_timeout })
    }

    pub(crate) fn channel(&self, service: ServiceName) -> TracedChannel {
        self.channels[service].clone()
    }

    /// Creates a call without a caller, with the deadline and the origin of the request.
    pub(crate) fn anonymous<T>(&self, origin: &Origin, message: T) -> Request<T> {
        self.call(origin, Applicant::stranger(origin.client().network(), origin.urgency()), message)
    }

    fn call<T>(&self, origin: &Origin, applicant: Applicant, message: T) -> Request<T> {
        let mut request = Request::new(message);
        set_deadline(&mut request, origin.deadline().map_or(self.timeout, Deadline::remaining));
        applicant.carry(&mut request);
        origin.client().carry(request.metadata_mut());
        request
    }

    /// Creates a call with the caller's token, the deadline and the origin of the request.
    pub(crate) fn of<T>(&self, caller: &Caller, message: T) -> Request<T> {
        let (tenant, urgency) = (caller.tenant(), caller.origin().urgency());
        let applicant = Applicant::in_tenant(tenant, Some(caller.principal()), urgency);
        let mut request = self.call(caller.origin(), applicant, message);
        carry_token(request.metadata_mut(), tenant, caller.token());
        request
    }

    /// A call on behalf of the caller, if there is one.
    pub(crate) fn of_optional<T>(&self, caller: Option<&Caller>, origin: &Origin, message: T) -> Request<T> {
        match caller {
            Some(caller) => self.of(caller, message),
            None => self.anonymous(origin, message),
        }
    }

    /// Creates a call with the token of somebody who reads one tenant.
    pub(crate) fn of_viewer<T>(&self, viewer: &Viewer, message: T) -> Request<T> {
        let applicant = Applicant::in_tenant(viewer.tenant(), viewer.principal(), viewer.origin().urgency());
        let mut request = self.call(viewer.origin(), applicant, message);
        carry_token(request.metadata_mut(), viewer.tenant(), viewer.token());
        request
    }

    /// Returns the next message of a streamed answer, or `None` at its end.
    pub(crate) async fn next<T>(&self, pieces: &mut Streaming<T>) -> Result<Option<T>, Problem> {
        self.in_time(pieces.message()).await
    }

    /// Returns the answer to a call.
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
                Code::DEADLINE_EXCEEDED,
                "the answer did not arrive in time: try again later, or request less",
            )),
        }
    }
}
