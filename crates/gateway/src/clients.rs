//! The clients of the services.

use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use rowhouse_catalog::{PerService, ServiceName};
use rowhouse_chassis::admission::{Admission, Applicant};
use rowhouse_chassis::error::Code;
use rowhouse_chassis::grpc::{
    Deadline, StreamedMethods, TracedChannel, channel_over, mark_repeatable, set_deadline,
};
use rowhouse_chassis::program::StartError;
use rowhouse_chassis::tls::CallTls;
use rowhouse_proto::FILE_DESCRIPTOR_SET;
use rowhouse_tenancy::grpc::carry_token;
use tonic::{Request, Response, Status, Streaming};

use crate::Config;
use crate::arrival::{TimeLimit, deadline};
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
pub(crate) struct Channels(PerService<TracedChannel>);

impl Channels {
    /// Reads the certificates and creates the channels.
    pub(crate) async fn new(config: &Config) -> Result<Self, StartError> {
        let tls = CallTls::new(&config.tls, &config.calls, config.environment);
        tls.check().await?;
        let streamed =
            StreamedMethods::of(FILE_DESCRIPTOR_SET).map_err(|error| StartError::Own(error.into()))?;
        let channels = PerService::try_from_fn(|service| {
            channel_over(&config.endpoints.0[service], &tls)
                .map(|channel| {
                    let admission = Admission::at_client(service, config.admission.max_concurrent_calls);
                    channel.admitted_by(admission, streamed.clone(), config.request_timeout)
                })
                .map_err(|error| StartError::Own(format!("--{service}-endpoint: {error}").into()))
        })?;
        Ok(Self(channels))
    }

    /// Returns channels with connections of their own, for a thread with a runtime of its own.
    pub(crate) fn on_this_runtime(&self) -> Self {
        Self(PerService::from_fn(|service| self.0[service].on_this_runtime()))
    }

    /// Returns the bound on the calls to a service.
    pub(crate) fn admission(&self, service: ServiceName) -> Option<&Admission> {
        self.0[service].admission()
    }
}

/// The clients of the services, with the deadline of one request.
pub(crate) struct Clients {
    channels: web::Data<Channels>,
    deadline: Deadline,
    /// The time limit for each next message of a streamed answer.
    limit: Duration,
}

impl Clients {
    fn of_request(request: &HttpRequest) -> Option<Self> {
        Some(Self {
            channels: request.app_data::<web::Data<Channels>>()?.clone(),
            deadline: deadline(request)?,
            limit: request.app_data::<web::Data<TimeLimit>>()?.0,
        })
    }

    pub(crate) fn channel(&self, service: ServiceName) -> TracedChannel {
        self.channels.0[service].clone()
    }

    /// Creates a call without a caller, with the deadline and the origin of the request.
    pub(crate) fn anonymous<T>(&self, origin: &Origin, message: T) -> Request<T> {
        self.call(origin, Applicant::stranger(origin.client().network(), origin.urgency()), message)
    }

    fn call<T>(&self, origin: &Origin, applicant: Applicant, message: T) -> Request<T> {
        let mut request = Request::new(message);
        set_deadline(&mut request, self.deadline.remaining());
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

    /// Returns the next message of a streamed answer, or `None` at its end. Each has the time of a request: a long stream is not cut.
    pub(crate) async fn next<T>(&self, pieces: &mut Streaming<T>) -> Result<Option<T>, Problem> {
        in_time(self.limit, pieces.message()).await
    }

    /// Returns the answer to a call, whose last byte has to arrive before the deadline of the request.
    pub(crate) async fn answer<T>(
        &self,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Problem> {
        in_time(self.deadline.remaining(), call).await.map(Response::into_inner)
    }
}

impl FromRequest for Clients {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of_request(request).ok_or_else(|| {
            tracing::error!("the application has no channels, or the request has no deadline");
            Problem::internal()
        }))
    }
}

async fn in_time<T>(limit: Duration, answer: impl Future<Output = Result<T, Status>>) -> Result<T, Problem> {
    match tokio::time::timeout(limit + GRACE, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_elapsed) => Err(Problem::new(
            Code::DEADLINE_EXCEEDED,
            "the answer did not arrive in time: try again later, or request less",
        )),
    }
}
