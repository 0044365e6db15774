//! The health of other processes.

use std::time::Duration;

use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::grpc::{TracedChannel, set_deadline};

const TIMEOUT: Duration = Duration::from_secs(2);

/// Returns whether `service` of another process reports that it is ready, within two seconds.
pub async fn is_serving(channel: &TracedChannel, service: &str) -> bool {
    let mut request = tonic::Request::new(HealthCheckRequest { service: service.to_owned() });
    set_deadline(&mut request, TIMEOUT);
    let answer = HealthClient::new(channel.clone()).check(request).await;
    answer.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving)
}
