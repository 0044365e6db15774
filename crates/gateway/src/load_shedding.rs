//! Load shedding: a request that would find the queue of its service full is refused before anything else is done for it.
//!
//! When clients ask for several times of what a service can do, most requests are refused, and the time that a refusal takes is missing
//! for the others. So a refusal here has no span and no log line, and reads nothing of the request but its head. It counts against the
//! tenant's rate limit, and is measured, like every other answer.

use std::time::{Duration, Instant};

use actix_web::body::BoxBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::ResponseError;
use actix_web::http::header::{AUTHORIZATION, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, web};
use futures_util::StreamExt;
use rowhouse_chassis::admission::Applicant;
use rowhouse_chassis::telemetry::traceparent_without_span;
use rowhouse_tenancy::TenantId;
use rowhouse_tenancy::grpc::bearer_token;
use rowhouse_tokens::{VerifiedToken, Verifier};
use tokio::time::timeout;

use crate::body;
use crate::clients::Channels;
use crate::error::Problem;
use crate::limits::{admit, write_limits};
use crate::metrics;
use crate::origin::priority;
use crate::request_name::RequestName;
use crate::rest;
use crate::route::Route;

/// The time for which the body of a refused request is awaited. The connection can be used again if it has arrived by then.
const DISCARD_LIMIT: Duration = Duration::from_secs(1);

/// Refuses a request of a known caller whose tenant would get no place in the queue of the service, and lets all others in: they wait, or
/// are refused, when their calls are made.
pub(crate) async fn shed_load(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, Error> {
    let Some(Refused { route, after, token }) = refusal(&request) else { return next.call(request).await };
    let arrived = Instant::now();
    let name = RequestName::at(route, &request);
    let traceparent = traceparent_without_span(|header| request.headers().get(header)?.to_str().ok());
    let (request, payload) = request.into_parts();
    let admitted = admit(&request, TenantId::from_uuid(token.tenant_id()), Some(token.principal())).await;
    let problem = admitted.err().unwrap_or_else(|| Problem::overloaded(after)).in_trace(traceparent);
    discard(payload).await;
    metrics::ended(&name, Some(problem.status_code()), Some(problem.code()), arrived.elapsed());
    let mut response = problem.error_response();
    write_limits(&request, response.headers_mut());
    Ok(ServiceResponse::new(request, response))
}

/// A request that is refused.
struct Refused {
    route: Route,
    /// The time after which its caller may come back.
    after: Duration,
    token: VerifiedToken,
}

fn refusal(request: &ServiceRequest) -> Option<Refused> {
    let route = rest::route(request.path()).filter(|route| route.is_in_tenant(request.method()))?;
    let channels = request.app_data::<web::Data<Channels>>()?;
    let admission =
        channels.admission(route.service).filter(|admission| admission.occupancy().waiting > 0)?;
    let authorization = request.headers().get_all(AUTHORIZATION).map(HeaderValue::as_bytes);
    let token = request.app_data::<web::Data<Verifier>>()?.recall(bearer_token(authorization)?)?;
    let tenant = TenantId::from_uuid(token.tenant_id());
    let applicant = Applicant::in_tenant(tenant, Some(token.principal()), priority(request.headers()));
    Some(Refused { route, after: admission.refusal(applicant)?, token })
}

/// Reads the body to its end, or for some time: the answer to a request that is still arriving ends the connection.
async fn discard(mut payload: Payload) {
    if matches!(payload, Payload::None) {
        return;
    }
    let reading = async {
        let mut length = 0;
        while let Some(Ok(chunk)) = payload.next().await {
            length += chunk.len();
            if length > body::LARGE {
                return;
            }
        }
    };
    // A slow or large body is left unread.
    let _late = timeout(DISCARD_LIMIT, reading).await;
}
