//! Health watches of unknown services.

use std::future::ready;
use std::pin::Pin;

use futures_util::{Stream, StreamExt, stream};
use tonic::{Code, Request, Response, Status, async_trait};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_health::server::{HealthReporter, HealthService};

type Answer = Result<HealthCheckResponse, Status>;

/// The health service, which answers a watch of an unknown name as the protocol requires: with `SERVICE_UNKNOWN`, on
/// a stream that stays open. The library ends such a call with `NOT_FOUND`, which is correct for a check only.
pub(super) struct Watched(HealthService);

impl Watched {
    pub(super) fn new(reporter: &HealthReporter) -> Self {
        Self(HealthService::from_health_reporter(reporter.clone()))
    }
}

#[async_trait]
impl Health for Watched {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        self.0.check(request).await
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Answer> + Send>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        match self.0.watch(request).await {
            Ok(known) => Ok(Response::new(known.into_inner().boxed())),
            Err(status) if status.code() == Code::NotFound => {
                // This watch ends with the server.
                let server = self.0.watch(Request::new(HealthCheckRequest::default())).await?.into_inner();
                let unknown = HealthCheckResponse { status: ServingStatus::ServiceUnknown.into() };
                let first = stream::once(ready(Ok(unknown)));
                Ok(Response::new(first.chain(server.filter_map(|_| ready(None))).boxed()))
            }
            Err(status) => Err(status),
        }
    }
}
